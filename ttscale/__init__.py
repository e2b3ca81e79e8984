"""ttscale: what do more samples buy?

The names below are the Python API, sorted by the question they answer; docs/api.md is written from them. Each loads its
module when it is first used, so importing the package loads nothing heavy (no torch, vllm, scipy, polars, matplotlib).
"""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttscale.analysis.budget.allocation import AllocationView as AllocationView
    from ttscale.analysis.budget.allocation import allocate as allocate
    from ttscale.analysis.budget.pricing import Pricing as Pricing
    from ttscale.analysis.budget.questions import Inference as Inference
    from ttscale.analysis.budget.result import BudgetView as BudgetView
    from ttscale.analysis.budget.view import BudgetSettings as BudgetSettings
    from ttscale.analysis.budget.view import Target as Target
    from ttscale.analysis.budget.view import budget_view as budget_view
    from ttscale.analysis.budget.view import budget_views as budget_views
    from ttscale.analysis.comparison.compare import compare_verifiers as compare_verifiers
    from ttscale.analysis.comparison.frame import ComparisonSettings as ComparisonSettings
    from ttscale.analysis.comparison.results import Comparison as Comparison
    from ttscale.analysis.models.compare import ModelComparisonSettings as ModelComparisonSettings
    from ttscale.analysis.models.compare import compare_models as compare_models
    from ttscale.analysis.models.results import ModelComparison as ModelComparison
    from ttscale.analysis.reading.sources import read_source as read_source
    from ttscale.analysis.run.analyze import analyze_run as analyze_run
    from ttscale.analysis.run.results import CellResult as CellResult
    from ttscale.analysis.run.results import RunResult as RunResult
    from ttscale.analysis.strategies.compare import compare_strategies as compare_strategies
    from ttscale.config.loading import load_config as load_config
    from ttscale.costs.amounts import parse_amount as parse_amount
    from ttscale.costs.energy import measured_energy as measured_energy
    from ttscale.pipeline.importing import import_samples as import_samples
    from ttscale.pipeline.merging import merge_runs as merge_runs
    from ttscale.pipeline.run import run as run
    from ttscale.pipeline.run import sample_run as sample_run
    from ttscale.pipeline.run import verify_run as verify_run
    from ttscale.plots.cost import plot_costs as plot_costs
    from ttscale.plots.curves import Line as Line
    from ttscale.plots.curves import plot_curves as plot_curves
    from ttscale.plots.distribution import plot_success_rates as plot_success_rates
    from ttscale.plots.reliability import plot_reliability as plot_reliability
    from ttscale.plots.saving import save_figure as save_figure
    from ttscale.report.exporting import export_run as export_run
    from ttscale.report.html import write_report as write_report
    from ttscale.report.tracking import track as track
    from ttscale.result import Result as Result
    from ttscale.stats.adaptive.piloting import plan_pilot as plan_pilot
    from ttscale.stats.adaptive.planning import plan_coverage as plan_coverage
    from ttscale.stats.counts.curve import Curve as Curve
    from ttscale.stats.counts.pass_at_k import g_pass_at_k as g_pass_at_k
    from ttscale.stats.counts.pass_at_k import mg_pass_at_k as mg_pass_at_k
    from ttscale.stats.counts.pass_at_k import pass_at_k as pass_at_k
    from ttscale.stats.counts.pass_at_k import posterior_pass_at_k as posterior_pass_at_k
    from ttscale.stats.coverage.coverage import coverage_curve as coverage_curve
    from ttscale.stats.coverage.coverage import g_pass_curve as g_pass_curve
    from ttscale.stats.coverage.coverage import mg_pass_curve as mg_pass_curve
    from ttscale.stats.coverage.coverage import pass_hat_curve as pass_hat_curve
    from ttscale.stats.coverage.pooling import pooled_curve as pooled_curve
    from ttscale.stats.coverage.stopping import pass_at_k_until_successes as pass_at_k_until_successes
    from ttscale.stats.coverage.stopping import rate_until_successes as rate_until_successes
    from ttscale.stats.decide.allocation import best_allocation as best_allocation
    from ttscale.stats.decide.allocation import coverage_of_allocation as coverage_of_allocation
    from ttscale.stats.decide.allocation import honest_allocation as honest_allocation
    from ttscale.stats.decide.pooled_selection import best_of_arms as best_of_arms
    from ttscale.stats.forecast.backtesting import Backtest as Backtest
    from ttscale.stats.forecast.backtesting import backtest as backtest
    from ttscale.stats.forecast.forecasting import Forecast as Forecast
    from ttscale.stats.forecast.forecasting import forecast as forecast
    from ttscale.stats.forecast.next_samples import next_samples as next_samples
    from ttscale.stats.forecast.samples_needed import SamplesNeeded as SamplesNeeded
    from ttscale.stats.forecast.samples_needed import samples_for as samples_for
    from ttscale.stats.intervals.estimate import Estimate as Estimate
    from ttscale.stats.laws.fitting import LawFit as LawFit
    from ttscale.stats.laws.fitting import fit_law as fit_law
    from ttscale.stats.selectors.accepting import first_accepted_curve as first_accepted_curve
    from ttscale.stats.selectors.selection import best_of_k_curve as best_of_k_curve
    from ttscale.stats.selectors.voting import majority_curve as majority_curve
    from ttscale.stats.selectors.voting import weighted_majority_curve as weighted_majority_curve
    from ttscale.store.run import RunStore as RunStore

