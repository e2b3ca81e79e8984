"""What is said of samples that an engine threw out of its cache."""

import pytest

from ttscale.samplers.preemptions import told_of_preemptions


@pytest.mark.parametrize("usage", [{}, {"preemptions": 0}, {"preemptions": None}])
def test_nothing_happened_and_nothing_is_said(usage: dict[str, int | None]) -> None:
    assert told_of_preemptions(usage, {"max_num_seqs": 8}) is None


def test_how_often_and_what_helps_is_said() -> None:
    said = told_of_preemptions({"preemptions": 3}, {"max_num_seqs": 256})
    assert said is not None
    assert "3 times" in said
    assert "lower max_num_seqs (now 256)" in said
