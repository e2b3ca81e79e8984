"""Arms read from run directories, one per cell, and from tables of counts, one per group."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ttscale.analysis.budget.arms import Arm, ArmSamples, VerifierColumns
from ttscale.analysis.budget.attempts import later_calls, models_in, models_inside
from ttscale.analysis.reading.cell import CellReader, RunReader
from ttscale.analysis.reading.sources import problem_keys, strata
from ttscale.analysis.reading.verified import (
    LOGPROB,
    VerifiedSamples,
    logprob_scores,
    mean_or_none,
    verified_samples,
    verifier_scores,
)
from ttscale.arrays import FloatArray
from ttscale.config.cells import cells
from ttscale.config.models import Cell
from ttscale.costs.contract import ModelFacts, Usage, usage
from ttscale.costs.verification import VerifierTokens
from ttscale.errors import InvalidInputError, StoreError
from ttscale.exchange.counts import PROBLEM_NAMES, CountsGroup, as_label, find_column, read_counts
from ttscale.exchange.whole_tables import read_table
from ttscale.samplers.settings import price_of
from ttscale.store.calls import attempt_sums
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VerdictSet
from ttscale.types import TRUNCATED

_PROBLEM = "problem of the table"
_REWARD_MODEL = "reward-model"
"""The built-in verifier that reads a whole sample and may not have recorded its tokens."""


def read_arms(
    sources: Sequence[Path],
    *,
    by: Sequence[str] | None = None,
    oracle: str | None = None,
    verifiers: Sequence[str] = (),
) -> list[Arm]:
    """Read arms from run directories (one per cell) and tables (one per group); see `readable_arms`.

    Raises:
        InvalidInputError: As there.
        StoreError: As there, or a cell's samples are not verified.
    """
    arms, unread = _read(sources, by, oracle, verifiers)
    if unread:
        raise unread[0].reason
    return arms


def readable_arms(
    sources: Sequence[Path],
    *,
    by: Sequence[str] | None = None,
    oracle: str | None = None,
    verifiers: Sequence[str] = (),
) -> tuple[list[Arm], list[str]]:
    """Read arms from run directories (one per cell) and tables (one per group), but for cells without verdicts.

    Args:
        sources: Run directories, or tables as `ttscale.exchange.counts.read_counts` takes them; a table may have columns
            prompt_tokens and completion_tokens (of one sample, or the mean over a problem's samples).
        by: Columns that tell a table's groups apart, by default those whose names say so. What splits the problems (a
            level, a subject; of a run metadata of its problems) makes strata: `Arm.stratum`.
        oracle: The verifier that defines *correct*; by default each run's own.
        verifiers: Verifiers whose verdicts are read, too; "logprob" is the samples' log-probability.

    Returns:
        The arms, and for each cell that no oracle has judged yet why it is none, for a person.

    Raises:
        InvalidInputError: No source, a table that cannot be used, or a verifier that a run has no verdicts of.
        StoreError: A folder is no run, or nothing in any of them is verified.
    """
    arms, unread = _read(sources, by, oracle, verifiers)
    if not arms and unread:
        raise unread[0].reason
    return arms, [one.note for one in unread]


@dataclass(frozen=True, slots=True)
class UnverifiedCell:
    """A cell that cannot be an arm yet: no oracle has judged its samples."""

    name: str
    reason: StoreError

    @property
    def note(self) -> str:
        """Return what a person is told."""
        return f"Cell '{self.name}' is left out: {self.reason}"


def _read(
    sources: Sequence[Path], by: Sequence[str] | None, oracle: str | None, verifiers: Sequence[str]
) -> tuple[list[Arm], list[UnverifiedCell]]:
    if not sources:
        raise InvalidInputError("Give at least one run directory or table of counts.")
    arms: list[Arm] = []
    unread: list[UnverifiedCell] = []
    for source in sources:
        if source.is_dir():
            found, left_out = _read_run(source, by, oracle, verifiers)
            unread += left_out
        else:
            found = _read_table(source, by, verifiers)
        arms += _distinct(found, source, len(sources) > 1)
    names = [(arm.label, arm.stratum) for arm in arms]
    twice = {label for label, stratum in names if names.count((label, stratum)) > 1}
    if twice:
        raise InvalidInputError(f"Several arms are called '{min(twice)}'. Give each source once.")
    return arms, unread


def _distinct(arms: list[Arm], source: Path, several: bool) -> list[Arm]:
    """Put the source's name before the labels where there are several sources."""
    if not several:
        return arms
    name = source.name if source.is_dir() else source.stem
    one = len({arm.label for arm in arms}) == 1
    return [replace(arm, label=name if one else f"{name}: {arm.label}") for arm in arms]


