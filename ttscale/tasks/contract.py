"""What a task plugin is.

A task is a class with an `Options` pydantic model (``extra="forbid"``), constructed from an instance of it::

    class MyTask:
        Options = MyOptions

        def __init__(self, options: MyOptions) -> None: ...

        def problems(self) -> list[Problem]: ...

Constructing a task is cheap and reads nothing; `problems` reads the data.

Three more attributes are optional, and every built-in task has them:

* ``about`` (`TaskInfo`): source, licence and size, which ``ttscale list tasks`` shows;
* ``verifiers``: the verifiers that fit, as they are written in the YAML file; used where the file names none;
* ``origin`` (on an instance, once `problems` was called): exactly which data was read, such as
  ``openai/gsm8k@cc7b047b...`` or a file's name with its SHA-256. None before, and where nothing is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from ttscale.types import Problem

RecommendedVerifiers = tuple[str | Mapping[str, Any], ...]
"""Verifiers as in the YAML file: a name, or ``{"name": ..., option: ...}``. The first is the oracle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInfo:
    """What is known of a task before any of its data is read.

    Attributes:
        source: Where the data comes from: a hub id, an address, or the program that makes it.
        license: The data's licence, as its authors state it.
        problems: Problems with the default options; None where that depends on the options.
    """

    source: str
    license: str
    problems: int | None = None


class Task(Protocol):
    """A source of problems, the same ones on every call."""

    Options: ClassVar[type[BaseModel]]

    def __init__(self, options: Any) -> None:
        """Keep the options; read nothing yet."""

    def problems(self) -> list[Problem]:
        """Return every problem, in a fixed order, with unique ids.

        Raises:
            TaskError: The data is missing, empty or lacks a column; the message says which and what to do.
        """
