"""A task of its own: greetings to be returned in kind."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from ttscale.types import Problem

GREETINGS = ("Hello", "Good morning", "Good evening, and a happy new year to you")


class GreetingsOptions(BaseModel):
    """Options of `greetings`: none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GreetingsTask:
    """Greetings to be returned word by word."""

    Options: ClassVar[type[BaseModel]] = GreetingsOptions

    def __init__(self, options: GreetingsOptions) -> None:
        self._options = options

    def problems(self) -> list[Problem]:
        """Return every problem."""
        return [
            Problem(problem_id=f"greeting-{number}", prompt=text, answer=text)
            for number, text in enumerate(GREETINGS)
        ]
