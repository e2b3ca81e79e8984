"""What the workers of the verifier `math` do: read, name and compare answers.

Imported in worker processes alone: it loads SymPy, and hostile answers can make it hang or eat memory.
"""

import logging
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ttscale.verifiers.formulas.comparing import is_equal
from ttscale.verifiers.formulas.reading import read_answer
from ttscale.verifiers.formulas.readings import Reading

_DENIED = re.compile(r"\b(?:not|cannot|neither|never)\b|n't\b")
"""Words with which a statement says what the answer is not: there is nothing to search for."""

_SHORT = 200
"""Characters of an answer that is remembered when it was read, so that memory stays small."""
_REMEMBERED = 4096


def start() -> Callable[[list[str]], Any]:
    """Load math-verify and return the function that answers jobs.

    Jobs are ``["key", key]``, answered by the key's class; ``["boxed", key, answer]``; and ``["stated" | "text", key, answer,
    completion]``, where an answer that cannot be read is searched for in the completion. They are answered by
    ``[is_correct, answer as read, class]``, or None where nothing can be read.
    """
    import math_verify

    logging.disable(logging.CRITICAL)  # it logs every failed parse, and that it runs without its own timeout
    read_short = lru_cache(maxsize=_REMEMBERED)(read_answer)

    def read(text: str) -> Reading:
        return read_short(text) if len(text) <= _SHORT else read_answer(text)

    def searched(completion: str) -> str | None:
        """Return the formula or number that math-verify finds in a text."""
        # Its own timeout is off: it cannot interrupt one long computation, and the pool can.
        found = math_verify.parse(completion, parsing_timeout=None)
        return str(found[-1]) if found else None

    def answer_job(job: list[str]) -> Any:
        kind, key, *texts = job
        if kind == "key":
            return read(key).name.removeprefix("text:") and read(key).name
        answer, reading = texts[0], read(texts[0]) if kind != "text" else None
        if reading is None or (kind == "stated" and reading.kind == "text" and not _DENIED.search(answer)):
            found = searched(texts[-1])
            if found is None:
                return None
            answer, reading = found, read(found)
        return [is_equal(read(key), reading), answer, reading.name]

    return answer_job
