"""What a comparison of models answers: curves, differences and what would settle them, ranks, and who solves what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ttscale.analysis.strategies.compare import short_names
from ttscale.analysis.strategies.results import StrategyComparison
from ttscale.arrays import FloatArray, IntArray
from ttscale.costs.amounts import unit_name
from ttscale.result import Result, Row
from ttscale.showing.numbers import (
    count,
    counts,
    exact_percent,
    p_value,
    percent,
    points,
    rests_on,
    share,
    width,
)
from ttscale.showing.view import Dot, View
from ttscale.stats.decide.ranking import Ranking
from ttscale.stats.decide.settling import Settling
from ttscale.stats.intervals.multiple import METHOD

_MOST_CONTRASTS = 24
"""Beyond so many differences a table shows those at the largest budget alone."""
_NAMED = 8
"""Problems named in a table."""
_MOST_PAIRS = 6
"""Beyond so many pairs a table leaves out those that one cell solves nothing alone of."""
_ABOUT = (
    "Problems (or samples of each) needed: with so many the interval leaves out 0 with a chance of {}, if the true difference is "
    "the one seen; a dash where no number is enough. Detectable: the smallest true difference that these problems show with that chance."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """The paired difference of two cells at one budget.

    Attributes:
        first: Position of the one.
        second: Position of the other.
        k: Samples per problem.
        value: Mean of first - second over problems.
        low: Lower end; all of a curve's intervals hold together.
        high: Upper end.
        p_value: Adjusted for all differences of the curve.
        p_unadjusted: Of this one alone.
        settling: How many problems or samples would settle it.
    """

    first: int
    second: int
    k: int
    value: float
    low: float
    high: float
    p_value: float
    p_unadjusted: float
    settling: Settling


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class WayComparison:
    """One curve of A cells at K budgets.

    Attributes:
        name: "coverage", "majority vote", "best by NAME", ...
        metric: "coverage" or "selected accuracy".
        k: Budgets, shape (K,).
        value: Shape (A, K).
        low: Lower ends over problems, each cell by itself, shape (A, K).
        high: Upper ends.
        contrasts: Pair by pair and budget by budget; one family.
        ranking: By the largest budget.
        at_cost: The same at equal cost; None where nothing but samples is known of costs.
        confidence_level: Such as 0.95.
        n_problems: P.
    """

    name: str
    metric: str
    k: IntArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    contrasts: tuple[Contrast, ...]
    ranking: Ranking
    at_cost: StrategyComparison | None
    confidence_level: float
    n_problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedByOne:
    """A problem that one cell solves and another never does.

    Attributes:
        problem: Its row in the comparison.
        problem_id: Its name.
        cell: Position of the one that solves it.
        versus: Position of the other.
    """

    problem: int
    problem_id: str
    cell: int
    versus: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class ModelComparison(Result):
    """A cells compared on the same P problems.

    Attributes:
        part: What the problems have in common where they were split, such as {"level": "3"}.
        labels: Of the cells, length A.
        origins: (run directory, cell) of each; None for a table.
        problem_ids: Length P.
        n: Samples, shape (P, A).
        c: Correct ones, shape (P, A).
        n_alone: Problems of each cell that others lack, which are left out; length A.
        ways: The curves.
        pairs: Positions (first, second) of what is compared.
        notes: Caveats.
    """

    part: Mapping[str, str]
    labels: tuple[str, ...]
    origins: tuple[tuple[str, str] | None, ...]
    problem_ids: tuple[str, ...]
    n: IntArray
    c: IntArray
    n_alone: tuple[int, ...]
    ways: tuple[WayComparison, ...]
    pairs: tuple[tuple[int, int], ...]
    notes: tuple[str, ...] = field(default=())

    def solved_by_one(self, cell: int, versus: int) -> list[SolvedByOne]:
        """Return the problems that one cell solves with any of its samples and another with none, in order."""
        rows = np.flatnonzero((self.c[:, cell] > 0) & (self.c[:, versus] == 0))
        return [
            SolvedByOne(problem=int(row), problem_id=self.problem_ids[row], cell=cell, versus=versus)
            for row in rows
        ]

    def to_rows(self) -> Iterator[Row]:
        """Yield one row per value, difference, rank, cost and problem; the column `question` tells them apart."""
        for way in self.ways:
            head = {**self.part, "curve": way.name}
            for question, rows in (
                ("value", self._value_rows(way)),
                ("difference", self._difference_rows(way)),
                ("rank", self._rank_rows(way)),
                ("equal cost", way.at_cost.to_rows() if way.at_cost else ()),
            ):
                for row in rows:
                    yield {"question": question, **head, **row}
        for row in self.grid_rows():
            yield {"question": "problem", **self.part, **row}

    def grid_rows(self) -> Iterator[Row]:
        """Yield one row per problem and cell: its samples, the correct ones, and whom it alone solves it against."""
        for i, problem in enumerate(self.problem_ids):
            for j, label in enumerate(self.labels):
                yield {
                    "problem_id": problem,
                    "cell": label,
                    "n": int(self.n[i, j]),
                    "c": int(self.c[i, j]),
                    "success_rate": float(self.c[i, j] / self.n[i, j]) if self.n[i, j] else None,
                    "not_solved_by": [
                        self.labels[m] for m in range(len(self.labels)) if self.c[i, j] and not self.c[i, m]
                    ],
                }

    def view(self) -> View:
        """Return the tables a person reads."""
        part = "".join(f", {key} {value}" for key, value in self.part.items())
        way = self.ways[0]
        tables: list[tuple[str, list[Row]]] = []
        for one in self.ways:
            tables += self._way_tables(one)
        tables.append(("Solved by one and not by the other, with any of its samples", self.alone_table()))
        return View(
            title=f"{count(len(self.labels), 'cell')} compared{part}",
            about=rests_on(way.n_problems, way.confidence_level, "problems"),
            more=[(title, rows) for title, rows in tables if rows],
            dots=[self._dot(one) for one in way.contrasts if one.k == way.k[-1]],
            axis=f"difference of {way.name} at k = {way.k[-1]:,}, {exact_percent(way.confidence_level)} for all together",
            notes=(_ABOUT.format(exact_percent(way.contrasts[0].settling.power)), *self.notes),
        )

    def _dot(self, one: Contrast) -> Dot:
        names = short_names(self.labels)  # a figure has little room for what all of them begin with
        label = f"{names[self.labels[one.first]]} - {names[self.labels[one.second]]}"
        return Dot(label=label, value=one.value, low=one.low, high=one.high)

    def grid_table(self) -> list[Row]:
        """Return the problems x cells table: correct of drawn."""
        return [
            {
                "problem": problem,
                **{
                    label: f"{self.c[i, j]}/{self.n[i, j]}" if self.n[i, j] else None
                    for j, label in enumerate(self.labels)
                },
            }
            for i, problem in enumerate(self.problem_ids)
        ]

    def alone_table(self) -> list[Row]:
        """Return for each pair, both ways, how many problems one alone solves, and the first of them."""
        rows = []
        for pair in self.pairs:
            for cell, versus in (pair, pair[::-1]):
                alone = self.solved_by_one(cell, versus)
                if not alone and len(self.pairs) > _MOST_PAIRS:
                    continue
                named = [
                    f"{one.problem_id} {self.c[one.problem, cell]}/{self.n[one.problem, cell]}"
                    for one in alone
                ]
                more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
                rows.append(
                    {
                        "solved by": self.labels[cell],
                        "not by": self.labels[versus],
                        "problems": len(alone),
                        "which": ", ".join(named[:_NAMED]) + more,
                    }
                )
        return rows

    def _way_tables(self, way: WayComparison) -> list[tuple[str, list[Row]]]:
        level = exact_percent(way.confidence_level)
        family = f"{level} for all {len(way.contrasts)} together (max-t)"
        title = f"{way.name.capitalize()}: paired differences in points, {family}"
        tables = [
            (f"{way.name.capitalize()} in percent, ranks by k = {way.k[-1]:,}", self.rank_table(way)),
            (title, self.difference_table(way)),
        ]
        if way.at_cost is not None:
            tables.append(
                (
                    f"{way.name.capitalize()} at equal cost, in {unit_name(way.at_cost.unit)} per problem",
                    cost_table(way.at_cost),
                )
            )
        return tables

    def rank_table(self, way: WayComparison) -> list[Row]:
        """Return the cells, best first, with their values and the interval of their rank."""
        found = way.ranking
        return [
            {
                "rank": counts(int(found.rank[i]), int(found.low[i]), int(found.high[i])),
                "cell": self.labels[i],
                "chance to be best": percent(float(found.chance[i, 0])),
                **{
                    f"k={k:,}": share(float(way.value[i, j]), float(way.low[i, j]), float(way.high[i, j]))
                    for j, k in enumerate(way.k.tolist())
                },
            }
            for i in np.lexsort((np.arange(len(self.labels)), found.rank))
        ]

    def difference_table(self, way: WayComparison) -> list[Row]:
        """Return the paired differences with what would settle them; of many those at the largest budget alone."""
        many = len(way.contrasts) > _MOST_CONTRASTS
        return [
            {
                "cell": self.labels[one.first],
                "versus": self.labels[one.second],
                "k": one.k,
                "difference": points(one.value, one.low, one.high),
                "p (family)": p_value(one.p_value),
                **_told_settling(one.settling),
            }
            for one in way.contrasts
            if one.k == way.k[-1] or not many
        ]

    def _value_rows(self, way: WayComparison) -> Iterator[Row]:
        for i, label in enumerate(self.labels):
            for j, k in enumerate(way.k.tolist()):
                yield {
                    "cell": label,
                    "k": k,
                    "value": float(way.value[i, j]),
                    "low": float(way.low[i, j]),
                    "high": float(way.high[i, j]),
                    "confidence_level": way.confidence_level,
                    "n_problems": way.n_problems,
                }

    def _difference_rows(self, way: WayComparison) -> Iterator[Row]:
        for one in way.contrasts:
            yield {
                "cell": self.labels[one.first],
                "versus": self.labels[one.second],
                "k": one.k,
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "p_value": one.p_value,
                "p_unadjusted": one.p_unadjusted,
                "settled": one.settling.is_settled,
                "problems_to_settle": one.settling.problems,
                "problems_to_settle_low": one.settling.problems_low,
                "problems_to_settle_high": one.settling.problems_high,
                "samples_to_settle": one.settling.samples,
                "detectable": one.settling.detectable,
                "power": one.settling.power,
                "method": METHOD,
                "confidence_level": way.confidence_level,
                "n_problems": way.n_problems,
            }

    def _rank_rows(self, way: WayComparison) -> Iterator[Row]:
        for i, label in enumerate(self.labels):
            yield {
                "cell": label,
                "k": int(way.k[-1]),
                "value": int(way.ranking.rank[i]),
                "low": int(way.ranking.low[i]),
                "high": int(way.ranking.high[i]),
                "chance_best": float(way.ranking.chance[i, 0]),
                "confidence_level": way.confidence_level,
                "n_problems": way.n_problems,
            }


def _told_settling(one: Settling) -> dict[str, Any]:
    """Return what would settle a comparison, or that it is settled."""
    if one.is_settled:
        return {
            "problems needed": "settled",
            "or samples of each": "settled",
            "detectable": width(one.detectable),
        }
    return {
        "problems needed": counts(one.problems, one.problems_low, one.problems_high),
        "or samples of each": one.samples,
        "detectable": width(one.detectable),
    }


def cost_table(found: StrategyComparison) -> list[Row]:
    """Return what every cell reaches at each cost, and its difference from the first, with its p-value."""
    return [
        {
            "cost": row["cost"],
            "cell": row["way"] + (" (all its samples)" if row["beyond_samples"] else ""),
            "samples": float(row["attempts"]),
            "percent": share(row["value"], row["low"], row["high"]),
            "points more than the first": None
            if row["difference"] is None
            else points(row["difference"], row["difference_low"], row["difference_high"]),
            "p (family)": None if row["p_value"] is None else p_value(row["p_value"]),
        }
        for row in sorted(found.to_rows(), key=lambda row: row["cost"])
    ]
