"""Arms cut down: to a pilot of fewer samples, or to a smaller token limit than they were sampled with."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ttscale.analysis.budget.arms import Arm, ArmSamples, VerifierColumns
from ttscale.arrays import IntArray
from ttscale.costs.contract import Usage
from ttscale.errors import InvalidInputError
from ttscale.stats.forecast.scoring import thin


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
