"""From a completion to a program: what the model wrote, cut out of what it said.

Which of several fenced blocks is the program (`extraction: auto` and `fence`):

1. Blocks in Python count before blocks without a language, and these before blocks in another.
2. Where the tests name functions or classes, it is the last block that defines one; what examples and assertions stand in
   blocks behind it is left out. Names that it lacks come from the last block that defines them.
3. A script is the last block that reads, prints and does so when it is run; else the last that prints; else the last.
4. Functions and classes that it uses, does not define, and an earlier block defines, are put above it.

Without a fence the completion continues the prompt, or is the program. A closing fence without an opening one ends a block
that the prompt opened.
"""

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ttscale.verifiers.code.blocks import (
    Block,
    fenced_blocks,
    is_open,
    unopened_end,
    without_end_tokens,
)

Extraction = Literal["auto", "continuation", "fence", "whole"]

_BEST_FIRST = ("python", "none", "other")
_MOST_BLOCKS = 64
"""Blocks looked at, the last ones."""

_FUTURE = re.compile(r"^from[ \t]+__future__[ \t]+import[ \t]+(?:\([^)]*\)|[^\n;#]*)", re.MULTILINE)
_DEFINITION = re.compile(
    r"^(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE
)
_CALL = re.compile(r"(?<![\w.])([A-Za-z_]\w*)[ \t]*\(")
_READS = re.compile(r"\b(?:input|stdin|fileinput)\b|\bopen\(0|\bread\(0,")
_PRINTS = re.compile(r"\b(?:print|stdout)\b|\bwrite\(1,")
_ACTS = re.compile(
    # A statement at the top level that does more than define: "print(...)", "if ...", "main()", "n = int(input())".
    r"^(?:(?:print|if|for|while|try|with|raise)\b|\[|[A-Za-z_][\w.]*[ \t]*\()"
    r"|^[^\s#@(=][^\n=]*=[^\n]*(?:\b(?:input|stdin)\b|\bopen\(0)",
    re.MULTILINE,
)
_CODE_LINE = re.compile(
    r"[ \t]*(?:(?:def|class|import|from|return|yield|raise|assert|async def|for|while|if|with|try|print|pass|global)\b"
    r"(?=[ \t:(]|$)(?!.*[a-z][.!?]$)|@\w|#|\"\"\"|\'\'\'|[\w.\[\], *]+?[-+*/%|&^]?=(?!=)|[\w.]+\(.*\)[ \t]*$)"
)
_NOT_IN_A_BODY = re.compile(r"(?:def|class|import|from|async def|if __name__)\b|[@#]")


def extract_program(
    completion: str,
    *,
    code_prompt: str = "",
    prompt: str = "",
    entry_points: Iterable[str] = (),
    extraction: Extraction = "auto",
    stop: Sequence[str] = (),
) -> str | None:
    r"""Return the program in a completion, or None if there is none.

    Args:
        completion: The model's text.
        code_prompt: What a continuation continues. A program from a fence is put below it, so that its
            imports and helper functions are there.
        prompt: What the model was shown; where it ends inside a fence, the completion begins inside it.
        entry_points: The names that the tests use.
        extraction: "continuation" appends the completion to the prompt; "fence" takes the fenced block, None if
            there is none; "whole" takes the completion as it is; "auto" prefers a fence, and continues the
            prompt otherwise.
        stop: Texts at which a continuation ends.

    >>> extract_program("So:\n```python\ndef f():\n    return 1\n```\nDone.")
    'def f():\n    return 1\n'
    """
    if not completion.strip():
        return None
    if extraction == "whole":
        return completion
    text = without_end_tokens(completion)
    if extraction == "continuation":
        return _joined(code_prompt, _cut(text, stop))
    names = tuple(entry_points)
    blocks = _blocks(text, prompt, code_prompt)
    if blocks:
        return _below(code_prompt, _program(blocks, names), names)
    if is_open(prompt):
        return _continued(code_prompt, text)
    return None if extraction == "fence" else _continued(code_prompt, _cut(text, stop))


def _cut(text: str, stop: Sequence[str]) -> str:
    return text[: min((at for word in stop if (at := text.find(word)) >= 0), default=len(text))]


