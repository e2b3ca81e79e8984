"""What a curve owes to samples that the token limit cut off."""

import numpy as np
from numpy.typing import NDArray

from ttscale.analysis.reading.verified import VerifiedSamples
from ttscale.showing.numbers import count
from ttscale.store.verdicts import VerdictSet
from ttscale.types import TRUNCATED

_POLICIES = {
    "stated": "of such a sample only an answer stated before the cut counts",
    "as-is": "such samples are read like whole ones",
    "no-answer": "such samples count as unanswered",
}
"""The oracle's option `truncated` in words."""


def truncation_caveats(verified: VerifiedSamples, oracle: VerdictSet) -> list[str]:
    """Say how many samples were cut off, how they count, and what of the curve rests on them."""
    cut = verified.frame["finish_reason"].is_in(list(TRUNCATED)).to_numpy()
    n_cut = int(cut.sum())
    if not n_cut:
        return []
    share = n_cut / cut.size
    shown = f"{share:.1%}" if share >= 0.0005 else "under 0.1%"
    policy = _POLICIES.get(str(oracle.info.options.get("truncated")))
    parts = [
        f"{count(n_cut, 'sample')} ({shown}) {'was' if n_cut == 1 else 'were'} cut off at the token limit"
        + (f"; {policy}" if policy else "")
    ]
    correct = verified.correct
    n_correct, n_both = int(correct.sum()), int((cut & correct).sum())
    if n_correct:
        parts.append(f"{n_both:,} of the {n_correct:,} correct samples are among them")
    solved = _solved(verified, correct)
    alone = solved - _solved(verified, correct & ~cut)
    if alone:
        parts.append(
            f"{len(alone):,} of the {len(solved):,} problems solved are solved by cut-off samples alone: "
            "raise max_tokens, or compare with `truncated: no-answer`"
        )
    return [". ".join(parts) + "."]


def _solved(verified: VerifiedSamples, correct: NDArray[np.bool_]) -> set[int]:
    return set(verified.problem[correct].tolist())
