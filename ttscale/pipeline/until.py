"""Sample a cell in rounds: draw, let the oracle judge, decide who gets more, until enough is known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ttscale.config.models import Cell
from ttscale.errors import ConfigError, SamplerError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.judges import Judges
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.recording import SegmentHook
from ttscale.pipeline.sampling import sample_cell
from ttscale.pipeline.stopping import Decision, Reference, decide
from ttscale.pipeline.verifying import verify_cell
from ttscale.samplers.until import UntilSettings
from ttscale.stats.adaptive.rounds import Rounds, error_in_rounds, geometric_ladder, pass_at_k_in_rounds
from ttscale.store.rounds import Drawn, RoundsLog, read_drawn, read_rounds, write_rounds
from ttscale.store.run import RunStore
from ttscale.types import Problem


def sample_until(
    store: RunStore,
    cell: Cell,
    problems: Sequence[Problem],
    engines: Engines,
    judges: Mapping[str, Judges],
    progress: Progress,
    *,
    on_segment: SegmentHook = lambda path: None,
) -> int:
    """Draw a cell's samples round by round until its rule is met; return how many were drawn.

    What is decided follows from the stored verdicts and is stored itself before it is acted on: an interrupted
    call is continued by the next one as if nothing had happened. A cell that drew samples before it had a rule
    keeps them as its first rung.

    Args:
        store: The run, held for writing.
        cell: The cell; its `sampling.until` is set.
        problems: Its problems.
        engines: Where the engine comes from; it is kept between rounds.
        judges: Verifiers of every cell; the oracle judges after each round.
        progress: Is told how far it is.
        on_segment: Called with every segment written.

    Raises:
        SamplerError: The engine cannot serve, or the oracle judges nothing.
        StoreError: Something cannot be written.
        ConfigError: The other cell of a difference is not there or has other problems.
    """
    rule = _rule(cell)
    if rule is None or rule.to == cell.name:
        return sample_cell(store, cell, problems, engines, progress, on_segment=on_segment)
    oracle = judges[cell.name].oracle
    log = _opened(store, cell, rule, problems, oracle)
    reference = _reference(store, cell, problems, judges, progress)
    drawing = _Drawing(
        store=store,
        cell=cell,
        problems=problems,
        engines=engines,
        oracle=oracle,
        progress=progress,
        on_segment=on_segment,
    )
    n_drawn = 0
    while True:
        drawn, n_new = drawing.settle(log.rounds)
        n_drawn += n_new
        decision = decide(rule, drawn, reference)
        progress.note(_told(cell.name, rule, log, decision))
        if decision.reason is not None:
            write_rounds(store, cell.name, log.ended(decision.known, decision.reason))
            return n_drawn
        log = log.with_round(decision.climb, decision.known)
        write_rounds(store, cell.name, log)


def referenced_first(ordered: Iterable[Cell]) -> list[Cell]:
    """Return the cells with those first that others are compared to, else in their order."""
    listed = list(ordered)
    wanted = {rule.to for cell in listed if (rule := _rule(cell)) is not None and rule.to}
    return sorted(listed, key=lambda cell: cell.name not in wanted)


def check_rules(cells: Sequence[Cell], *, share: bool = False) -> None:
    """Refuse what cannot work: a difference to a cell that does not exist, rounds decided by several processes.

    Raises:
        ConfigError: Saying which cell and why.
    """
    names = [cell.name for cell in cells]
    for cell in cells:
        rule = _rule(cell)
        if rule is None:
            continue
        if rule.to is not None and rule.to not in names:
            raise ConfigError(
                f"cell '{cell.name}': sampling.until.to is '{rule.to}', which is no cell of this run: "
                f"{', '.join(names)}."
            )
        if share:
            raise ConfigError(
                f"cell '{cell.name}' has sampling.until, whose rounds one process must decide. Run it without --share, "
                "or leave until out."
            )


def _rule(cell: Cell) -> UntilSettings | None:
    return cell.sampling.until


def _opened(
    store: RunStore, cell: Cell, rule: UntilSettings, problems: Sequence[Problem], oracle: NamedVerifier
) -> RoundsLog:
    """Read the cell's log and extend its ladder to the present `n`, or begin one."""
    n = cell.sampling.n
    log = read_rounds(store, cell.name)
    label = oracle.info.label
    settings = rule.model_dump(mode="json", exclude_defaults=True)
    if log is None:
        counts = store.counts(cell.name)
        stored = {counts.get(problem.problem_id, 0) for problem in problems}
        alike = stored.pop() if len(stored) == 1 else 0  # else nobody knows why some have more
        first = min(max(rule.first, alike), n)
        log = RoundsLog(rule=settings, oracle=label, ladder=geometric_ladder(first, n, rule.growth))
    elif log.climbs and log.oracle != label:
        raise ConfigError(
            f"cell '{cell.name}': earlier rounds went by the verdicts of '{log.oracle}', but the oracle now is "
            f"'{label}'. Set the verifiers back, or sample into a new directory with --out."
        )
    log = RoundsLog(
        rule=settings,
        oracle=label,
        ladder=_extended(log.ladder, log.rounds, n, rule.growth),
        climbs=log.climbs,
        before=log.before,
    )
    write_rounds(store, cell.name, log)
    return log