def _blocks(text: str, prompt: str, code_prompt: str) -> list[Block]:
    """Return the blocks of a text; its beginning is one where the prompt opened the fence."""
    ending = unopened_end(text)
    if ending and (is_open(prompt) or _looks_like_code(ending[0])):
        text = f"{ending[1]}python\n{text}"
    blocks = fenced_blocks(text)
    if _ends_in_a_body(code_prompt):
        return blocks  # an indented one continues it
    return [replace(block, text=textwrap.dedent(block.text)) for block in blocks]


def _ends_in_a_body(code_prompt: str) -> bool:
    return code_prompt.rstrip().rpartition("\n")[2][:1] in (" ", "\t")


def _looks_like_code(text: str) -> bool:
    """Say whether a text begins as a program does."""
    first = next(line for line in text.split("\n") if line.strip())
    return _CODE_LINE.match(first) is not None


@dataclass(frozen=True, slots=True)
class _Part:
    """A block's text with the names that it defines and those that it calls."""

    text: str
    defined: frozenset[str]
    called: frozenset[str]


def _part(text: str) -> _Part:
    return _Part(text, frozenset(_names_defined(text)), frozenset(_CALL.findall(text)))


def _program(blocks: Sequence[Block], names: Sequence[str]) -> str:
    """Choose the program among blocks, and complete it by what earlier ones define."""
    last = blocks[-_MOST_BLOCKS:]
    ranked = [[_part(block.text) for block in last if block.language == kind] for kind in _BEST_FIRST]
    pools = [pool for pool in ranked if pool]
    for pool in pools:
        at = _defining(pool, names) if names else _script(pool)
        if at is not None:
            return _completed(pool, at, wanted=names)
    return _completed(pools[0], len(pools[0]) - 1)


def _defining(pool: Sequence[_Part], names: Sequence[str]) -> int | None:
    """Return the last block that defines one of the names."""
    return max((at for at, part in enumerate(pool) if part.defined & set(names)), default=None)


def _script(pool: Sequence[_Part]) -> int | None:
    """Return the last block that is a whole script; with what it uses if none is by itself; else the last that prints."""
    alone = [part.text for part in pool]
    joined = [_completed(pool, at) for at in range(len(pool))]
    tries = (
        (alone, (_READS, _PRINTS, _ACTS)),
        (joined, (_READS, _PRINTS, _ACTS)),
        (joined, (_PRINTS, _ACTS)),
    )
    for texts, marks in tries:
        found = [at for at, text in enumerate(texts) if all(mark.search(text) for mark in marks)]
        if found:
            return found[-1]
    return None


def _completed(pool: Sequence[_Part], at: int, wanted: Iterable[str] = ()) -> str:
    """Put above a block the earlier ones that define what the tests want of it and it lacks, or what it calls."""
    program, have, needed = pool[at].text, pool[at].defined, pool[at].called | set(wanted)
    for part in reversed(pool[:at]):
        if (part.defined - have) & needed:
            program = _joined(part.text.rstrip() + "\n\n", program)
            have, needed = have | part.defined, needed | part.called
    return program


def _names_defined(text: str) -> set[str]:
    return {function or variable for function, variable in _DEFINITION.findall(text)}


def _below(code_prompt: str, block: str, names: Sequence[str]) -> str:
    """Put a block below what the prompt gave; one that holds only the body of its function continues it."""
    if not code_prompt:
        return block
    is_body = block.strip("\n")[:1] in (" ", "\t") and not _names_defined(textwrap.dedent(block)) & set(names)
    return _joined(code_prompt if is_body else code_prompt.rstrip() + "\n\n", block)


def _continued(code_prompt: str, text: str) -> str:
    """Continue the prompt; an indentation that a server stripped off the first line is given back."""
    first, _, rest = text.partition("\n")
    if not _ends_in_a_body(code_prompt) or not first[:1].strip() or _NOT_IN_A_BODY.match(first):
        return _joined(code_prompt, text)
    second = next((line for line in rest.split("\n") if line.strip()), "")
    width = len(second) - len(second.lstrip(" "))
    is_stripped = width >= 8 if first.rstrip().endswith((":", "(", "[", "{", ",")) else width >= 4
    is_stripped |= first.startswith(("return", "yield"))
    return _joined(code_prompt, ("    " if is_stripped else "") + text)


def _joined(above: str, below: str) -> str:
    """Put two texts together; the lower one's imports from __future__ move to the top, where alone they may stand."""
    found = _FUTURE.findall(below) if above else []
    return "".join(f"{line}\n" for line in found) + above + (_FUTURE.sub("", below) if found else below)
