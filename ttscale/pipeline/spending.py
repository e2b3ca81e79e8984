"""A limit on what a run may spend: ``sampling.most_tokens``, ``most_usd`` and ``most_seconds``.

The sum counts what every cell and every session of the run directory took, so that a resumed run goes on counting. What is
left is shared evenly among the cells that still lack samples. A cell is drawn in parts, each as large as surely fits by the
lengths seen so far, and each raises the problems evenly: a run that stops early has about as many samples of every problem.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, sqrt
from typing import Any

import polars as pl

from ttscale.config.cells import cells
from ttscale.config.models import Cell, RunConfig
from ttscale.costs.contract import Price
from ttscale.costs.money import known_prices
from ttscale.errors import CapReachedError, ConfigError
from ttscale.pipeline.contract import CellDrawer, CellWork
from ttscale.samplers.conversations import n_characters
from ttscale.samplers.settings import price_of
from ttscale.store.run import RunStore, Session

CAPS = ("most_tokens", "most_usd", "most_seconds")

_ENOUGH = 8
"""Samples whose lengths say how long the next ones get."""
_CAUTION = 5.0
"""Standard errors above the mean that a part may cost and must still fit."""
_WORTHWHILE = 0.01
"""Share of a cell's samples so far that a further part has at least: the last tokens of a cap are not worth an engine's while."""
_CHARACTERS_PER_TOKEN = 3.0
"""Of a prompt that no tokenizer has seen, on the safe side."""
_FIRST_SECONDS = 64
"""Samples that are drawn before the speed is known."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Completion tokens of a cell's stored samples.

    Attributes:
        n: How many samples.
        mean: Of their tokens.
        spread: Standard deviation of their tokens.
    """

    n: int
    mean: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Cap:
    """One limit.

    Attributes:
        key: Its name below ``sampling``.
        limit: In its unit.
        prices: Cell -> the price of its model, for US dollars.
    """

    key: str
    limit: float
    prices: Mapping[str, Price]

    def spent(self, sessions: Iterable[Session]) -> float:
        """Return what sessions took, in the cap's unit."""
        return sum(self._of_session(session) for session in sessions)

    def told(self, spent: float) -> str:
        """Say how much of it is gone."""
        unit = self.key.removeprefix("most_")
        amount = (
            f"{spent:.4g} of {self.limit:g}" if unit != "tokens" else f"{spent:,.0f} of {self.limit:,.0f}"
        )
        return f"{amount} {'US dollars' if unit == 'usd' else unit}"

    def fits(
        self, room: float, cell: Cell, lengths: Lengths, sessions: Sequence[Session], prompt: float
    ) -> int:
        """Return how many samples of a cell surely fit into what is left.

        Args:
            room: What is left, in the cap's unit.
            cell: The cell.
            lengths: Of its samples so far.
            sessions: Its own.
            prompt: Tokens of its longest prompt, at most.
        """
        if self.key == "most_seconds":
            rate = _samples_per_s(sessions)
            return floor(room * rate) if rate else _FIRST_SECONDS
        scale, extra = 1.0, 0.0
        if self.key == "most_usd":
            price = self.prices[cell.name]
            scale, extra = price.usd(0.0, 1.0), price.usd(prompt, 0.0)
        if not scale and not extra:
            return 2**62
        if lengths.n < _ENOUGH:
            most = floor(room / (scale * cell.sampling.max_tokens + extra))
            return most if cell.strategy is None else min(most, _ENOUGH)  # an attempt makes many calls
        return _largest(room, scale * lengths.mean + extra, _CAUTION * scale * lengths.spread)

    def _of_session(self, session: Session) -> float:
        if self.key == "most_tokens":
            return session.completion_tokens
        if self.key == "most_seconds":
            return session.seconds + session.start_s
        return _usd(session, self.prices.get(session.cell))


