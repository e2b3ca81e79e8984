"""What the workers of the verifier `math` do: parse, compare and classify with math-verify and SymPy.

Imported in worker processes alone: it loads SymPy, and hostile answers can make it hang or eat memory.
"""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ttscale.verifiers.equivalence import are_different_numbers, class_name

_SHORT = 200
"""Characters of an answer that is remembered when it was parsed, so that memory stays small."""
_REMEMBERED = 4096

Parsed = list[Any]
"""What math-verify makes of a text: an expression where it can, and the normalized string."""


def start() -> Callable[[list[str]], Any]:
    """Load math-verify and return the function that answers jobs.

    Jobs are ``["key", key]``, answered by the key's class, and ``["boxed" | "text", key, answer]``, answered
    by ``[is_correct, answer as read, class]``. Where nothing can be read the answer is None.
    """
    import math_verify

    logging.disable(logging.CRITICAL)  # it logs every failed parse, and that it runs without its own timeout

    def parse(text: str) -> Parsed:
        # Its own timeout is off: it cannot interrupt one long computation, and the pool can.
        parsed: Parsed = math_verify.parse(text, parsing_timeout=None)
        return parsed

    @lru_cache(maxsize=_REMEMBERED)
    def parse_short(text: str) -> Parsed:
        return parse(text)

    @lru_cache(maxsize=_REMEMBERED)
    def name_short(text: str) -> str:
        return class_name(parse_short(text)[0])

    def is_equal(key: Parsed, answer: Parsed) -> bool:
        if are_different_numbers(key[0], answer[0]):
            return False  # as math-verify would find by simplifying their difference
        try:
            return bool(math_verify.verify(key, answer, timeout_seconds=None, raise_on_error=True))
        except MemoryError:
            raise
        except Exception:  # incomparable kinds, division by zero: math-verify's way to say "not equal"
            return False

    def answer_job(job: list[str]) -> Any:
        kind, key, *answer = job
        if kind == "key":
            return name_short(boxed(key)) if parse_short(boxed(key)) else None
        text = boxed(answer[0]) if kind == "boxed" else answer[0]
        is_short = len(text) <= _SHORT  # one wrong answer is often given to many problems
        parsed = parse_short(text) if is_short else parse(text)
        if not parsed:
            return None
        name = name_short(text) if is_short else class_name(parsed[0])
        return [is_equal(parse_short(boxed(key)), parsed), str(parsed[-1]), name]

    return answer_job


def boxed(answer: str) -> str:
    r"""Put an extracted answer where math-verify looks for one."""
    return rf"\boxed{{{answer}}}"
