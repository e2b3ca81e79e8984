"""What a configuration would do, and how far a run has come: rows for tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ttscale.config.cells import cells
from ttscale.config.loading import parse_config
from ttscale.config.models import Cell, RunConfig
from ttscale.costs.contract import Price
from ttscale.errors import MissingExtraError
from ttscale.pipeline.building import ReadTask, cell_identity, free_settings, read_tasks
from ttscale.pipeline.cell_verifiers import verifiers_by_cell
from ttscale.pipeline.importing import refuse_imported
from ttscale.pipeline.requests import request_ranges
from ttscale.pipeline.rules import check_rules
from ttscale.pipeline.spending import caps_of
from ttscale.pipeline.strategy.building import check_strategies
from ttscale.pipeline.strategy.rehearsing import CHARACTERS_PER_TOKEN, rehearsed
from ttscale.result import Row
from ttscale.samplers.conversations import n_characters
from ttscale.samplers.preemptions import told_of_preemptions
from ttscale.samplers.preview import Preview, preview
from ttscale.samplers.resolve import choose_engine
from ttscale.samplers.settings import price_of
from ttscale.samplers.until import UntilSettings
from ttscale.store.calls import attempt_sums, n_calls
from ttscale.store.rounds import RoundsLog, read_rounds
from ttscale.store.run import RunStore, Session
from ttscale.store.samples import SAMPLE_KEY
from ttscale.store.verdicts import VerdictSet
from ttscale.types import Problem

_BYTES_PER_TOKEN = 2.0
"""Expected on disk before anything is stored: about four characters a token, halved by zstd."""
_BYTES_PER_SAMPLE = 6.0
"""Keys, counts and log-probability of a sample, compressed."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a plan assumes where the run itself has measured nothing yet.

    Attributes:
        tokens_per_s: Completion tokens per second of the whole machine.
        prices: Model -> US dollars per million tokens.
    """

    tokens_per_s: float | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do.

    Attributes:
        rows: One per cell.
        tasks: Cell -> its task, as it was read.
    """

    rows: list[Row]
    tasks: Mapping[str, ReadTask]

    def first_prompts(self, config: RunConfig) -> dict[str, Preview]:
        """Return the first prompt of every cell as its model will see it; see `ttscale.samplers.preview`.

        Raises:
            TtscaleError: A model's folder is not there, or its template cannot be rendered.
        """
        return {
            cell.name: preview(cell.model, self.tasks[cell.name].problems[0], engine=engine_of(cell))
            for cell in cells(config)
        }


def plan_rows(config: RunConfig, expectations: Expectations | None = None) -> list[Row]:
    """Return the rows of a plan; see `plan`."""
    return plan(config, expectations).rows


def plan(config: RunConfig, expectations: Expectations | None = None) -> Plan:
    """Plan a run, reading its tasks once. Checks everything that can be checked without an engine.

    Raises:
        TtscaleError: Whatever would stop the run: unreadable data, a changed configuration, no oracle.
    """
    refuse_imported(config)
    check_rules(cells(config))
    check_strategies(config)
    caps_of(cells(config))
    verifiers_by_cell(config)
    store = RunStore(config.out)
    store.check({cell.name: cell_identity(cell) for cell in cells(config)}, free=free_settings(cells(config)))
    tasks, history = read_tasks(cells(config)), History.of(store)
    rows = [
        _plan_row(store, cell, tasks[cell.name].problems, history, expectations or Expectations())
        for cell in cells(config)
    ]
    if any(
        row["calls_expected"] is not None for row in rows
    ):  # beside strategies, a plain sample is one call
        for row, cell in zip(rows, cells(config), strict=True):
            if row["calls_expected"] is None:
                to_draw = row["samples_to_draw"]
                row |= {"calls_expected": to_draw, "calls_at_most": to_draw}
                row |= {"tokens_at_most": to_draw * cell.sampling.max_tokens}
    return Plan(rows, tasks)


def engine_of(cell: Cell) -> str:
    """Return the engine that a cell would be drawn with here; a plan needs none."""
    try:
        return choose_engine(cell.model.engine)[0]
    except MissingExtraError:
        return "none installed"


