"""Hostile characters become signs; everything a reader may want stays as it is."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscale.report.visible import _ACTING, excerpt, excerpt_line, visible_text

KEPT = {"\t", "\n", "\u200c", "\u200d"}
"""Layout, and the joiners that Persian, Indic scripts and emoji are spelled with."""


def test_no_control_surrogate_separator_or_reordering_character_survives() -> None:
    acting = [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}
        or unicodedata.bidirectional(char)
        in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"}
    ]
    survivors = {char for char in acting if visible_text(char) == char} - KEPT
    # Musical beams (U+1D173..) and shorthand controls format notes, not text, and hide nothing.
    assert all(0x1BCA0 <= ord(char) <= 0x1BCA3 or 0x1D173 <= ord(char) <= 0x1D17A for char in survivors)


@pytest.mark.parametrize(
    "text", ["plain", "日本語 العربية עברית", "naïve café", "👩‍👩‍👧", "a\tb\nc", "x ≤ √2", "\ufffd"]
)
def test_readable_text_stays_as_it_is(text: str) -> None:
    assert visible_text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x00", "⟨NUL⟩"),
        ("\x1b]8;;http://x\x07", "⟨ESC⟩]8;;http://x⟨BEL⟩"),
        ("\r", "⟨CR⟩"),
        ("\x7f\x9b", "⟨U+007F⟩⟨U+009B⟩"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\ud800", "⟨U+D800⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
    ],
)
def test_signs_name_what_they_stand_for(text: str, shown: str) -> None:
    assert visible_text(text) == shown


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_written_afterwards_and_nothing_is_replaced_twice(text: str) -> None:
    shown = visible_text(text)
    shown.encode("utf-8")
    assert visible_text(shown) == shown


@given(st.text(), st.integers(1, 50))
def test_excerpts_keep_both_ends_and_count_what_is_missing(text: str, limit: int) -> None:
    cut = excerpt(text, limit)
    if len(text) <= limit:
        assert cut == text
    else:
        head, tail = limit - int(0.4 * limit), int(0.4 * limit)
        assert cut.startswith(text[:head])
        assert cut.endswith("…\n" + text[len(text) - tail :])
        assert f"{len(text) - limit:,} characters left out" in cut


@given(st.text(), st.integers(2, 50))
def test_a_line_is_one_line_of_at_most_its_limit(text: str, limit: int) -> None:
    line = excerpt_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line


def test_nothing_that_acts_takes_the_short_way() -> None:
    acting = [chr(code) for code in range(0x110000) if _ACTING.match(chr(code))]
    assert len(acting) > 4000
    assert not [character for character in acting if visible_text(f"a{character}") == f"a{character}"]
