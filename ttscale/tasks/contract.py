"""What a task plugin is.

A task is a class with an `Options` pydantic model (``extra="forbid"``), constructed from an instance of it::

    class MyTask:
        Options = MyOptions

        def __init__(self, options: MyOptions) -> None: ...

        def problems(self) -> list[Problem]: ...

Constructing a task is cheap and reads nothing; `problems` reads the data.
"""

from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from ttscale.types import Problem


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
