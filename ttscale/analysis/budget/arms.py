"""Arms to compare by cost: the cells of run directories, or the groups of a table of counts.

Every arm has counts per problem; an arm of a run also has its samples, so that selectors, token limits and measured
seconds can be asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ttscale.arrays import FloatArray, IntArray
from ttscale.costs.contract import ModelFacts, Usage
from ttscale.costs.verification import VerifierTokens
from ttscale.errors import InvalidInputError


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VerifierColumns:
    """What one verifier says of an arm's samples.

    Attributes:
        score: Higher is better, shape (S,).
        accepted: Shape (S,); None for one that only scores.
        seconds: Mean seconds per sample, None where not measured.
        tokens: What it read and wrote, None for one that is no model.
        sees_answer: Whether it is an oracle, which nobody has when it counts.
    """

    score: FloatArray
    accepted: NDArray[np.bool_] | None
    seconds: float | None
    tokens: VerifierTokens | None = None
    sees_answer: bool = False

    def rows(self, kept: NDArray[np.bool_] | IntArray) -> "VerifierColumns":
        """Return what it says of some samples."""
        return replace(
            self,
            score=self.score[kept],
            accepted=None if self.accepted is None else self.accepted[kept],
            tokens=None if self.tokens is None else self.tokens.rows(kept),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ArmSamples:
    """The samples of an arm, flat and ragged, grouped by problem.

    Attributes:
        problem: Problem number of each sample, ascending, shape (S,).
        correct: Shape (S,).
        answer_class: -1 abstains, shape (S,).
        completion_tokens: Shape (S,); meaningless where the arm's usage is not known.
        truncated: Whether it was cut off at the token limit, shape (S,).
        verifiers: Name -> its columns.
        judges_inside: What judges inside the attempts of a strategy took, None where there are none.
        other_model: What a strategy's second model took, None where there is none.
    """

    problem: IntArray
    correct: NDArray[np.bool_]
    answer_class: IntArray
    completion_tokens: IntArray
    truncated: NDArray[np.bool_]
    verifiers: Mapping[str, VerifierColumns] = field(default_factory=dict)
    judges_inside: VerifierTokens | None = None
    other_model: VerifierTokens | None = None

    def rows(self, kept: NDArray[np.bool_] | IntArray, problem: IntArray) -> "ArmSamples":
        """Return some samples, with new problem numbers for them."""
        return ArmSamples(
            problem=problem,
            correct=self.correct[kept],
            answer_class=self.answer_class[kept],
            completion_tokens=self.completion_tokens[kept],
            truncated=self.truncated[kept],
            verifiers={name: one.rows(kept) for name, one in self.verifiers.items()},
            judges_inside=None if self.judges_inside is None else self.judges_inside.rows(kept),
            other_model=None if self.other_model is None else self.other_model.rows(kept),
        )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Arm:
    """One way to draw samples: a model with its settings, on P problems.

    Attributes:
        label: Unique among the arms compared.
        model: Its model as configured, or the label; what prices and architectures are looked up by.
        problem_ids: Length P; None where a table does not name its problems.
        n: Samples per problem, shape (P,).
        c: Correct ones, shape (P,).
        usage: Tokens, None where unknown.
        facts: What is known of the model and of the machine.
        samples: The samples themselves, None for a table of counts.
        max_tokens: The token limit, None where unknown.
        task: What it was asked, None where unknown.
        stratum: What its problems have in common, as (key, value), where they were split.
        origin: Its run directory and its cell there; None for a table.
    """

    label: str
    model: str
    problem_ids: tuple[str, ...] | None
    n: IntArray
    c: IntArray
    usage: Usage | None = None
    facts: ModelFacts = field(default_factory=ModelFacts)
    samples: ArmSamples | None = None
    max_tokens: int | None = None
    task: str | None = None
    stratum: tuple[tuple[str, str], ...] = ()
    origin: tuple[str, str] | None = None

    def for_problems(self, which: IntArray) -> "Arm":
        """Return the arm on some of its problems, in the order given."""
        position = np.full(len(self.n), -1)
        position[which] = np.arange(len(which))
        samples = self.samples
        if samples is not None:
            kept = np.flatnonzero(position[samples.problem] >= 0)
            kept = kept[np.argsort(position[samples.problem[kept]], kind="stable")]
            samples = samples.rows(kept, position[samples.problem[kept]])
        ids = self.problem_ids
        return replace(
            self,
            problem_ids=None if ids is None else tuple(ids[i] for i in which),
            n=self.n[which],
            c=self.c[which],
            usage=None if self.usage is None else self.usage.for_problems(which),
            samples=samples,
        )


def by_stratum(arms: Sequence[Arm]) -> dict[tuple[tuple[str, str], ...], list[Arm]]:
    """Return the arms of each stratum; of tasks that have no problem in common each is one."""
    found: dict[tuple[tuple[str, str], ...], list[Arm]] = {}
    apart = _asked_apart(arms)
    for arm in arms:
        found.setdefault((("task", str(arm.task)),) if apart else arm.stratum, []).append(arm)
    return found


def _asked_apart(arms: Sequence[Arm]) -> bool:
    """Say whether nothing but the task tells arms without a common problem apart."""
    if any(arm.stratum or arm.problem_ids is None for arm in arms) or len({arm.task for arm in arms}) < 2:
        return False
    return not set.intersection(*(set(arm.problem_ids or ()) for arm in arms))


def on_shared_problems(arms: Sequence[Arm]) -> tuple[list[Arm], list[str]]:
    """Keep the problems that every arm has samples of, in the order of the first arm.

    Returns:
        The arms, and what was left out, for a person.

    Raises:
        InvalidInputError: They share no problem, or do not name them and differ in number.
    """
    if len(arms) == 1:
        return list(arms), []
    if any(arm.problem_ids is None for arm in arms):
        sizes = {len(arm.n) for arm in arms}
        if len(sizes) > 1:
            raise InvalidInputError(
                "Arms can only be compared on the same problems, but these have "
                f"{', '.join(f'{len(arm.n)} ({arm.label})' for arm in arms)} and do not name them. Add a problem_id column."
            )
        return list(arms), [
            "The tables do not name their problems: row i of every arm is taken as one problem."
        ]
    ids = [arm.problem_ids or () for arm in arms]
    shared = set(ids[0]).intersection(*map(set, ids[1:]))
    if not shared:
        raise InvalidInputError(
            f"'{arms[0].label}' and the others share no problem, so nothing can be compared. They begin with "
            f"{', '.join(f'{first!r} ({label})' for first, label in _first_problems(arms).items())}."
        )
    order = [problem for problem in ids[0] if problem in shared]
    notes = []
    alone = [
        f"{len(one) - len(order):,} of {len(one):,} ({arm.label})"
        for arm, one in zip(arms, ids, strict=True)
        if len(one) > len(order)
    ]
    if alone:
        notes.append(
            f"Arms are compared on the {len(order):,} problems that all of them have. Left out, as not all have them: "
            f"{', '.join(alone)}."
        )
    return [_reordered(arm, one, order) for arm, one in zip(arms, ids, strict=True)], notes


def _first_problems(arms: Sequence[Arm]) -> dict[str, str]:
    """Return the first problem of the arms -> the first arm that begins with it, few of them."""
    first: dict[str, str] = {}
    for arm in arms:
        first.setdefault((arm.problem_ids or ("none",))[0], arm.label)
    return dict(list(first.items())[:4])


def _reordered(arm: Arm, ids: Sequence[str], order: Sequence[str]) -> Arm:
    if list(ids) == list(order):
        return arm
    position = {problem: i for i, problem in enumerate(ids)}
    return arm.for_problems(np.array([position[problem] for problem in order]))
