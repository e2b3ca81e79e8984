"""Sample a cell in rounds: draw, verify with the oracle, decide who gets more, until enough is known."""

from collections.abc import Iterable, Mapping

import numpy as np

from ttscale.config.models import Cell
from ttscale.errors import ConfigError, SamplerError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.cell_verifiers import CellVerifiers
from ttscale.pipeline.contract import CellDrawer, CellWork
from ttscale.pipeline.stopping import Decision, Reference, decide
from ttscale.pipeline.verifying import verify_cell
from ttscale.samplers.until import UntilSettings
from ttscale.showing.numbers import share, width
from ttscale.stats.adaptive.estimating import error_in_rounds
from ttscale.stats.adaptive.rounds import Rounds, geometric_ladder, pass_at_k_in_rounds
from ttscale.store.rounds import Drawn, RoundsLog, read_drawn, read_rounds, write_rounds
from ttscale.store.run import RunStore

_FEWEST = 1024
"""Samples of a round, however narrow the engine."""
_ROUNDS_OF_SLOTS = 4
"""Times that each place of the engines is filled in a round: of one filling, the longest samples take four fifths of the time."""


def sample_until(
    work: CellWork, drawer: CellDrawer, rule: UntilSettings, verifiers: Mapping[str, CellVerifiers]
) -> int:
    """Draw a cell's samples round by round until its rule is met; return how many were drawn.

    What is decided follows from the stored verdicts and is stored itself before it is acted on: an interrupted
    call is continued by the next one as if nothing had happened. A cell that drew samples before it had a rule
    keeps them as its first rung.

    Args:
        work: The cell.
        drawer: Draws each round.
        rule: When enough is known; see `rule_of`.
        verifiers: Of every cell; the oracle's verdicts decide after each round.

    Raises:
        SamplerError: The engine cannot serve, or the oracle fails on everything.
        StoreError: Something cannot be written.
        ConfigError: The other cell of a difference is not there or has other problems.
    """
    cell, oracle = work.cell, verifiers[work.cell.name].oracle
    log = _opened(work, rule, oracle)
    reference = _reference(work, rule, verifiers)
    n_drawn = 0
    while True:
        drawn, n_new = _settle(work, drawer, oracle, log.rounds)
        n_drawn += n_new
        decision = decide(filling_engines(rule, work.store, cell.name), drawn, reference)
        work.progress.note(_told(cell.name, rule, log, decision))
        if decision.reason is not None:
            write_rounds(work.store, cell.name, log.ended(decision.known, decision.reason))
            return n_drawn
        log = log.with_round(decision.climb, decision.known)
        write_rounds(work.store, cell.name, log)


def filling_engines(rule: UntilSettings, store: RunStore, cell: str) -> UntilSettings:
    """Return a rule whose rounds keep the engines full that drew a cell, where it does not say how large they are."""
    if rule.round_size is not None:
        return rule
    slots = {
        session.engine["detail"].get("replica", 1): session.engine["detail"].get("max_num_seqs") or 0
        for session in store.sessions()
        if session.cell == cell and session.n_samples and "detail" in session.engine
    }
    return rule.model_copy(update={"round_size": max(_FEWEST, _ROUNDS_OF_SLOTS * sum(slots.values()))})


def rule_of(cell: Cell) -> UntilSettings | None:
    """Return the rule that a cell stops by; None: it has none, or is the one that others are compared to."""
    rule = cell.sampling.until
    return None if rule is None or rule.to == cell.name else rule


def referenced_first(ordered: Iterable[Cell]) -> list[Cell]:
    """Return the cells with those first that others are compared to, else in their order."""
    listed = list(ordered)
    wanted = {rule.to for cell in listed if (rule := cell.sampling.until) is not None and rule.to}
    return sorted(listed, key=lambda cell: cell.name not in wanted)


def _opened(work: CellWork, rule: UntilSettings, oracle: NamedVerifier) -> RoundsLog:
    """Read the cell's log and extend its ladder to the present `n`, or begin one."""
    store, cell, n = work.store, work.cell, work.cell.sampling.n
    log = read_rounds(store, cell.name)
    label = oracle.info.label
    settings = rule.model_dump(mode="json", exclude_defaults=True)
    if log is None:
        counts = store.counts(cell.name)
        stored = {counts.get(problem.problem_id, 0) for problem in work.problems}
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


def _settle(work: CellWork, drawer: CellDrawer, oracle: NamedVerifier, rounds: Rounds) -> tuple[Drawn, int]:
    """Draw and verify until every problem has what the rounds give it; return how many samples were drawn.

    Verdicts may be lacking after an interruption, and with them who climbed; each pass tells more.
    """
    store, cell = work.store, work.cell.name
    ids = [problem.problem_id for problem in work.problems]
    n_drawn = 0
    while True:
        verify_cell(store, cell, oracle, work.progress)
        drawn = read_drawn(store, cell, store.verdict_set(oracle.info), ids, rounds)
        targets = dict(zip(ids, np.array(rounds.ladder)[drawn.rung].tolist(), strict=True))
        if not store.missing(cell, targets):
            _refuse_failed_oracle(cell, oracle, drawn)
            return drawn, n_drawn
        n_drawn += drawer.draw(work, targets)


def _refuse_failed_oracle(cell: str, oracle: NamedVerifier, drawn: Drawn) -> None:
    if not drawn.n.any():
        raise SamplerError(
            f"{cell}: '{oracle.info.verifier}' failed on every sample, so nothing can be decided. "
            "See the details of its verdicts."
        )


def _reference(
    work: CellWork, rule: UntilSettings, verifiers: Mapping[str, CellVerifiers]
) -> Reference | None:
    """Return the coverage of the other cell of a difference."""
    if rule.to is None:
        return None
    store, oracle = work.store, verifiers[rule.to].oracle
    ids = [problem.problem_id for problem in work.problems]
    counts = store.counts(rule.to) if store.has_samples(rule.to) else {}
    n = min((counts.get(problem_id, 0) for problem_id in ids), default=0)
    if n < (rule.k or 1):
        raise ConfigError(
            f"cell '{work.cell.name}': the difference at k = {rule.k} needs as many samples of every problem in "
            f"'{rule.to}', which has {n} of the same problems. Sample it first, with a larger n and the same task."
        )
    verify_cell(store, rule.to, oracle, work.progress)
    other = read_drawn(store, rule.to, store.verdict_set(oracle.info), ids, Rounds((n,)))
    k = np.array([rule.k])
    values = pass_at_k_in_rounds(other.rounds, other.rung, other.c, k, verified=other.verified)[:, 0]
    error = error_in_rounds(other.rounds, other.rung, other.c, k).standard_error[0]
    return Reference(values, float(error))


def _told(cell: str, rule: UntilSettings, log: RoundsLog, decision: Decision) -> str:
    known = decision.known
    shown = ""
    if known.value is not None and known.width is not None:
        estimate = share(known.value, known.low, known.high, sign="%")
        shown = f", {rule.quantity}@{rule.k} {estimate}, width {width(known.width)}"
    if decision.reason is not None:
        return f"{cell}: done after {known.n_samples:,} samples{shown}: {decision.reason}."
    return f"{cell}: round {len(log.climbs) + 1} after {known.n_samples:,} samples{shown}"
