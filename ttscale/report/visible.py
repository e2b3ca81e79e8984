"""Hostile text made visible: what a model wrote, with nothing in it that acts.

Escaping for HTML or JSON is not done here, see `ttscale.report.embed` and the templates. This module deals with the
characters that survive escaping: control codes, terminal escapes, NUL, marks that reverse the reading direction,
invisible letters that hide a message, and halves of surrogate pairs that no encoding can write.
"""

import re

_ACTING = re.compile(
    "["
    "\x00-\x08\x0b-\x1f"  # C0 controls, among them ESC; tab and newline stay
    "\x7f-\x9f"  # delete and the C1 controls
    "\u00ad\u061c\u180e"  # soft hyphen, Arabic letter mark, Mongolian vowel separator
    "\u200b\u200e\u200f"  # zero width space, left-to-right and right-to-left marks
    "\u2028-\u202e"  # line and paragraph separators, direction embeddings and overrides
    "\u2060-\u206f"  # word joiner, invisible operators, direction isolates, deprecated format characters
    "\ufeff\ufff9-\ufffb\ufffe\uffff"  # byte order mark, interlinear annotations, noncharacters
    "\ud800-\udfff"  # halves of surrogate pairs
    "\U000e0000-\U000e0fff"  # tags: letters that no font draws
    "]"
)
# fmt: off
_C0_NAMES = (
    "NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "HT", "LF", "VT", "FF", "CR", "SO", "SI",
    "DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
)
# fmt: on
"""ASCII's names of codes 0 to 31. (Unicode has pictures for them, which few fonts have.)"""


def visible_text(text: str) -> str:
    r"""Replace every character that would act rather than show by a sign for it.

    Joiners inside words and emoji (U+200C, U+200D) stay: scripts need them.

    >>> visible_text("a\x1b[31mb\x00")
    'a⟨ESC⟩[31mb⟨NUL⟩'
    >>> visible_text("evil\u202etxt")
    'evil⟨U+202E⟩txt'
    """
    if (
        text.isascii() and text.isprintable()
    ):  # most answers of millions: nothing in ASCII that acts is printable
        return text
    return _ACTING.sub(_sign, text)


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < len(_C0_NAMES):
        return f"⟨{_C0_NAMES[code]}⟩"
    return f"⟨U+{code:04X}⟩"


def excerpt(text: str, limit: int) -> str:
    """Cut a long text to its beginning and its end, where answers stand, and say how much is missing.

    >>> excerpt("a" * 10 + "b" * 10, 10)
    'aaaaaa\\n… 10 characters left out …\\nbbbb'
    """
    if len(text) <= limit:
        return text
    tail = int(0.4 * limit)
    missing = len(text) - limit
    return f"{text[: limit - tail]}\n… {missing:,} characters left out …\n{text[len(text) - tail :]}"


def excerpt_line(text: str, limit: int) -> str:
    r"""Cut a text to one line of at most `limit` characters.

    >>> excerpt_line("What is\n 2 + 2?", 12)
    'What is 2 +…'
    """
    line = " ".join(text[: 8 * limit].split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