@dataclass(frozen=True, slots=True)
class History:
    """What a run has drawn so far, read once for all its cells.

    Attributes:
        sessions: Those that drew samples.
        models: Cell -> its model's path.
    """

    sessions: Sequence[Session]
    models: Mapping[str, Any]

    @classmethod
    def of(cls, store: RunStore) -> "History":
        """Read a run's history; empty where no run was begun."""
        stored = store.manifest()["cells"] if store.exists else {}
        return cls(
            sessions=[session for session in store.sessions() if session.n_samples],
            models={name: settings.get("model.path") for name, settings in stored.items()},
        )

    def tokens_per_s(self, model: str) -> float | None:
        """Return the speed of the sessions of a model."""
        sessions = [session for session in self.sessions if self.models.get(session.cell) == model]
        seconds = sum(session.seconds for session in sessions)
        return sum(session.completion_tokens for session in sessions) / seconds if seconds else None


def _plan_row(
    store: RunStore,
    cell: Cell,
    problems: Sequence[Problem],
    history: History,
    expectations: Expectations,
) -> Row:
    missing = store.missing(cell.name, {problem.problem_id: cell.sampling.n for problem in problems})
    to_draw = sum(len(gap) for gaps in missing.values() for gap in gaps)
    tokens, size, basis = _per_sample(store, cell, history)
    calls = _calls(store, cell, problems[0])
    if calls is not None:
        tokens, basis = calls.tokens, calls.basis
    speed = history.tokens_per_s(cell.model.path) or expectations.tokens_per_s
    price = price_of(cell.model, expectations.prices)
    return {
        "cell": cell.name,
        "engine": engine_of(cell),
        "problems": len(problems),
        "n": cell.sampling.n,
        "until": cell.sampling.until.short if cell.sampling.until else None,
        "samples_to_draw": to_draw,
        "samples_stored": sum(store.counts(cell.name).values()),
        **_calls_row(calls, to_draw),
        "tokens_expected": round(to_draw * tokens),
        "seconds_expected": round(to_draw * tokens / speed, 1) if speed else None,
        "usd_expected": _usd(
            cell, problems, missing, to_draw * tokens, price, calls.prompts * to_draw if calls else 0.0
        )
        if price
        else None,
        "disk_mb_expected": to_draw * size / 1e6,
        "expectation": f"at most, for until may stop earlier; {basis}" if cell.sampling.until else basis,
    }


@dataclass(frozen=True, slots=True)
class _Calls:
    """What the attempts of a strategy take: calls, tokens generated, and tokens of later prompts, each on average and at most."""

    calls: float
    tokens: float
    prompts: float
    most_calls: float | None
    most_tokens: float | None
    basis: str


def _calls(store: RunStore, cell: Cell, problem: Problem) -> _Calls | None:
    """Return what an attempt takes: measured where attempts are stored, rehearsed otherwise; None for plain samples."""
    if cell.strategy is None:
        return None
    expected, most = rehearsed(cell, problem)
    measured = _measured(store, cell.name)
    if measured is not None:
        calls, tokens, prompts = measured
        basis = "measured in this run"
    else:
        calls, tokens, prompts = expected.calls, expected.completion_tokens, expected.later_prompt_tokens
        varies = expected.judged or most.calls > expected.calls
        basis = "calls of max_tokens, half of all verdicts accept" if varies else "at most, from max_tokens"
    return _Calls(calls, tokens, prompts, most.calls, most.completion_tokens, basis)


def _measured(store: RunStore, cell: str) -> tuple[float, float, float] | None:
    """Return calls, generated tokens and tokens of later prompts that had to be read, per stored attempt."""
    if not store.exists or not store.has_samples(cell):
        return None
    samples = store.samples(cell).select(*SAMPLE_KEY, "completion_tokens").collect()
    tokens = float(samples["completion_tokens"].cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]
    sums = attempt_sums(store.calls_folder(cell), samples)
    if sums is None:
        return 1.0, tokens, 0.0
    mean = sums.select(
        calls=(pl.col("calls") + pl.col("other_calls")).mean(),
        read=(pl.col("later_prompt_tokens") - pl.col("later_cached_tokens")).mean(),
    )
    return float(mean["calls"][0]), tokens, float(mean["read"][0])


