"""Taking a secret out of text that someone else wrote, in whatever form it comes back.

A server may echo the key in an error as it is, in another letter case, with blanks, line breaks or marks between its
characters, in part, or encoded. All forms are compared by their letters and digits alone; every run of `_SHORTEST` or more
that the text shares with a form of the secret is replaced.
"""

import base64
from collections.abc import Iterator
from unicodedata import normalize
from urllib.parse import quote

REPLACEMENT = "[key]"
_NUMBERED = ("x{:02x}", "x{:x}", "{}", "{:o}", "{:03o}", "{:08b}", "{:b}")
"""How a byte may be written as a number."""
_SHORTEST = 8
"""Letters and digits in a row that may not be shown; a shorter secret is replaced where all of it stands."""


def redacted(text: str, secret: str) -> str:
    """Return the text without the secret, its encodings, and parts of 8 or more letters and digits.

    >>> redacted("You sent sk-abc d123 4567 x", "sk-abcd1234567890")
    'You sent [key] x'
    """
    if not secret:
        return text
    text = text.replace(secret, REPLACEMENT)
    kept = [
        (normalize("NFKC", character)[:1].lower(), at)
        for at, character in enumerate(text)
        if character.isalnum()
    ]
    plain = "".join(character for character, _ in kept)
    if len(plain) < len(
        kept
    ):  # letters whose small form is none, or two: position by position they stay as they are
        plain = "".join(character[:1] or "?" for character, _ in kept)
    marked = [False] * len(kept)
    for start, end in _shared(plain, secret):
        marked[start:end] = [True] * (end - start)
    return _replaced(text, kept, marked)


def _shared(plain: str, secret: str) -> Iterator[tuple[int, int]]:
    """Yield where a text has a run of letters and digits that a form of the secret has."""
    for form in _forms(secret):
        size = min(_SHORTEST, len(form))
        runs = {form[at : at + size] for at in range(len(form) - size + 1)} if size > 2 else set()
        yield from ((at, at + size) for at in range(len(plain) - size + 1) if plain[at : at + size] in runs)


def _forms(secret: str) -> set[str]:
    """Return the secret and its encodings, letters and digits alone."""
    raw = secret.encode()
    codes = [f"{ord(character):04x}" for character in secret]
    found = {secret, secret[::-1], quote(secret, safe=""), "".join(f"u{code}" for code in codes)}
    found |= {raw.hex(), secret.encode("utf-16-le").hex(), secret.encode("utf-16-be").hex()}
    found |= {"".join(form.format(byte) for byte in raw) for form in _NUMBERED}
    found |= {
        base64.b32encode(b"\0" * before + raw).decode()[-(-8 * before // 5) :].rstrip("=")
        for before in range(5)
    }
    for before in range(3):  # the bytes before it decide how base 64 begins
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        found.add(encoded[4 if before else 0 :].rstrip("="))
        found.add(base64.urlsafe_b64encode(b"\0" * before + raw).decode()[4 if before else 0 :])
    return {"".join(filter(str.isalnum, form)).lower() for form in found}


def _replaced(text: str, kept: list[tuple[str, int]], marked: list[bool]) -> str:
    """Replace every run of marked characters with what stands between them."""
    parts: list[str] = []
    written = 0
    at = 0
    while at < len(kept):
        if not marked[at]:
            at += 1
            continue
        end = at
        while end + 1 < len(kept) and marked[end + 1]:
            end += 1
        parts += [text[written : kept[at][1]], REPLACEMENT]
        written = kept[end][1] + 1
        at = end + 1
    return "".join([*parts, text[written:]])
