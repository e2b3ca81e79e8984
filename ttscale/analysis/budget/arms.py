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
from ttscale.stats.forecast.scoring import thin


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
        inside: What other models took inside the attempts of a strategy: its verifiers, and its second model.
    """

    problem: IntArray
    correct: NDArray[np.bool_]
    answer_class: IntArray
    completion_tokens: IntArray
    truncated: NDArray[np.bool_]
    verifiers: Mapping[str, VerifierColumns] = field(default_factory=dict)
    inside: tuple[VerifierTokens, ...] = ()

    def rows(self, kept: NDArray[np.bool_] | IntArray, problem: IntArray) -> "ArmSamples":
        """Return some samples, with new problem numbers for them."""
        return ArmSamples(
            problem=problem,
            correct=self.correct[kept],
            answer_class=self.answer_class[kept],
            completion_tokens=self.completion_tokens[kept],
            truncated=self.truncated[kept],
            verifiers={name: one.rows(kept) for name, one in self.verifiers.items()},
            inside=tuple(one.rows(kept) for one in self.inside),
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


def as_pilot(arm: Arm, size: int, rng: np.random.Generator) -> Arm:
    """Keep `size` random samples of each problem; problems with fewer keep all of theirs.

    Raises:
        InvalidInputError: A pilot without a sample.
    """
    if size < 1:
        raise InvalidInputError(f"A pilot has at least 1 sample per problem, not {size}.")
    if arm.samples is None:
        counts = thin(arm.n, arm.c, size, rng)
        return replace(arm, n=counts.n, c=counts.c)
    order = np.lexsort((rng.random(len(arm.samples.problem)), arm.samples.problem))
    start = np.cumsum(arm.n) - arm.n
    rank = np.arange(len(order)) - np.repeat(start, arm.n)
    kept = np.sort(order[rank < size])
    usage = None if arm.usage is None else arm.usage.rows(kept)
    return _of_samples(arm, arm.samples.rows(kept, arm.samples.problem[kept]), usage)


def at_token_limits(arms: Sequence[Arm], limits: Sequence[int]) -> tuple[list[Arm], list[str]]:
    """Return every arm as if it had been sampled with each of the token limits.

    A token does not depend on the limit, so a sample that ended within the smaller limit would have been the same, and a
    longer one would have been cut off. What is cut off counts as unsolved, at the largest limit too: its answer was to
    come.

    Returns:
        The arms, and what was assumed.

    Raises:
        InvalidInputError: A table of counts, or a limit above the one sampled with.
    """
    lucky = sum(int((arm.samples.truncated & arm.samples.correct).sum()) for arm in arms if arm.samples)
    notes = [
        "Token limits are read off the samples drawn with the largest: what is cut off counts as unsolved, as its answer was "
        "to come."
    ]
    if lucky:
        notes.append(
            f"{lucky:,} samples that were cut off are correct all the same, so unfinished output can be right here: these token "
            "limits are understated. Sample with each limit for the truth."
        )
    return [_limited(arm, limit) for arm in arms for limit in sorted(set(limits))], notes


def _limited(arm: Arm, limit: int) -> Arm:
    samples = arm.samples
    if samples is None:
        raise InvalidInputError(
            f"'{arm.label}' is a table of counts: token limits need a run directory with its samples."
        )
    if arm.usage is None:
        raise InvalidInputError(
            f"How many tokens the samples of '{arm.label}' have is not known, so nothing is known of token limits. Leave "
            "--limits out."
        )
    if arm.usage.later is not None:
        raise InvalidInputError(
            f"The samples of '{arm.label}' are attempts of several calls, each with its own token limit: none holds for all of their "
            "tokens. Leave --limits out."
        )
    longest = arm.max_tokens or int(samples.completion_tokens.max())
    if not 1 <= limit <= longest:
        raise InvalidInputError(
            f"'{arm.label}' was sampled with at most {longest:,} tokens: nothing is known of a limit of {limit:,}. Give "
            f"--limits from 1 to {longest:,}."
        )
    cut = samples.truncated | (samples.completion_tokens > limit)
    shorter = ArmSamples(
        problem=samples.problem,
        correct=samples.correct & ~cut,
        answer_class=np.where(cut, -1, samples.answer_class),
        completion_tokens=np.minimum(samples.completion_tokens, limit),
        truncated=cut,
        verifiers={name: _rejecting(one, cut) for name, one in samples.verifiers.items()},
    )
    usage = replace(arm.usage, completion_tokens=shorter.completion_tokens.astype(np.float64))
    return replace(
        _of_samples(arm, shorter, usage), label=f"{arm.label} @ {limit:,} tokens", max_tokens=limit
    )


def _rejecting(columns: VerifierColumns, cut: np.ndarray) -> VerifierColumns:
    """Put what was cut off below every other score."""
    return replace(
        columns,
        score=np.where(cut, columns.score.min() - 1.0, columns.score),
        accepted=None if columns.accepted is None else columns.accepted & ~cut,
    )


def _of_samples(arm: Arm, samples: ArmSamples, usage: Usage | None) -> Arm:
    """Return the arm with other samples of the same problems, and what they took."""
    n_problems = len(arm.n)
    n: IntArray = np.bincount(samples.problem, minlength=n_problems).astype(np.int64)
    c = np.bincount(samples.problem, weights=samples.correct, minlength=n_problems).astype(np.int64)
    return replace(arm, n=n, c=c, samples=samples, usage=usage)
