"""Every exception and warning that ttscale raises: a leaf module, importing nothing of ours.

A message says what is wrong, with its values, and then the fix, in the user's own names.
Each class also inherits the fitting built-in, so ``except ValueError`` keeps working.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from unicodedata import category

_MAX_LISTED = 20
_LONGEST = 2000
"""Characters of a message."""
_MOST_SAID = 200
"""Characters of a foreign error's message."""
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of controls, of format characters (directions among them), lone surrogates and separators of lines."""


class _InOneLine(Exception):  # noqa: N818 - no error of its own: how ours and our warnings are said
    """Says its message in one line that a terminal may show, whatever foreign text it quotes; `args` keep it as it was."""

    def __str__(self) -> str:
        return _without_middle(clean_line(super().__str__()))


class TtscaleError(_InOneLine):
    """Base of every error that ttscale raises on purpose: its message is one line."""


class InvalidInputError(TtscaleError, ValueError):
    """An argument or a data table breaks its contract."""


class ConfigError(TtscaleError, ValueError):
    """A run's configuration is wrong: unknown key, bad value, conflicting settings."""


class RunMismatchError(ConfigError):
    """A run directory holds samples of another configuration."""


class UnknownPluginError(TtscaleError, LookupError):
    """No plugin of that kind has this name."""


class BrokenPluginError(TtscaleError, ImportError):
    """A plugin exists but cannot be loaded or breaks its contract."""


class MissingExtraError(TtscaleError, ImportError):
    """An optional dependency is needed and absent."""


class TaskError(TtscaleError, ValueError):
    """A task's data cannot be read as problems."""


class SamplerError(TtscaleError, RuntimeError):
    """An engine cannot start or cannot serve the request."""


class StrategyError(TtscaleError, RuntimeError):
    """A strategy broke, asks for what cannot be given, or its verifier failed."""


class CapReachedError(TtscaleError, RuntimeError):
    """A run has spent what it may; what was drawn is stored."""


class AttemptsFailedError(StrategyError):
    """A verifier failed inside attempts; all others are made and stored."""


class EngineDiedError(SamplerError):
    """A running engine died; started again, it may well go on."""


class VerifierError(TtscaleError, RuntimeError):
    """A verifier as a whole cannot run; a failure on one sample is ``Outcome.ERROR`` instead."""


class StoreError(TtscaleError, OSError):
    """The run directory cannot be read or written."""


class RunLockedError(StoreError):
    """Another process is writing the run directory."""


class UnfinishedRunError(TtscaleError, RuntimeError):
    """Some cells of a run failed; the others are done.

    Attributes:
        failures: Cell -> what stopped it.
    """

    def __init__(self, failures: Mapping[str, TtscaleError]) -> None:
        self.failures = dict(failures)
        super().__init__(
            f"{len(failures)} of the run's cells could not be finished; the others are. "
            + " ".join(f"{cell}: {error}" for cell, error in failures.items())
            + " Repeat the same command to try them again."
        )

    def __str__(self) -> str:
        return RuntimeError.__str__(self)  # whole: each failure is a line of its own length


class TtscaleWarning(_InOneLine, UserWarning):
    """Base of every caveat on a result."""


class FitWarning(TtscaleWarning):
    """A fitted law is not to be trusted as it stands: no convergence, at a bound, no information."""


class DataWarning(TtscaleWarning):
    """The data limits what the number means: unverified samples, errors, few problems."""


class TornSegmentWarning(TtscaleWarning):
    """A damaged segment file was set aside; its samples will be drawn again."""


@contextmanager
def one_line(what: str, kind: "type[TtscaleError]" = InvalidInputError) -> Iterator[None]:
    """Turn whatever a parser trips over into one line: for the one place where a kind of foreign input is read.

    What ttscale raises on purpose passes, as do interrupts. The cause stays chained, for ``--debug``.

    Args:
        what: The input, as the message names it.
        kind: What is raised.
    """
    try:
        yield
    except (TtscaleError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic inside polars is no Exception
        said = clean_line(str(error))[:_MOST_SAID]
        raise kind(f"{what} cannot be read: {type(error).__name__}: {said}") from error


def clean_line(text: str) -> str:
    r"""Return text, of anybody's, as one line that a terminal may show.

    >>> clean_line("not opened:\n- gz: \x1b[31m")
    'not opened: - gz: \\x1b[31m'
    """
    return printable(re.sub(r"\s*[\r\n]\s*", " ", text))


def _without_middle(text: str) -> str:
    """Return a message that quotes long foreign text without its middle."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} [...] {text[-_LONGEST // 4 :]}"


def printable(text: str) -> str:
    r"""Return text as a terminal may show it: what would move its cursor, colour it or turn its direction is escaped.

    >>> printable("a\x1b[31mb\u202e"), printable("two\nlines")
    ('a\\x1b[31mb\\u202e', 'two\nlines')
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        repr(each)[1:-1] if category(each) in _UNPRINTABLE and each not in "\n\t\u200d" else each
        for each in text
    )


def listed(names: Iterable[str]) -> str:
    """Join names for a message: sorted, cut at 20.

    >>> listed(["b", "a"])
    'a, b'
    """
    ordered = sorted(names)
    shown = ", ".join(ordered[:_MAX_LISTED])
    rest = len(ordered) - _MAX_LISTED
    return f"{shown} and {rest} more" if rest > 0 else shown


def or_ask_for(k_max: int) -> str:
    """Say what to do where a budget asks for more samples than a problem has.

    >>> or_ask_for(4)
    'Draw more samples, or ask for k <= 4.'
    """
    return f"Draw more samples, or ask for k <= {k_max:,}."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest known name, or an empty string.

    >>> did_you_mean("exat", ["exact", "numeric"])
    " Did you mean 'exact'?"
    """
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
