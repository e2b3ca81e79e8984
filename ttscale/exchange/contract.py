"""What an importer plugin is: a reader of one foreign format.

An importer is a class with an `Options` pydantic model (``extra="forbid"``), constructed from an instance of it::

    class MyImporter:
        Options = MyOptions
        title = "my harness"

        def __init__(self, options: MyOptions) -> None: ...

        def recognizes(self, path: Path) -> bool: ...

        def sources(self, path: Path) -> list[Source]: ...

        def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]: ...

It only reads. Numbering samples, refusing duplicates, storing and resuming is the same for all formats and is done
for it, see `ttscale.exchange.staging`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from ttscale.options import Settings
from ttscale.types import Problem, Verdict

UNKNOWN = "unknown"
"""A model, task or finish reason that the format does not tell."""


class ImportOptions(Settings):
    """What every importer may be told: what its files do not say."""

    model: str | None = None
    """The model's name, instead of what the files say."""
    task: str | None = None
    """The benchmark's name, instead of what the files say."""
    threshold: float | None = None
    """The score from which on a sample counts as correct, where a format has scores and no verdicts. None: 1, and a verifier
    with a score below 0 or above 1 is not imported."""


class PlainImporter:
    """An importer that is told what `ImportOptions` holds and no more; formats derive from it."""

    Options: ClassVar[type[BaseModel]] = ImportOptions

    def __init__(self, options: ImportOptions) -> None:
        self._options = options


@dataclass(frozen=True, slots=True)
class Source:
    """A file (or what else is read as one) that is imported as a whole or not at all.

    Attributes:
        path: The file, or the folder of the files.
        identity: What tells it from another source of the same content, such as a run's seed. Two sources of the
            same identity and content are the same source, wherever they lie.
        files: What is read, where that is not `path` alone.
        place: Where it lies, where that is not `path`: an archive and the member in it.
    """

    path: Path
    identity: str = ""
    files: tuple[Path, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class CellKey:
    """Which cell a sample belongs to.

    Attributes:
        model: The model's name.
        task: The benchmark's name.
        settings: What else decides how a sample looks, as ``section.key`` -> value (``sampling.temperature``), sorted.
    """

    model: str
    task: str
    settings: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whose verdict it is.

    Attributes:
        name: As the format calls it.
        sees_answer: Whether it is an oracle.
    """

    name: str
    sees_answer: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSample:
    """One sample as a format knows it. None is "not told", never zero.

    Attributes:
        cell: Where it belongs.
        problem: What it answers. The first one seen of an id is kept.
        position: Its 0-based number among the problem's samples in this source, None: the next one.
        completion: The text; None where the format keeps verdicts alone.
        finish_reason: "stop", "length" or the format's own word.
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens generated.
        cumulative_logprob: Sum of the generated tokens' log-probabilities (nats).
        token_logprobs: Per token (nats).
        seed: The seed that drew it.
        verdicts: Verdicts that came with it.
        is_repeated: The sample was given before in this source, under the same position; only the verdicts are new.
    """

    cell: CellKey
    problem: Problem
    position: int | None = None
    completion: str | None
    finish_reason: str = UNKNOWN
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cumulative_logprob: float | None = None
    token_logprobs: tuple[float, ...] | None = None
    seed: int | None = None
    verdicts: Mapping[VerifierKey, Verdict] = field(default_factory=dict)
    is_repeated: bool = False


class ReadingNotes:
    """What a reader could not map, collected while it reads."""

    def __init__(self) -> None:
        self.unmapped: Counter[str] = Counter()
        self.remarks: Counter[str] = Counter()
        self.no_verdicts: dict[VerifierKey, str] = {}

    def leave_out(self, record: Mapping[str, Any], known: frozenset[str], prefix: str = "") -> None:
        """Count the fields of a record that nothing is made of."""
        for name, value in record.items():
            if name not in known and value not in (None, "", [], {}):
                self.unmapped[prefix + name] += 1

    def no_verdict(self, key: VerifierKey, why: str) -> None:
        """Say that what a verifier gave are no verdicts: none of this source's are imported."""
        self.no_verdicts.setdefault(key, why)
        self.unmapped[f"{key.name} ({self.no_verdicts[key]})"] += 1

    def remark(self, sentence: str) -> None:
        """Say something about the data, once however often it occurs."""
        self.remarks[sentence] += 1


Read = Callable[[Source, ReadingNotes], Iterator[ImportedSample]]
"""What `Importer.read` is."""


class Importer(Protocol):
    """Reads one foreign format.

    Attributes:
        title: What writes the format, for messages.
    """

    Options: ClassVar[type[BaseModel]]
    title: ClassVar[str]

    def __init__(self, options: Any) -> None:
        """Keep the options; read nothing yet."""

    def recognizes(self, path: Path) -> bool:
        """Tell from a first look whether a file or folder is of this format. Never raises for bad content."""

    def sources(self, path: Path) -> list[Source]:
        """Return what there is to read under a file or folder, in a fixed order.

        Raises:
            InvalidInputError: There is nothing of this format.
        """

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the samples of a source, in constant memory.

        Raises:
            InvalidInputError: It is damaged or of another format; the message names the place.
        """