def _extended(ladder: tuple[int, ...], rounds: Rounds, n: int, growth: float) -> tuple[int, ...]:
    """Return the ladder up to `n`: rungs that were reached stay, those above are laid anew."""
    used = 1 + max((rung + 1 for climb in rounds.climbs for rung in climb), default=0)
    kept = ladder[:used]
    if kept[-1] >= n:
        return kept
    above = geometric_ladder(kept[-1], n, growth)
    return (*kept, *above[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawing:
    """What a cell is drawn and judged with."""

    store: RunStore
    cell: Cell
    problems: Sequence[Problem]
    engines: Engines
    oracle: NamedVerifier
    progress: Progress
    on_segment: SegmentHook

    def settle(self, rounds: Rounds) -> tuple[Drawn, int]:
        """Draw and judge until every problem has what the rounds give it; return how many samples were drawn.

        Verdicts may be lacking after an interruption, and with them who climbed; each pass tells more.
        """
        ids = [problem.problem_id for problem in self.problems]
        n_drawn = 0
        while True:
            verify_cell(self.store, self.cell.name, self.oracle, self.progress)
            verdicts = self.store.verdict_set(self.oracle.info)
            drawn = read_drawn(self.store, self.cell.name, verdicts, ids, rounds)
            targets = dict(zip(ids, np.array(rounds.ladder)[drawn.rung].tolist(), strict=True))
            if not self.store.missing(self.cell.name, targets):
                self._refuse_failed_oracle(drawn)
                return drawn, n_drawn
            n_drawn += sample_cell(
                self.store,
                self.cell,
                self.problems,
                self.engines,
                self.progress,
                on_segment=self.on_segment,
                targets=targets,
            )

    def _refuse_failed_oracle(self, drawn: Drawn) -> None:
        if not drawn.n.any():
            raise SamplerError(
                f"{self.cell.name}: '{self.oracle.info.verifier}' failed on every sample, so nothing can be decided. "
                "See the details of its verdicts."
            )


def _reference(
    store: RunStore, cell: Cell, problems: Sequence[Problem], judges: Mapping[str, Judges], progress: Progress
) -> Reference | None:
    """Return the coverage of the other cell of a difference."""
    rule = _rule(cell)
    if rule is None or rule.to is None:
        return None
    oracle = judges[rule.to].oracle
    ids = [problem.problem_id for problem in problems]
    counts = store.counts(rule.to) if store.has_samples(rule.to) else {}
    n = min((counts.get(problem_id, 0) for problem_id in ids), default=0)
    if n < (rule.k or 1):
        raise ConfigError(
            f"cell '{cell.name}': the difference at k = {rule.k} needs as many samples of every problem in "
            f"'{rule.to}', which has {n} of the same problems. Sample it first, with a larger n and the same task."
        )
    verify_cell(store, rule.to, oracle, progress)
    other = read_drawn(store, rule.to, store.verdict_set(oracle.info), ids, Rounds((n,)))
    k = np.array([rule.k])
    values = pass_at_k_in_rounds(other.rounds, other.rung, other.c, k, judged=other.judged)[:, 0]
    error = error_in_rounds(other.rounds, other.rung, other.c, k).standard_error[0]
    return Reference(values, float(error))


def _told(cell: str, rule: UntilSettings, log: RoundsLog, decision: Decision) -> str:
    known = decision.known
    shown = ""
    if known.value is not None and known.width is not None:
        shown = f", {rule.quantity}@{rule.k} {known.value:.3f} [{known.low:.3f}, {known.high:.3f}], width {known.width:.3f}"
    if decision.reason is not None:
        return f"{cell}: done after {known.n_samples:,} samples{shown}: {decision.reason}."
    return f"{cell}: round {len(log.climbs) + 1} after {known.n_samples:,} samples{shown}"
