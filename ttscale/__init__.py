"""ttscale: what do more samples buy?

The names below are the Python API; each loads its module when it is first used, so importing the package
loads nothing heavy (no torch, vllm, scipy, polars, matplotlib).
"""

import importlib
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttscale.analysis.budget.allocation import allocate as allocate
    from ttscale.analysis.budget.view import budget_view as budget_view
    from ttscale.analysis.run.analyze import analyze_run as analyze_run
    from ttscale.config.loading import load_config as load_config
    from ttscale.pipeline.run import run as run
    from ttscale.pipeline.run import sample_run as sample_run
    from ttscale.pipeline.run import verify_run as verify_run
    from ttscale.report.html import write_report as write_report
    from ttscale.stats.counts.pass_at_k import pass_at_k as pass_at_k
    from ttscale.stats.coverage.coverage import coverage_curve as coverage_curve
    from ttscale.stats.forecast.backtesting import backtest as backtest
    from ttscale.stats.forecast.forecasting import forecast as forecast
    from ttscale.stats.forecast.next_samples import next_samples as next_samples
    from ttscale.stats.forecast.samples_needed import samples_for as samples_for
    from ttscale.stats.laws.fitting import fit_law as fit_law
    from ttscale.stats.selectors.selection import best_of_k_curve as best_of_k_curve
    from ttscale.stats.selectors.voting import majority_curve as majority_curve
    from ttscale.store.run import RunStore as RunStore

__version__ = "0.1.0"

_HOME_OF = MappingProxyType(
    {
        "RunStore": "ttscale.store.run",
        "allocate": "ttscale.analysis.budget.allocation",
        "analyze_run": "ttscale.analysis.run.analyze",
        "backtest": "ttscale.stats.forecast.backtesting",
        "best_of_k_curve": "ttscale.stats.selectors.selection",
        "budget_view": "ttscale.analysis.budget.view",
        "coverage_curve": "ttscale.stats.coverage.coverage",
        "fit_law": "ttscale.stats.laws.fitting",
        "forecast": "ttscale.stats.forecast.forecasting",
        "load_config": "ttscale.config.loading",
        "majority_curve": "ttscale.stats.selectors.voting",
        "next_samples": "ttscale.stats.forecast.next_samples",
        "pass_at_k": "ttscale.stats.counts.pass_at_k",
        "run": "ttscale.pipeline.run",
        "sample_run": "ttscale.pipeline.run",
        "samples_for": "ttscale.stats.forecast.samples_needed",
        "verify_run": "ttscale.pipeline.run",
        "write_report": "ttscale.report.html",
    }
)
"""Public name -> the module that defines it."""

__all__ = ["__version__", *_HOME_OF]  # noqa: PLE0604 - a literal table of strings


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'ttscale' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
