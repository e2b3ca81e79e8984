"""Progress on stderr: a live line on a terminal, plain log lines elsewhere."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.progress import Task as RichTask
from rich.text import Text

from ttscale.errors import printable
from ttscale.pipeline.progress import Progress
from ttscale.showing.numbers import percent

_LOG_EVERY_S = 10.0
_RATE_WINDOW_S = 30.0


def make_progress() -> Progress:
    """Return the progress display that fits stderr."""
    return TerminalProgress() if sys.stderr.isatty() else LogProgress()


class Rates:
    """Samples and tokens per second over the last half minute, and the time left."""

    def __init__(self, total: int, done: int) -> None:
        self.total = total
        self.done = done
        self.tokens = 0
        self.began = time.monotonic()
        self._window: deque[tuple[float, int, int]] = deque([(self.began, done, 0)])

    def add(self, n_samples: int, n_tokens: int) -> None:
        """Count finished work."""
        self.done += n_samples
        self.tokens += n_tokens
        now = time.monotonic()
        self._window.append((now, self.done, self.tokens))
        while len(self._window) > 2 and now - self._window[0][0] > _RATE_WINDOW_S:
            self._window.popleft()

    def per_second(self) -> tuple[float, float]:
        """Return (samples/s, tokens/s)."""
        then, done, tokens = self._window[0]
        seconds = max(self._window[-1][0] - then, 1e-9)
        return (self.done - done) / seconds, (self.tokens - tokens) / seconds

    def seconds_left(self) -> float | None:
        """Return the expected seconds until all is done, or None while nothing is known."""
        samples_per_s, _ = self.per_second()
        return (self.total - self.done) / samples_per_s if samples_per_s > 0 else None

    def summary(self) -> str:
        """Return one line of numbers."""
        samples_per_s, tokens_per_s = self.per_second()
        left = self.seconds_left()
        tokens = f"{tokens_per_s:,.0f} tokens/s" if self.tokens else f"{samples_per_s:,.0f}/s"
        return f"{tokens}, {_clock(left)} left"


class _Heartbeat:
    """Calls a function every few seconds while it is entered, from a thread of its own.

    Args:
        tell: Is given the seconds since the beginning.
        every_s: Between two calls.
    """

    def __init__(self, tell: Callable[[float], None], every_s: float) -> None:
        self._tell = tell
        self._every_s = every_s
        self._over = threading.Event()

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        began = time.monotonic()
        while not self._over.wait(self._every_s):
            self._tell(time.monotonic() - began)


class LogProgress(Progress):
    """Plain lines, at most one every ten seconds."""

    def __init__(self) -> None:
        self._stage = ""
        self._rates = Rates(0, 0)
        self._last = 0.0
        self._solved = ""

    def note(self, text: str) -> None:
        """Print the line."""
        print(printable(text), file=sys.stderr, flush=True)

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """Print a line every now and then."""
        return _Heartbeat(lambda seconds: self.note(f"{text} ({_clock(seconds)})"), _LOG_EVERY_S)

    def begin(self, stage: str, *, total: int, done: int = 0) -> None:
        """Start counting a stage."""
        self._stage, self._rates, self._last = stage, Rates(total, done), time.monotonic()
        self._solved = ""
        self.note(f"{stage}: {total - done:,} of {total:,} samples to do")

    def advance(self, n_samples: int, n_tokens: int = 0) -> None:
        """Count, and print a line when one is due."""
        self._rates.add(n_samples, n_tokens)
        if time.monotonic() - self._last >= _LOG_EVERY_S:
            self._last = time.monotonic()
            self.note(self._line())

    def solved(self, n_solved: int, n_problems: int, success_rate: float) -> None:
        """Remember it for the next line."""
        self._solved = _solved(n_solved, n_problems, success_rate)

    def end(self) -> None:
        """Print the stage's last numbers."""
        if self._stage:
            seconds = time.monotonic() - self._rates.began
            self.note(
                f"{self._stage}: {self._rates.done:,}/{self._rates.total:,} after {_clock(seconds)}{self._solved}"
            )
        self._stage = ""

    def _line(self) -> str:
        rates = self._rates
        return f"{self._stage}: {rates.done:,}/{rates.total:,}, {rates.summary()}{self._solved}"


class TerminalProgress(Progress):
    """A bar with samples, tokens/s, time left and coverage so far."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._rates = Rates(0, 0)
        self._solved = ""
        self._bar: RichProgress | None = None

    def note(self, text: str) -> None:
        """Print the line above the bar."""
        self._console.print(printable(text), markup=False)  # it may quote foreign text

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Turn a wheel, with the time that it took so far."""
        status = self._console.status(printable(text), refresh_per_second=2)
        with status, _Heartbeat(lambda seconds: status.update(f"{printable(text)} ({_clock(seconds)})"), 1.0):
            yield

    def begin(self, stage: str, *, total: int, done: int = 0) -> None:
        """Show a bar."""
        self._rates, self._solved = Rates(total, done), ""
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            _Summary(self),
            console=self._console,
            refresh_per_second=2,  # a busy display steals time from a CPU engine
            transient=False,
        )
        self._bar.start()
        self._bar.add_task(stage, total=total, completed=done)

    def advance(self, n_samples: int, n_tokens: int = 0) -> None:
        """Move the bar."""
        self._rates.add(n_samples, n_tokens)
        if self._bar:
            self._bar.advance(self._bar.task_ids[0], n_samples)

    def solved(self, n_solved: int, n_problems: int, success_rate: float) -> None:
        """Show it behind the bar."""
        self._solved = _solved(n_solved, n_problems, success_rate)

    def end(self) -> None:
        """Leave the bar as it is."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def summary(self) -> str:
        """Return the numbers behind the bar."""
        return self._rates.summary() + self._solved


class _Summary(ProgressColumn):
    def __init__(self, progress: TerminalProgress) -> None:
        self._progress = progress
        super().__init__()

    def render(self, task: RichTask) -> Text:
        """Return the numbers behind the bar."""
        return Text(self._progress.summary())


def _solved(n_solved: int, n_problems: int, success_rate: float) -> str:
    return f", {n_solved}/{n_problems} problems solved, pass@1 {percent(success_rate)}"


def _clock(seconds: float | None) -> str:
    return "?" if seconds is None else str(timedelta(seconds=round(seconds)))
