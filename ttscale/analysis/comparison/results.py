"""What a comparison of verifiers answers: frozen results, as tidy rows for programs and two tables for people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ttscale.result import Result, Row
from ttscale.showing.numbers import Shown, amount, at_k, count, decimal, p_value, points, rests_on, share
from ttscale.showing.view import View
from ttscale.stats.counts.curve import Curve, shown_curve
from ttscale.stats.coverage.plateau import Plateau
from ttscale.stats.decide.deciding import BudgetDecision
from ttscale.stats.intervals.estimate import Estimate
from ttscale.stats.intervals.multiple import PairedDifferences
from ttscale.stats.verifiers.calibration import ReliabilityCurve


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Selection:
    """One way of picking an answer of k with a verifier, and what it collects.

    Attributes:
        name: "best of k", "weighted vote" (over the oracle's answer classes, or ", own classes" where that has none),
            "first accepted" or "majority vote".
        curve: Accuracy at each budget.
        coverage_share: Budget -> accuracy / coverage: how much of what is there it finds.
        gain_share: Budget -> (accuracy − pass@1) / (coverage − pass@1): how much of what more samples add.
        plateau: Where the curve stops paying.
    """

    name: str
    curve: Curve
    coverage_share: Mapping[int, Estimate]
    gain_share: Mapping[int, Estimate]
    plateau: Plateau


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VerifierReport:
    """Everything measured of one verifier against the oracle.

    Attributes:
        name: The verifier.
        selections: The first one stands for the verifier where verifiers are compared.
        judgement: AUROC and, for a verifier that accepts and rejects, precision, recall, specificity and acceptance:
            each pooled and within problems.
        calibration: ECE (pooled) and calibration error (within problems); empty where scores are no probabilities.
        reliability: Accuracy by claimed probability, or None likewise.
        scale: How scores were read as probabilities, "as is" or "sigmoid".
        claimed: What it takes for coverage: the chance that any of k samples is accepted, rightly or not; None
            without verdicts of its own.
        ceiling: Accuracy of resampling until accepted without bound: the mean of T/A; None without verdicts.
        decision: The best budget for the given worth of answers; `policy` says how answers are picked.
        policy: "first accepted", or the verifier's first selection.
        outcomes: Outcome -> samples, errors and missing verdicts included.
        seconds_per_sample: Mean verification time where measured.
        tokens_per_sample: Mean tokens (prompt, completion) of judging a sample by a model, where counted.
        detail: Anything else to know, such as an ensemble's coefficients.
    """

    name: str
    selections: tuple[Selection, ...]
    judgement: tuple[Estimate, ...]
    calibration: tuple[Estimate, ...]
    reliability: ReliabilityCurve | None
    scale: str | None
    claimed: Curve | None
    ceiling: Estimate | None
    decision: BudgetDecision
    policy: str
    outcomes: Mapping[str, int]
    seconds_per_sample: float | None
    tokens_per_sample: tuple[float, float] | None
    detail: Mapping[str, float]

    def find(self, metric: str, averaging: str) -> Estimate | None:
        """Return an estimate by name, None where it was not measured."""
        both = (*self.judgement, *self.calibration)
        return next((one for one in both if (one.metric, one.averaging) == (metric, averaging)), None)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class Comparison(Result):
    """Verifiers compared on the same samples.

    Attributes:
        label: The cell or file.
        oracle: What defines *correct*.
        coverage: The curve that no selector can exceed.
        table_k: Budgets shown in tables and compared pairwise.
        verifiers: In the order given.
        differences: Of accuracy, between every two verifiers at every budget of `table_k` above 1; None for a single one.
        differences_at: (verifier, versus, k) of each difference.
        worth: V, C and price per draw.
        n_samples: Samples compared.
        notes: Caveats.
    """

    label: str
    oracle: str
    coverage: Curve
    table_k: tuple[int, ...]
    verifiers: tuple[VerifierReport, ...]
    differences: PairedDifferences | None
    differences_at: tuple[tuple[str, str, int], ...]
    worth: tuple[float, float, float]
    n_samples: int
    notes: tuple[str, ...]

    def to_rows(self) -> Iterator[Row]:
        """Yield one tidy row per estimate."""
        for row in self.coverage.to_rows():
            yield {"source": self.label, "verifier": self.oracle, "selection": None, **row}
        for verifier in self.verifiers:
            for row in _verifier_rows(verifier):
                yield {"source": self.label, "verifier": verifier.name, **row}
        yield from self.difference_rows()

    def view(self) -> View:
        """Return what is collected, how well is judged and what differs."""
        tables = {
            "Percent of problems solved with k samples": self.collected_table(),
            "How well the scores judge": self.judgement_table(),
            "What the verdicts are worth": self.decision_table(),
            "Paired differences in percentage points": self.difference_table(),
        }
        curves = {"coverage": self.coverage} | {
            f"{one.name}, {one.selections[0].name}": one.selections[0].curve for one in self.verifiers
        }
        level, over = self.coverage.confidence_level, self.coverage.over
        return View(
            title=f"{self.label}: {count(self.n_samples, 'sample')}, oracle {self.oracle}",
            about=rests_on(self.coverage.n_problems, level, over),
            more=[(caption, rows) for caption, rows in tables.items() if rows],
            curves=[shown_curve(curve, label) for label, curve in curves.items()],
            notes=self.notes,
        )

    def difference_rows(self) -> list[Row]:
        """Return one row per paired difference of accuracy."""
        if self.differences is None:
            return []
        rows = self.differences.to_rows([""] * (1 + int(np.max(self.differences.pairs))))
        return [
            {"source": self.label, **row, "metric": "difference", "verifier": first, "versus": second, "k": k}
            for row, (first, second, k) in zip(rows, self.differences_at, strict=True)
        ]

    def collected_table(self) -> list[Row]:
        """Return what each verifier collects, one row per way of picking, as a person reads it."""
        head = {"verifier": f"{self.oracle} (oracle)", "picks by": "any correct"}
        rows: list[Row] = [{**head, **_at(self.coverage, self.table_k)}]
        last = self.table_k[-1]
        rows += [
            {
                "verifier": verifier.name,
                "picks by": "claims (any accepted)",
                **_at(verifier.claimed, self.table_k),
            }
            for verifier in self.verifiers
            if verifier.claimed is not None
        ]
        rows += [
            {
                "verifier": verifier.name,
                "picks by": selection.name,
                **_at(selection.curve, self.table_k),
                "of coverage": _share(selection.coverage_share[last]),
                "of the gain": _share(selection.gain_share[last]),
                "plateau k": selection.plateau.shown,
            }
            for verifier in self.verifiers
            for selection in verifier.selections
        ]
        return rows

    def judgement_table(self) -> list[Row]:
        """Return how well each verifier's scores judge and at what price, one row per verifier."""
        any_tokens = any(verifier.tokens_per_sample for verifier in self.verifiers)
        return [
            {
                "verifier": verifier.name,
                "AUROC": _plain(verifier.find("auroc", "pooled")),
                "within problem": _plain(verifier.find("auroc", "within problem")),
                "ECE": _plain(verifier.find("ece", "pooled")),
                "error within problem": _plain(verifier.find("calibration error", "within problem")),
                "s/sample": verifier.seconds_per_sample,
                **({"tokens/sample": _tokens(verifier)} if any_tokens else {}),
                "errors": verifier.outcomes.get("error", 0) + verifier.outcomes.get("missing", 0),
            }
            for verifier in self.verifiers
        ]

    def decision_table(self) -> list[Row]:
        """Return what each verifier's verdicts are worth, one row per verifier."""
        return [
            {
                "verifier": verifier.name,
                "precision": _plain(verifier.find("precision", "pooled")),
                "recall": _plain(verifier.find("recall", "pooled")),
                "ceiling T/A": _share(verifier.ceiling),
                "picks by": verifier.policy,
                "best k": verifier.decision.shown,
                "utility": verifier.decision.shown_utility,
            }
            for verifier in self.verifiers
        ]

    def difference_table(self) -> list[Row]:
        """Return the paired differences at the largest budget, in percentage points."""
        return [
            {
                "verifier": row["verifier"],
                "versus": row["versus"],
                "k": row["k"],
                "difference": points(row["value"], row["low"], row["high"]),
                "p (family)": p_value(row["p_value"]),
            }
            for row in self.difference_rows()
            if row["k"] == self.table_k[-1]
        ]


def _verifier_rows(verifier: VerifierReport) -> Iterator[Row]:
    for selection in verifier.selections:
        yield from _selection_rows(selection)
    for estimate in (*verifier.judgement, *verifier.calibration, verifier.ceiling):
        if estimate is not None:
            yield {"selection": None, **estimate.to_row()}
    if verifier.reliability is not None:
        for row in verifier.reliability.to_rows():
            yield {"selection": None, **row, "method": f"scores {verifier.scale}, equal-mass bins"}
    if verifier.claimed is not None:
        for row in verifier.claimed.to_rows():
            yield {"selection": None, **row}
    yield from _decision_rows(verifier)
    for outcome, n_samples in verifier.outcomes.items():
        yield {"selection": None, "metric": f"samples {outcome}", "value": n_samples}
    if verifier.seconds_per_sample is not None:
        yield {"selection": None, "metric": "seconds per sample", "value": verifier.seconds_per_sample}
    for kind, tokens in zip(("prompt", "completion"), verifier.tokens_per_sample or (), strict=False):
        yield {"selection": None, "metric": f"{kind} tokens per sample", "value": tokens}
    for name, value in verifier.detail.items():
        yield {"selection": None, "metric": name, "value": value}


def _selection_rows(selection: Selection) -> Iterator[Row]:
    for row in selection.curve.to_rows():
        yield {"selection": selection.name, **row, "metric": "accuracy"}
    for found in (selection.coverage_share, selection.gain_share):
        for k, estimate in found.items():
            yield {"selection": selection.name, "k": k, **estimate.to_row()}
    flat = selection.plateau
    yield {
        "selection": selection.name,
        "metric": "plateau k",
        "value": flat.k,
        "low": flat.low,
        "high": flat.high,
        "unreached": flat.unreached,
        "confidence_level": flat.confidence_level,
        "method": f"doublings move accuracy by at most {flat.tolerance:g}; bootstrap over problems",
        "n_problems": selection.curve.n_problems,
    }


def _decision_rows(verifier: VerifierReport) -> Iterator[Row]:
    decision = verifier.decision
    shared = {
        "selection": verifier.policy,
        "confidence_level": decision.confidence_level,
        "n_problems": decision.n_problems,
    }
    yield {
        **shared,
        "metric": "best k",
        "value": decision.k,
        "low": decision.low,
        "high": decision.high,
        "at_edge": decision.at_edge,
        "method": "highest mean utility; bootstrap over problems",
    }
    yield {
        **shared,
        "metric": "utility at best k",
        "value": decision.utility,
        "low": decision.utility_low,
        "high": decision.utility_high,
        "method": "cross-fitted over problem folds; t over problems",
    }


def _at(curve: Curve, table_k: tuple[int, ...]) -> Row:
    """Return the curve's values at the budgets of the table, in percent."""
    return {f"k={k:,}": at_k(curve, k, sign="") for k in table_k}


def _tokens(verifier: VerifierReport) -> str | None:
    """Return tokens asked and written, such as "412 + 85"."""
    if verifier.tokens_per_sample is None:
        return None
    asked, written = verifier.tokens_per_sample
    return f"{amount(asked)} + {amount(written)}"


def _share(estimate: Estimate | None) -> Shown | None:
    if estimate is None or np.isnan(estimate.value):
        return None
    return share(estimate.value, estimate.low, estimate.high, sign="%")


def _plain(estimate: Estimate | None) -> Shown | None:
    return None if estimate is None else decimal(estimate.value, estimate.low, estimate.high)