def _calls_row(calls: _Calls | None, to_draw: int) -> Row:
    if calls is None:
        return {"calls_expected": None, "calls_at_most": None, "tokens_at_most": None}
    return {
        "calls_expected": round(to_draw * calls.calls),
        "calls_at_most": round(to_draw * calls.most_calls) if calls.most_calls else None,
        "tokens_at_most": round(to_draw * calls.most_tokens) if calls.most_tokens else None,
    }


def _usd(
    cell: Cell,
    problems: Sequence[Problem],
    missing: Mapping[str, Sequence[range]],
    tokens: float,
    price: Price,
    later_prompts: float,
) -> float:
    """Return US dollars: every request pays its prompt, counted as characters until a tokenizer has seen it."""
    size = cell.sampling.request_size
    prompts = sum(
        n_characters(problem)
        / CHARACTERS_PER_TOKEN
        * sum(sum(1 for _ in request_ranges(gap, size)) for gap in missing[problem.problem_id])
        for problem in problems
        if problem.problem_id in missing
    )
    return round(price.usd(prompts + later_prompts, tokens), 4)


def _per_sample(store: RunStore, cell: Cell, history: History) -> tuple[float, float, str]:
    """Return tokens and bytes per sample: measured where samples are stored, at most `max_tokens` otherwise."""
    sessions = [session for session in history.sessions if session.cell == cell.name]
    n_samples = sum(session.n_samples for session in sessions)
    if n_samples:
        tokens = sum(session.completion_tokens for session in sessions) / n_samples
        size = sum(path.stat().st_size for path in store.samples_folder(cell.name).glob("*.parquet"))
        return tokens, size / n_samples, "measured in this run"
    most = cell.sampling.max_tokens
    return most, _BYTES_PER_SAMPLE + _BYTES_PER_TOKEN * most, "at most, from max_tokens"


def engine_advice(store: RunStore) -> list[str]:
    """Return what the records of a run's sessions say its engines could do better, a line for each cell."""
    told: dict[str, str] = {}
    lost: Counter[str] = Counter()
    for session in store.sessions():
        lost[session.cell] += session.usage.get("preemptions") or 0
        detail = session.engine.get("detail", {})
        if said := told_of_preemptions({"preemptions": lost[session.cell]}, detail):
            told[session.cell] = f"{session.cell}: {said}"
    return list(told.values())


def status_rows(store: RunStore) -> list[Row]:
    """Return one row per cell of how far a stored run has come."""
    config = parse_config(store.config_yaml(), out=store.path)
    asked = {cell.name: cell.sampling.n for cell in cells(config)}
    sessions, sets = store.sessions(), store.verdict_sets()
    return [
        _status_row(store, cell, asked.get(cell), [one for one in sessions if one.cell == cell], sets)
        for cell in store.cells()
    ]


def _status_row(
    store: RunStore, cell: str, n: int | None, sessions: Sequence[Session], sets: Sequence[VerdictSet]
) -> Row:
    counts = store.counts(cell)
    n_problems = len(store.problems(cell))
    stored = sum(counts.values())
    total = n * n_problems if n else None
    row: Row = {
        "cell": cell,
        "problems": n_problems,
        "n": n,
        "samples": stored,
        "asked": total,
        "done": f"{stored / total:.1%}" if total else None,
        "fewest": min(counts.values(), default=0) if len(counts) == n_problems else 0,
        "sessions": len(sessions),
        "engine_seconds": round(sum(session.seconds for session in sessions), 1),
        "calls": n_calls(store.calls_folder(cell)),
    } | _until(read_rounds(store, cell), stored)
    for verdicts in sets:
        row[f"verified_{verdicts.info.verifier}"] = verdicts.count(cell)
    return row


def _until(log: RoundsLog | None, stored: int) -> Row:
    """Return how far a cell is that stops when enough is known; its `asked` is the most, so `done` may be early."""
    if log is None:
        return {"until": None, "stopped": None}
    known, rule = log.latest, UntilSettings.model_validate(log.rule)
    row: Row = {"until": rule.short, "stopped": log.reason, "rounds": len(log.climbs) + 1}
    if rule.width is not None and known is not None and known.width is not None:
        row["width"] = round(known.width, 4)
    if log.reason is not None and log.at_end is not None and stored >= log.at_end.n_samples:
        row["done"] = "100.0%"
    return row
