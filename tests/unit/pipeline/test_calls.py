"""Whatever a sampler dies of reaches the run as an error of ours."""

import pytest

from ttscale.errors import EngineDiedError, SamplerError
from ttscale.pipeline.calls import drawn
from ttscale.types import Sample

ONE = Sample(
    problem_id="p", sample_index=0, completion="x", finish_reason="stop", prompt_tokens=1, completion_tokens=1
)


class Dying:
    """Yields a sample and then dies of whatever it was made with."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def sample(self, requests):
        yield [ONE]
        if self.error is not None:
            raise self.error


def test_samples_pass_as_they_come() -> None:
    assert list(drawn(Dying(None), [])) == [[ONE]]


@pytest.mark.parametrize("error", [RuntimeError("CUDA is gone"), KeyError("tokens")])
def test_a_foreign_error_is_named_after_what_was_drawn(error: Exception) -> None:
    stream = drawn(Dying(error), [])
    assert next(stream) == [ONE]
    with pytest.raises(SamplerError, match=f"Dying broke off with {type(error).__name__}: .*(gone|tokens)"):
        next(stream)


def test_an_error_of_ours_keeps_its_kind() -> None:
    with pytest.raises(EngineDiedError, match=r"^out of memory$"):
        list(drawn(Dying(EngineDiedError("out of memory")), []))
