"""The channels of gpt-oss, as text with its reasoning between tags."""

import pytest

from ttscale.samplers.channels import has_channels, read_channels, with_reasoning

THINK = "<|channel|>analysis<|message|>2+2 is 4<|end|>"
SAY = "<|start|>assistant<|channel|>final<|message|>4<|return|>"


@pytest.mark.parametrize(
    ("text", "is_cut", "read"),
    [
        (THINK + SAY, False, "<think>\n2+2 is 4\n</think>\n\n4"),
        (SAY, False, "4"),
        (
            "<|channel|>analysis<|message|>2+2 is",
            True,
            "<think>\n2+2 is",
        ),  # cut before any answer: stays open
        (THINK + "<|start|>assistant<|channel|>final<|message|>4", True, "<think>\n2+2 is 4\n</think>\n\n4"),
        (THINK + THINK + SAY, False, "<think>\n2+2 is 42+2 is 4\n</think>\n\n4"),
        (
            "<|channel|>commentary to=f <|constrain|>json<|message|>{}<|call|>" + SAY,
            False,
            "<think>\n{}\n</think>\n\n4",
        ),
        ("no channels<|end|>", False, "no channels"),
        ("", False, ""),
    ],
)
def test_what_was_spoken_is_read(text: str, is_cut: bool, read: str) -> None:
    assert read_channels(text, is_cut=is_cut) == read


def test_without_reasoning_there_are_no_tags() -> None:
    assert with_reasoning("", "4", is_cut=True) == "4"


def test_a_tokenizer_has_channels_if_it_has_all_their_marks() -> None:
    class Tokenizer:
        def __init__(self, *words: str) -> None:
            self.words = words

        def get_vocab(self) -> dict[str, int]:
            return dict.fromkeys(self.words, 0)

    assert has_channels(Tokenizer("<|channel|>", "<|message|>", "<|end|>", "a"))
    assert not has_channels(Tokenizer("<|end|>", "a"))
