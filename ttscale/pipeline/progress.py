"""What a long stage says while it runs: events that a front end shows, or nobody does."""

from contextlib import AbstractContextManager, nullcontext


class Progress:
    """Receives events and ignores them. A front end overrides what it wants to show."""

    def note(self, text: str) -> None:
        """Something worth one line happened."""

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """Something takes its time while the context lasts, such as the start of an engine."""
        return nullcontext()

    def begin(self, stage: str, *, total: int, done: int = 0) -> None:
        """A stage of `total` samples begins, `done` of them from earlier."""

    def advance(self, n_samples: int, n_tokens: int = 0) -> None:
        """Samples were handled, with that many generated tokens."""

    def solved(self, n_solved: int, n_problems: int, success_rate: float) -> None:
        """So many problems have a correct sample by now; `success_rate` is the mean coverage at k = 1."""

    def end(self) -> None:
        """The stage is over, finished or not."""
