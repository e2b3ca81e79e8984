"""Fenced blocks of a completion, in the forms in which models write them.

A fence is three or more backticks or tildes; it may be indented, and text may stand before a backtick fence that
names Python. It ends at a fence of its own kind, at least as long, without a language, wherever on its line that
stands, but not inside a triple-quoted string of Python; a fence that never ends takes the rest. Line ends may be CRLF.
Every search takes time linear in the completion.
"""

import re
from dataclasses import dataclass
from typing import Literal

Language = Literal["python", "none", "other"]

_PYTHON = re.compile(r"(?:i?python|py|pypy|cpython|sage)[\d.]*|[\w./-]+\.py", re.IGNORECASE)
_RUN = r"(?<!`)`{3,}+|(?<!~)~{3,}+"
_OPENING = re.compile(
    rf"^(?P<indent>[ \t>]*+)(?:(?:[-*+]|\d+[.)])[ \t]+)?(?P<mark>{_RUN})(?P<info>[^\n`]*)$"
    r"|(?<!`)(?P<late>`{3,}+)[ \t]*(?P<late_info>(?:i?python|py)[\d.]*)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_PARTS = re.compile(
    rf"\\.|#[^\n]*|\"\"\"|\'\'\'|(?P<mark>{_RUN})(?P<info>[^\n`]*)$", re.MULTILINE | re.DOTALL
)
_CLOSING = re.compile(rf"(?P<mark>{_RUN})[ \t]*$", re.MULTILINE)
_END_TOKEN = (
    r"<\|(?:im_end|im_start|endoftext|end_of_text|eot_id|eom_id|end|return|eos|EOT|file_separator|end_of_turn)\|>"
    r"|<end_of_turn>|<eos>|<｜end▁of▁sentence｜>|\[EOS\]"
)
_END = re.compile(rf"^(?:{_END_TOKEN})|(?:{_END_TOKEN})[ \t]*$|(?:</s>|\[/INST\])\s*\Z", re.MULTILINE)
_TAGS = re.compile(
    r"\[PYTHON\][ \t]*\n?(.*?)(?:\[/PYTHON\]|\Z)|\[BEGIN\][ \t]*\n(.*?)(?:\[DONE\]|\Z)|<code>[ \t]*\n?(.*?)(?:</code>|\Z)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """The text of one block and the language that it says it is in."""

    text: str
    language: Language


def without_end_tokens(completion: str) -> str:
    """Return a completion with plain line ends, up to the first end token that a server left in.

    >>> without_end_tokens("x = 1\\r\\n<|im_end|>")
    'x = 1\\n'
    """
    text = completion.replace("\r\n", "\n")
    end = _END.search(text)
    return text[: end.start()] if end else text


def fenced_blocks(text: str) -> list[Block]:
    """Return the blocks of a text; those between tags of their own ([PYTHON], [BEGIN], <code>) where no fence is."""
    blocks: list[Block] = []
    at = 0
    while opening := _OPENING.search(text, at):
        mark, info = _mark_and_info(opening)
        start = min(opening.end() + 1, len(text))
        language = _language(info)
        end, at = _end_of(text, start, mark, language != "other")
        blocks.append(Block(_unindented(text[start:end], opening["indent"] or ""), language))
    return blocks or [Block(next(filter(None, found), ""), "python") for found in _TAGS.findall(text)]


def unopened_end(text: str) -> tuple[str, str] | None:
    """Return what stands before the first fence, and the fence, if it names no language: it may end a block begun before."""
    opening = _OPENING.search(text)
    if opening is None or _mark_and_info(opening)[1].strip() or not text[: opening.start()].strip():
        return None
    return text[: opening.start()], _mark_and_info(opening)[0]


def is_open(prompt: str) -> bool:
    """Say whether a text ends inside a fence of Python, which a completion then continues.

    >>> is_open("Solve it.\\n```python\\n"), is_open("Like this:\\n```python\\nx = 1\\n```\\n")
    (True, False)
    """
    at, left_open = 0, False
    while not left_open and (opening := _OPENING.search(prompt, at)):
        mark, info = _mark_and_info(opening)
        end, at = _end_of(prompt, min(opening.end() + 1, len(prompt)), mark, True)
        left_open = end == len(prompt) and _language(info) != "other"
    return left_open


def _mark_and_info(opening: re.Match[str]) -> tuple[str, str]:
    return opening["mark"] or opening["late"], opening["info"] or opening["late_info"] or ""


def _language(info: str) -> Language:
    """Read an info string: ``python``, ``Python3``, ``{.python}``, ``python title="a.py"``, ``py:main.py``."""
    word = re.split(r"[\s:,;{}(=]+", info.strip(" \t.{}").lstrip("."), maxsplit=1)[0]
    if not word:
        return "none"
    return "python" if _PYTHON.fullmatch(word) else "other"


def _end_of(text: str, start: int, mark: str, is_code: bool) -> tuple[int, int]:
    """Return where a block ends, and where reading goes on: at its closing fence, or at another's opening one."""
    ends = _ends_outside_strings(text, start, mark) if is_code else None
    if ends is None:
        ends = next(
            (_span(text, start, each) for each in _CLOSING.finditer(text, start) if _closes(each, mark)), None
        )
    return ends or (len(text), len(text))


def _ends_outside_strings(text: str, start: int, mark: str) -> tuple[int, int] | None:
    """Return the end by the first fence that is in no triple-quoted string; None if every one is in some."""
    inside = ""
    for part in _PARTS.finditer(text, start):
        token = part.group()
        if token in ('"""', "'''"):
            inside = "" if token == inside else inside or token
        elif part["mark"] and not inside and _closes(part, mark):
            begin, end = _span(text, start, part)
            return begin, begin if part["info"].strip() else end
    return None


def _closes(fence: re.Match[str], mark: str) -> bool:
    """Say whether a fence ends a block that `mark` began; one that names a language does, and begins another."""
    found = fence["mark"]
    info = fence.groupdict().get("info", "").strip()
    return found[0] == mark[0] and len(found) >= len(mark) and (not info or _language(info) == "python")


def _span(text: str, start: int, fence: re.Match[str]) -> tuple[int, int]:
    """Return where a closing fence begins, with its indentation, and where it ends."""
    line = text.rfind("\n", start, fence.start()) + 1 or start
    is_alone = not text[line : fence.start()].strip(" \t>")
    return (line if is_alone else fence.start()), fence.end()


def _unindented(text: str, indent: str) -> str:
    """Return a block without the indentation, or the mark of quotation, of its fence."""
    if not indent:
        return text
    lines = text.split("\n")
    width = len(indent)
    return "\n".join(line[width:] if not line[:width].strip(" \t>") else line for line in lines)