def caps_of(drawn: Sequence[Cell], *, share: bool = False) -> list[Cap]:
    """Return the caps of a run.

    Args:
        drawn: The run's cells.
        share: Whether several processes draw, of which none knows what the others are spending.

    Raises:
        ConfigError: Cells disagree, processes share the run, or US dollars are limited and a model has no price.
    """
    caps, listed = [], known_prices()
    for key in CAPS:
        limits = {getattr(cell.sampling, key) for cell in drawn}
        if len(limits) > 1:
            raise ConfigError(
                f"sampling.{key} holds for the whole run, but its cells have {_listed(limits)}: set it once."
            )
        limit = limits.pop()
        if limit is not None and share:
            raise ConfigError(
                f"sampling.{key} is watched by one process: run it without --share, or leave it out."
            )
        if limit is not None:
            caps.append(Cap(key, float(limit), _prices(drawn, listed) if key == "most_usd" else {}))
    return caps


class CappedDrawer:
    """Draws what the caps allow, through another drawer.

    Args:
        drawer: Draws.
        caps: At least one.
        work: Every cell of the run and how many samples of each problem it wants.
    """

    def __init__(
        self, drawer: CellDrawer, caps: Sequence[Cap], work: Mapping[str, Mapping[str, int]]
    ) -> None:
        self._drawer = drawer
        self._caps = caps
        self._wanted = work
        self._closed: set[str] = set()
        self._allowed: dict[tuple[str, str], float] = {}

    def draw(self, work: CellWork, targets: Mapping[str, int]) -> int:
        """Draw what a cell lacks, as far as the caps reach.

        Raises:
            CapReachedError: It still lacks samples, and no more fit.
        """
        store, cell = work.store, work.cell.name
        n_drawn = 0
        while store.missing(cell, targets):
            part = self._part(work, targets)
            n_drawn += self._drawer.draw(work, part)
        if not n_drawn:
            n_drawn = self._drawer.draw(work, targets)  # says that nothing is left to draw
        return n_drawn

    def _part(self, work: CellWork, targets: Mapping[str, int]) -> dict[str, int]:
        sessions = work.store.sessions()
        own = [session for session in sessions if session.cell == work.cell.name]
        lengths = _lengths(work.store, work.cell.name)
        prompt = max(map(n_characters, work.problems)) / _CHARACTERS_PER_TOKEN
        spent = {cap: cap.spent(sessions) for cap in self._caps}
        fitting = {
            cap: cap.fits(
                self._allowance(cap, work, spent[cap]) - spent[cap], work.cell, lengths, own, prompt
            )
            for cap in self._caps
        }
        tightest = min(fitting, key=lambda cap: fitting[cap])
        room = fitting[tightest]
        if room < max(1, _WORTHWHILE * lengths.n):
            self._closed.add(work.cell.name)
            raise CapReachedError(
                f"{work.cell.name}: sampling.{tightest.key} ends it with {lengths.n:,} samples; the run took "
                f"{tightest.told(spent[tightest])}. Raise it and repeat the command to go on."
            )
        return raised_evenly(work.store, work.cell.name, targets, room)

    def _allowance(self, cap: Cap, work: CellWork, spent: float) -> float:
        """Return how far a cell may drive a cap: what was spent when it began, and its even share of what was left."""
        key = (cap.key, work.cell.name)
        if key not in self._allowed:
            open_cells = [
                name for name, wanted in self._wanted.items() if self._is_open(work.store, name, wanted)
            ]
            self._allowed[key] = spent + (cap.limit - spent) / max(len(open_cells), 1)
        return self._allowed[key]

    def _is_open(self, store: RunStore, cell: str, wanted: Mapping[str, int]) -> bool:
        return cell not in self._closed and bool(store.missing(cell, wanted))


