"""The turns that a model is asked with."""

from ttscale.types import Message, Problem


def turns_of(problem: Problem, system_prompt: str | None) -> tuple[Message, ...]:
    """Return a problem as a conversation: a plain prompt is a user's turn, and the configured system turn goes before.

    >>> [turn.role for turn in turns_of(Problem(problem_id="a", prompt="1+1="), "Be brief.")]
    ['system', 'user']
    """
    turns = problem.messages or (Message("user", problem.prompt or ""),)
    if system_prompt is None or turns[0].role in ("system", "developer"):
        return turns
    return (Message("system", system_prompt), *turns)


def n_characters(problem: Problem) -> int:
    """Return how long a problem's prompt is, its turns together, before any template is around it.

    >>> n_characters(Problem(problem_id="a", prompt="1+1="))
    4
    """
    return sum(len(turn.content) for turn in turns_of(problem, None))


def why_turns(problem: Problem) -> str:
    """Say why a problem needs turns, where they cannot be given: by itself, or by the configuration."""
    if problem.messages is None:
        return "model.system_prompt is given"
    return f"Problem '{problem.problem_id}' is a conversation (messages)"