# ---- tables -------------------------------------------------------------------------------------


def _read_table(source: Path, by: Sequence[str] | None, verifiers: Sequence[str]) -> list[Arm]:
    if verifiers:
        raise InvalidInputError(
            f"{source} is a table of counts: it has no samples that '{verifiers[0]}' could select from. Give run "
            "directories, or leave --selector and --verifier out."
        )
    groups = read_counts(source, by=by)
    splitting = _splitting(groups)
    tokens = _mean_tokens(read_table(source), list(groups[0].labels))
    arms = []
    for group in groups:
        own = {name: value for name, value in group.labels.items() if name not in splitting}
        label = ", ".join(own.values()) or source.stem
        arms.append(
            Arm(
                label=label,
                model=next((value for name, value in own.items() if "model" in name.lower()), label),
                problem_ids=group.problem_ids,
                n=group.n,
                c=group.c,
                usage=_table_usage(tokens, group),
                stratum=tuple((name, group.labels[name]) for name in splitting),
            )
        )
    return arms


def _splitting(groups: Sequence[CountsGroup]) -> tuple[str, ...]:
    """Return the columns that split the problems, such as a level: no problem occurs with two of their values."""
    seen: dict[str, dict[str, str]] = {name: {} for name in groups[0].labels}
    crossed = {name for name in seen if any(group.problem_ids is None for group in groups)}
    for group in groups:
        for name, value in group.labels.items():
            if any(seen[name].setdefault(one, value) != value for one in group.problem_ids or ()):
                crossed.add(name)
    return tuple(name for name in seen if name not in crossed and "model" not in name.lower())


