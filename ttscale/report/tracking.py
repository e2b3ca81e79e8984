"""Log a run's results to an experiment tracker: MLflow or Weights & Biases."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.run.results import RunResult
from ttscale.errors import InvalidInputError, MissingExtraError
from ttscale.report.series import measured_series

Tracker = Literal["mlflow", "wandb"]

_FORBIDDEN = re.compile(r"[^\w./ -]")
"""In names of metrics: MLflow takes these alone."""

Metrics = Mapping[int, Mapping[str, float]]
"""Budget k -> name of a metric -> its value."""


def track(run: RunResult | Path | str, to: Tracker, *, project: str = "ttscale", files: bool = True) -> None:
    """Log the curves of a run, with k as the step, and its configuration.

    A metric is called ``CELL/CURVE``, with " low" and " high" behind it for the ends of its interval; values are fractions.
    Where a tracker writes to, and as whom, is its own matter: ``MLFLOW_TRACKING_URI``, ``WANDB_MODE`` and so on.

    Args:
        run: An analyzed run, or its directory.
        to: The tracker; needs the extra of that name.
        project: The project (Weights & Biases) or experiment (MLflow).
        files: Whether the configuration and the report, where it is written, go along.

    Raises:
        MissingExtraError: The tracker is not installed.
        InvalidInputError: No such tracker.
    """
    result = run if isinstance(run, RunResult) else analyze_run(run)
    kept = [path for name in ("config.yaml", "report.html") if (path := result.path / name).exists()]
    _log_to(to)(result.name, _settings(result), _metrics(result), project, kept if files else [])


def _log_to(tracker: str) -> Callable[[str, Mapping[str, Any], Metrics, str, list[Path]], None]:
    known = {"mlflow": _to_mlflow, "wandb": _to_wandb}
    if tracker not in known:
        raise InvalidInputError(f"No tracker '{tracker}' is known. Give to='mlflow' or to='wandb'.")
    return known[tracker]


def _settings(result: RunResult) -> dict[str, Any]:
    """Return what decides the samples of every cell, flat."""
    return {
        f"{cell}/{key}": value
        for cell, settings in result.manifest["cells"].items()
        for key, value in settings.items()
    }


def _metrics(result: RunResult) -> Metrics:
    by_k: dict[int, dict[str, float]] = {}
    for cell in result.cells:
        for item in measured_series(cell):
            name = _FORBIDDEN.sub("_", f"{cell.cell}/{item.label}")
            curve = item.curve
            for k, value, low, high in zip(curve.k, curve.value, curve.low, curve.high, strict=True):
                row = by_k.setdefault(int(k), {})
                row |= {name: float(value), f"{name} low": float(low), f"{name} high": float(high)}
    return dict(sorted(by_k.items()))


def _to_mlflow(
    name: str, settings: Mapping[str, Any], metrics: Metrics, project: str, files: list[Path]
) -> None:
    try:
        import mlflow
    except ImportError as error:
        raise MissingExtraError(
            "Logging to MLflow needs the extra 'mlflow': pip install 'ttscale[mlflow]'"
        ) from error
    mlflow.set_experiment(project)
    with mlflow.start_run(run_name=name):
        mlflow.log_params({_FORBIDDEN.sub("_", key): value for key, value in settings.items()})
        for k, row in metrics.items():
            mlflow.log_metrics(dict(row), step=k)
        for path in files:
            mlflow.log_artifact(str(path))


def _to_wandb(
    name: str, settings: Mapping[str, Any], metrics: Metrics, project: str, files: list[Path]
) -> None:
    try:
        import wandb
    except ImportError as error:
        raise MissingExtraError(
            "Logging to Weights & Biases needs the extra 'wandb': pip install 'ttscale[wandb]'"
        ) from error
    with wandb.init(project=project, name=name, config=dict(settings)) as logged:
        logged.define_metric("k")
        logged.define_metric("*", step_metric="k")
        for k, row in metrics.items():
            logged.log({"k": k, **row})
        for path in files:
            logged.save(str(path), base_path=str(path.parent), policy="now")
