"""Prompts that a strategy makes of a problem and earlier completions."""

import re
from collections.abc import Mapping

from ttscale.errors import StrategyError
from ttscale.strategies.contract import Generate
from ttscale.types import Message, Problem

_FIELD = re.compile(r"\{([a-z]+)\}")


def problem_text(problem: Problem) -> str:
    """Return what the problem asks: its prompt, or the last turn of its conversation."""
    return problem.prompt if problem.messages is None else problem.messages[-1].content  # type: ignore[return-value]


def filled(template: str, **values: str) -> str:
    """Put values into a template's ``{fields}``; braces in the values, and other braces, stay as they are.

    >>> filled("{problem}{previous};", problem="3*4=", previous="{11}")
    '3*4={11};'

    Raises:
        StrategyError: The template names a field that there is not.
    """
    unknown = sorted(set(_FIELD.findall(template)) - values.keys())
    if unknown:
        raise StrategyError(
            f"The template uses {{{unknown[0]}}}, but may use only {', '.join(f'{{{name}}}' for name in values)}."
        )
    return _FIELD.sub(lambda match: values[match[1]], template)


def ask_again(
    problem: Problem, template: str, values: Mapping[str, str], *, role: str, parents: tuple[str, ...] = ()
) -> Generate:
    """Ask for a completion of a filled template, in the problem's place: its prompt, or the last turn of its chat."""
    text = filled(template, problem=problem_text(problem), **values)
    if problem.messages is None:
        return Generate(prompt=text, role=role, parents=parents)
    before = problem.messages[:-1]
    return Generate(messages=(*before, Message("user", text)), role=role, parents=parents)