def _mean_tokens(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame | None:
    """Return the mean token counts of each problem in each group; None where there are none."""
    problem = find_column(frame, PROBLEM_NAMES)
    found = {name: find_column(frame, (name,)) for name in ("prompt_tokens", "completion_tokens")}
    if problem is None or found["completion_tokens"] is None:
        return None
    means = [pl.col(column).cast(pl.Float64).mean().alias(name) for name, column in found.items() if column]
    keys = [*map(as_label, by), pl.col(problem).cast(pl.String).alias(_PROBLEM)]
    return frame.with_columns(keys).group_by(*by, _PROBLEM).agg(means)


def _table_usage(tokens: pl.DataFrame | None, group: CountsGroup) -> Usage | None:
    if tokens is None:
        return None
    wanted = pl.DataFrame({**group.labels, _PROBLEM: group.problem_ids})
    own = wanted.join(tokens, on=[*group.labels, _PROBLEM], how="left", maintain_order="left")
    if own["completion_tokens"].null_count():
        return None
    prompt = own["prompt_tokens"].fill_null(0.0).to_numpy() if "prompt_tokens" in own.columns else 0.0
    return usage(prompt, own["completion_tokens"].to_numpy(), n_problems=own.height)


# ---- runs ---------------------------------------------------------------------------------------


def _read_run(
    source: Path, by: Sequence[str] | None, oracle: str | None, verifiers: Sequence[str]
) -> tuple[list[Arm], list[UnverifiedCell]]:
    reader = RunReader(RunStore(source))
    settings = {cell.name: cell for cell in cells(reader.config)}
    named = [each for each in verifiers if each != LOGPROB]
    arms: list[Arm] = []
    unread: list[UnverifiedCell] = []
    for name in reader.store.cells():
        try:
            chosen = reader.oracle(name, oracle)
        except StoreError as error:
            unread.append(UnverifiedCell(name, error))
            continue
        sets = reader.verifiers(name, named)
        cell = CellReader(store=reader.store, name=name, oracle=chosen, verifiers=sets)
        verified = verified_samples(cell.undecided_rows())
        if verified.problem_ids:
            arm = _read_cell(cell, verified, LOGPROB in verifiers, settings.get(name))
            arms += _split(arm, cell, by)
        else:
            unread.append(UnverifiedCell(name, cell.nothing_verified()))
    return arms, unread


def _split(arm: Arm, cell: CellReader, by: Sequence[str] | None) -> list[Arm]:
    """Return an arm for each part of the problems, where metadata of theirs is asked to split them."""
    if not by:
        return [arm]
    ids = arm.problem_ids or ()
    strata(cell.store, cell.name, ids, by)  # refuses what is neither metadata nor a setting
    parts = strata(cell.store, cell.name, ids, problem_keys(cell.store, cell.name, by))
    if len(parts) == 1 and not parts[0].labels:
        return [arm]
    return [replace(arm.for_problems(part.rows), stratum=tuple(part.labels.items())) for part in parts]


def _read_cell(cell: CellReader, verified: VerifiedSamples, with_logprob: bool, settings: Cell | None) -> Arm:
    name, store = cell.name, cell.store
    columns = {
        each: _verifier_columns(verified, verdicts, each, name) for each, verdicts in cell.verifiers.items()
    }
    if with_logprob:
        columns[LOGPROB] = _logprob_columns(verified, name)
    frame = verified.frame
    identity = store.manifest()["cells"][name]
    sums = attempt_sums(store.calls_folder(name), frame)
    strategy = {key.removeprefix("strategy."): value for key, value in identity.items()}
    return Arm(
        label=name,
        model=str(identity.get("model.path") or (settings.model.path if settings else name)),
        problem_ids=verified.problem_ids,
        n=verified.n,
        c=verified.c,
        usage=_usage(verified, settings.sampling.request_size if settings else 1, sums),
        facts=_measured_facts(store, name, mean_or_none(frame, "seconds"), settings),
        samples=ArmSamples(
            problem=verified.problem,
            correct=verified.correct,
            answer_class=verified.answer_class,
            completion_tokens=frame["completion_tokens"].cast(pl.Int64).fill_null(0).to_numpy(),
            truncated=frame["finish_reason"].is_in(list(TRUNCATED)).to_numpy(),
            verifiers=columns,
            inside=() if sums is None else models_inside(sums, strategy, _target(settings)),
        ),
        max_tokens=settings.sampling.max_tokens if settings else identity.get("sampling.max_tokens"),
        origin=(str(store.path), name),
        task=str(identity.get("task.name") or (settings.task.name if settings else name)),
    )


def _usage(verified: VerifiedSamples, request_size: int, sums: pl.DataFrame | None) -> Usage | None:
    """Return the tokens of the samples; None where another tool did not say how many a sample has.

    Args:
        verified: The samples.
        request_size: Samples per request.
        sums: What the calls of strategies add up to, None where a sample is one call.
    """
    wrote = verified.frame["completion_tokens"].cast(pl.Float64)
    if wrote.null_count():
        return None
    read = verified.frame["prompt_tokens"].cast(pl.Float64).fill_null(0.0).to_numpy()
    return Usage(
        prompt_tokens=np.bincount(verified.problem, weights=read) / verified.n,
        completion_tokens=wrote.to_numpy() - (0.0 if sums is None else sums["other_wrote"].to_numpy()),
        problem=verified.problem,
        request_size=request_size,
        later=None if sums is None else later_calls(sums),
    )


def _target(settings: Cell | None) -> Any:
    """Return the second model that a cell's strategy names."""
    return None if settings is None or settings.strategy is None else settings.strategy.options.get("target")


def _verifier_columns(
    verified: VerifiedSamples, verdicts: VerdictSet, name: str, cell: str
) -> VerifierColumns:
    """Read a verifier's verdicts on the verified samples.

    Raises:
        InvalidInputError: It failed on some samples, or was never asked about them.
    """
    said = verifier_scores(verified.frame, name)
    if said.n_failed:
        raise InvalidInputError(
            f"'{name}' failed on, or was never asked about, {said.n_failed:,} of {len(said.score):,} samples of '{cell}'. Run "
            f"`ttscale verify RUN --verifier {name}`; a budget needs its verdict on every sample."
        )
    return VerifierColumns(
        score=said.score,
        accepted=said.accepted,
        seconds=said.seconds_per_sample,
        tokens=_verifier_tokens(verified.frame, verdicts, name),
        sees_answer=verdicts.info.sees_answer,
    )


def _verifier_tokens(frame: pl.DataFrame, verdicts: VerdictSet, name: str) -> VerifierTokens | None:
    """Return what a judge read and wrote for each sample; a reward model reads the sample with its prompt."""
    read, wrote = (_known_or_mean(frame[f"{part}:{name}"]) for part in ("prompt_tokens", "completion_tokens"))
    options = verdicts.info.options
    names = (name, verdicts.info.verifier, *models_in(options))
    if read is not None or wrote is not None:
        nothing = np.zeros(frame.height)
        return VerifierTokens(
            names=names,
            prompt_tokens=nothing if read is None else read,
            completion_tokens=nothing if wrote is None else wrote,
        )
    if verdicts.info.verifier != _REWARD_MODEL:
        return None
    known = (frame["prompt_tokens"] + frame["completion_tokens"]).cast(pl.Float64)
    if known.null_count():
        return None
    length = known.to_numpy()
    return VerifierTokens(
        names=names, prompt_tokens=length, completion_tokens=np.zeros(frame.height), estimated=True
    )


def _known_or_mean(column: pl.Series) -> FloatArray | None:
    """Return a count for every sample, the mean of the known ones where it is unknown; None where all are."""
    known = column.cast(pl.Float64)
    return None if known.null_count() == len(known) else known.fill_null(known.mean()).to_numpy()


def _logprob_columns(verified: VerifiedSamples, cell: str) -> VerifierColumns:
    said = logprob_scores(verified)
    if said.n_failed:
        raise InvalidInputError(
            f"Samples of '{cell}' have no log-probability to choose by. Name another --verifier, or sample with "
            "sampling.logprobs: true."
        )
    return VerifierColumns(score=said.score, accepted=None, seconds=None)


def _measured_facts(
    store: RunStore, cell: str, verification_s: float | None, settings: Cell | None
) -> ModelFacts:
    """Sum up the sessions of a cell: time, tokens, devices; and its server's price, where the configuration tells it."""
    sessions = [one for one in store.sessions() if one.cell == cell and one.completion_tokens and one.seconds]
    price = price_of(settings.model, {}) if settings else None
    if not sessions:
        return ModelFacts(verification_s=verification_s, price=price)
    tokens = sum(one.completion_tokens for one in sessions)
    details = [dict(one.engine.get("detail") or {}) for one in sessions]
    devices = [int(detail.get("tensor_parallel_size") or 1) for detail in details]
    joules = [float(detail["joules"]) for detail in details if detail.get("joules") is not None]
    batches = [detail["max_num_seqs"] for detail in details if detail.get("max_num_seqs")]
    return ModelFacts(
        seconds_per_token=sum(one.seconds * size for one, size in zip(sessions, devices, strict=True))
        / tokens,
        joules_per_token=sum(joules) / tokens if len(joules) == len(sessions) else None,
        verification_s=verification_s,
        price=price,
        batch=int(batches[0]) if batches else None,
        device=", ".join(sorted({str(one.engine.get("device", "its device")) for one in sessions})),
    )
