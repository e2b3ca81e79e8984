"""From a completion to a proof file."""

import re

_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)


def fenced_or_all(completion: str) -> str | None:
    r"""Return the last fenced block of a completion, or all of it where there is none; None if that is blank.

    >>> fenced_or_all("Here:\n```coq\nProof. auto. Qed.\n```\nDone.")
    'Proof. auto. Qed.\n'
    """
    blocks = _FENCE.findall(completion)
    text = str(blocks[-1]) if blocks else completion
    return text if text.strip() else None


def declares(source: str, name: str, keywords: str) -> bool:
    """Say whether a source states something of that name itself, or is only a proof.

    >>> declares("Theorem t : True.", "t", "Theorem|Lemma"), declares("intros. auto.", "t", "Theorem|Lemma")
    (True, False)
    """
    return re.search(rf"\b(?:{keywords})\s+{re.escape(name)}(?![\w'])", source) is not None