def raised_evenly(store: RunStore, cell: str, targets: Mapping[str, int], room: int) -> dict[str, int]:
    """Return targets that lack at most `room` samples in all, with every problem raised to the same height.

    Args:
        store: The run.
        cell: The cell.
        targets: problem_id -> samples wanted.
        room: At least 1.
    """

    def lacking(level: int) -> int:
        missing = store.missing(cell, _up_to(targets, level))
        return sum(len(gap) for gaps in missing.values() for gap in gaps)

    low, high = 0, max(targets.values())
    if lacking(high) <= room:
        return dict(targets)
    while high - low > 1:
        level = (low + high) // 2
        low, high = (level, high) if lacking(level) <= room else (low, level)
    part, left = _up_to(targets, low), room - lacking(low)
    above = store.missing(cell, _up_to(targets, high))
    below = store.missing(cell, part)
    for problem_id in above:
        if left and above[problem_id] != below.get(problem_id):
            part[problem_id] = min(targets[problem_id], high)
            left -= 1
    return part


def told_of_caps(config: RunConfig, expected: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Say what a run has spent of each of its caps, and whether one ends it before its samples are drawn.

    Args:
        config: The run.
        expected: Rows of `ttscale.pipeline.planning.plan_rows`.
    """
    store = RunStore(config.out)
    sessions = store.sessions() if store.exists else []
    return [_told_of(cap, cap.spent(sessions), expected) for cap in caps_of(cells(config))]


def _told_of(cap: Cap, spent: float, expected: Sequence[Mapping[str, Any]]) -> str:
    said = f"sampling.{cap.key}: {cap.told(spent)} spent."
    values = [row[f"{cap.key.removeprefix('most_')}_expected"] for row in expected]
    asked = 0.0 if None in values else sum(values)
    if asked <= cap.limit - spent:
        return said
    return f"{said} It ends the run after about {max(cap.limit - spent, 0.0) / asked:.0%} of what is to be drawn."


def _up_to(targets: Mapping[str, int], level: int) -> dict[str, int]:
    return {problem_id: min(n, level) for problem_id, n in targets.items()}


def _largest(room: float, mean: float, caution: float) -> int:
    """Return the largest n with n mean + caution sqrt(n) <= room."""
    if room <= 0:
        return 0
    if mean <= 0:
        return 2**62
    root = (-caution + sqrt(caution**2 + 4 * mean * room)) / (2 * mean)
    return floor(root**2)


def _lengths(store: RunStore, cell: str) -> Lengths:
    if not store.has_samples(cell):
        return Lengths(0, 0.0, 0.0)
    tokens = pl.col("completion_tokens")
    n, mean, spread = (
        store.samples(cell)
        .select(pl.len(), tokens.mean().alias("mean"), tokens.std().alias("spread"))
        .collect()
        .row(0)
    )
    return Lengths(int(n) if mean is not None else 0, mean or 0.0, spread or 0.0)


def _samples_per_s(sessions: Sequence[Session]) -> float | None:
    """Return the speed of the last session: parts grow, and with them the engine fills."""
    drawn = [session for session in sessions if session.n_samples and session.seconds]
    return drawn[-1].n_samples / drawn[-1].seconds if drawn else None


def _usd(session: Session, price: Price | None) -> float:
    """Return what a session cost: as its server billed it, or its tokens at the price."""
    billed = session.usage.get("usd")
    if billed is not None:
        return float(billed)
    if price is None:
        return 0.0
    prompts = session.usage.get("prompt_tokens") or 0
    return price.usd(prompts, session.completion_tokens)


def _prices(drawn: Sequence[Cell], listed: Mapping[str, Price]) -> dict[str, Price]:
    prices = {cell.name: price_of(cell.model, listed) for cell in drawn}
    for cell in drawn:
        if prices[cell.name] is None:
            raise ConfigError(
                f"sampling.most_usd needs the price of '{cell.model.path}'. Give model.engine_options.price "
                "(prompt_usd_per_million, completion_usd_per_million) for a server, or name a price file in TTSCALE_PRICES."
            )
    return {name: price for name, price in prices.items() if price is not None}


def _listed(limits: Iterable[float | None]) -> str:
    return ", ".join(sorted("none" if limit is None else f"{limit:g}" for limit in limits))
