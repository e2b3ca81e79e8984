"""Variables for an engine's start respect the user's own and leave no trace."""

import os

import pytest

from ttscale.execution.environment import environment


def test_the_users_own_value_wins_over_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCALE_TEST_VARIABLE", "mine")
    with environment({"TTSCALE_TEST_VARIABLE": "default"}):
        assert os.environ["TTSCALE_TEST_VARIABLE"] == "mine"


def test_an_override_wins_and_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTSCALE_TEST_VARIABLE", "mine")
    with environment({}, {"TTSCALE_TEST_VARIABLE": "ours"}):
        assert os.environ["TTSCALE_TEST_VARIABLE"] == "ours"
    assert os.environ["TTSCALE_TEST_VARIABLE"] == "mine"


def test_a_default_disappears_even_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTSCALE_TEST_VARIABLE", raising=False)
    with pytest.raises(RuntimeError, match="boom"), environment({"TTSCALE_TEST_VARIABLE": "default"}):
        raise RuntimeError("boom")
    assert "TTSCALE_TEST_VARIABLE" not in os.environ
