"""Progress on stderr: lines that say how far it is, and signs of life while something takes its time."""

import io
import time

import pytest
from rich.console import Console

from ttscale.cli import progress
from ttscale.cli.progress import LogProgress, Rates, TerminalProgress


def test_a_wait_shows_life_in_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LOG_EVERY_S", 0.02)
    with LogProgress().waiting("c: vllm is starting"):
        time.sleep(0.3)
    said = capsys.readouterr().err.splitlines()
    assert len(said) >= 2
    assert set(said) == {"c: vllm is starting (0:00:00)"}
    time.sleep(0.1)
    assert not capsys.readouterr().err  # it ends with the wait


def test_a_short_wait_says_nothing_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with LogProgress().waiting("c: vllm is starting"):
        pass
    assert not capsys.readouterr().err


def test_a_wait_turns_a_wheel_in_a_terminal_and_ends_with_an_error() -> None:
    shown = TerminalProgress()
    screen = io.StringIO()
    shown._console = Console(file=screen, force_terminal=True, width=80)

    def fails() -> None:
        with shown.waiting("c: vllm is starting"):
            time.sleep(1.3)
            raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        fails()
    assert "c: vllm is starting (0:00:01)" in screen.getvalue()


def test_rates_count_what_was_done_now_and_forget_what_is_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    rates = Rates(total=1_000, done=500)
    for _ in range(10):
        now[0] += 1.0
        rates.add(10, 100)
    assert rates.done == 600
    assert "100 tokens/s, 0:00:40 left" in rates.summary()


def test_a_stage_tells_its_size_its_course_and_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LOG_EVERY_S", 0.0)
    log = LogProgress()
    log.begin("sample c", total=10, done=4)
    log.solved(1, 2, 0.25)
    log.advance(3, 30)
    log.end()
    first, course, last = capsys.readouterr().err.splitlines()
    assert first == "sample c: 6 of 10 samples to do"
    assert course.startswith("sample c: 7/10, ")
    assert "1/2 problems solved" in course
    assert last.startswith("sample c: 7/10 after ")