__version__ = "0.1.0"

API: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Sample, verify, keep": {
            "load_config": "ttscale.config.loading",
            "run": "ttscale.pipeline.run",
            "sample_run": "ttscale.pipeline.run",
            "verify_run": "ttscale.pipeline.run",
            "RunStore": "ttscale.store.run",
            "import_samples": "ttscale.pipeline.importing",
            "merge_runs": "ttscale.pipeline.merging",
            "export_run": "ttscale.report.exporting",
        },
        "Look at a run": {
            "analyze_run": "ttscale.analysis.run.analyze",
            "read_source": "ttscale.analysis.reading.sources",
            "write_report": "ttscale.report.html",
            "track": "ttscale.report.tracking",
        },
        "How does coverage grow with samples?": {
            "pass_at_k": "ttscale.stats.counts.pass_at_k",
            "coverage_curve": "ttscale.stats.coverage.coverage",
            "pooled_curve": "ttscale.stats.coverage.pooling",
            "pass_at_k_until_successes": "ttscale.stats.coverage.stopping",
            "rate_until_successes": "ttscale.stats.coverage.stopping",
            "posterior_pass_at_k": "ttscale.stats.counts.pass_at_k",
        },
        "How reliable are all of them?": {
            "pass_hat_curve": "ttscale.stats.coverage.coverage",
            "g_pass_at_k": "ttscale.stats.counts.pass_at_k",
            "g_pass_curve": "ttscale.stats.coverage.coverage",
            "mg_pass_at_k": "ttscale.stats.counts.pass_at_k",
            "mg_pass_curve": "ttscale.stats.coverage.coverage",
        },
        "What does a selector collect?": {
            "majority_curve": "ttscale.stats.selectors.voting",
            "weighted_majority_curve": "ttscale.stats.selectors.voting",
            "best_of_k_curve": "ttscale.stats.selectors.selection",
            "first_accepted_curve": "ttscale.stats.selectors.accepting",
        },
        "Which model is better?": {
            "compare_models": "ttscale.analysis.models.compare",
            "ModelComparisonSettings": "ttscale.analysis.models.compare",
        },
        "Which verifier is better?": {
            "compare_verifiers": "ttscale.analysis.comparison.compare",
            "ComparisonSettings": "ttscale.analysis.comparison.frame",
        },
        "What would more samples bring?": {
            "fit_law": "ttscale.stats.laws.fitting",
            "forecast": "ttscale.stats.forecast.forecasting",
            "backtest": "ttscale.stats.forecast.backtesting",
            "samples_for": "ttscale.stats.forecast.samples_needed",
            "next_samples": "ttscale.stats.forecast.next_samples",
        },
        "What does it cost, and what is the best buy?": {
            "budget_view": "ttscale.analysis.budget.view",
            "budget_views": "ttscale.analysis.budget.view",
            "allocate": "ttscale.analysis.budget.allocation",
            "compare_strategies": "ttscale.analysis.strategies.compare",
            "BudgetSettings": "ttscale.analysis.budget.view",
            "Target": "ttscale.analysis.budget.view",
            "Pricing": "ttscale.analysis.budget.pricing",
            "Inference": "ttscale.analysis.budget.questions",
            "parse_amount": "ttscale.costs.amounts",
            "measured_energy": "ttscale.costs.energy",
        },
        "How are samples best spread over models?": {
            "best_allocation": "ttscale.stats.decide.allocation",
            "honest_allocation": "ttscale.stats.decide.allocation",
            "coverage_of_allocation": "ttscale.stats.decide.allocation",
            "best_of_arms": "ttscale.stats.decide.pooled_selection",
        },
        "How many problems and samples does a precision need?": {
            "plan_coverage": "ttscale.stats.adaptive.planning",
            "plan_pilot": "ttscale.stats.adaptive.piloting",
        },
        "Draw it": {
            "plot_curves": "ttscale.plots.curves",
            "Line": "ttscale.plots.curves",
            "plot_costs": "ttscale.plots.cost",
            "plot_reliability": "ttscale.plots.reliability",
            "plot_success_rates": "ttscale.plots.distribution",
            "save_figure": "ttscale.plots.saving",
        },
        "What results are": {
            "Result": "ttscale.result",
            "Curve": "ttscale.stats.counts.curve",
            "Estimate": "ttscale.stats.intervals.estimate",
            "LawFit": "ttscale.stats.laws.fitting",
            "Forecast": "ttscale.stats.forecast.forecasting",
            "SamplesNeeded": "ttscale.stats.forecast.samples_needed",
            "Backtest": "ttscale.stats.forecast.backtesting",
            "CellResult": "ttscale.analysis.run.results",
            "RunResult": "ttscale.analysis.run.results",
            "Comparison": "ttscale.analysis.comparison.results",
            "ModelComparison": "ttscale.analysis.models.results",
            "BudgetView": "ttscale.analysis.budget.result",
            "AllocationView": "ttscale.analysis.budget.allocation",
        },
    }
)
"""Question -> public name -> the module that defines it."""

_HOME_OF = {name: module for names in API.values() for name, module in names.items()}

__all__ = ["API", "__version__", *_HOME_OF]  # noqa: PLE0604 - a literal table of strings


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'ttscale' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
