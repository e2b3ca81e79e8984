"""Experiment trackers get every curve with k as the step. The trackers themselves run where they are installed."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from stored_runs import make_run

from ttscale.analysis.run.analyze import analyze_run
from ttscale.errors import InvalidInputError, MissingExtraError
from ttscale.report.tracking import track

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


def test_mlflow_gets_the_curves_and_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(f"file:{tmp_path / 'mlruns'}")
    result = analyze_run(make_run(tmp_path / "run", cells={"a b": {}}))
    track(result, "mlflow", project="p")
    (logged,) = mlflow.MlflowClient().search_runs([mlflow.get_experiment_by_name("p").experiment_id])
    assert logged.data.params["a b/model.path"] == "demo-arithmetic"
    steps = mlflow.MlflowClient().get_metric_history(logged.info.run_id, "a b/coverage")
    assert [(one.step, one.value) for one in steps] == [
        (int(k), pytest.approx(float(value)))
        for k, value in zip(result.cells[0].coverage.k, result.cells[0].coverage.value, strict=True)
    ]


def test_wandb_gets_the_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    track(make_run(tmp_path / "run").path, "wandb", project="p")
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


class Recorder(ModuleType):
    """MLflow's calls that are made, in the order they are made: what is sent, apart from who takes it."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.calls: list[tuple[str, object]] = []

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: object, **named: object) -> object:
            self.calls.append((name, (args, named)))
            return _Run()

        return call


class _Run:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_names_are_fit_for_any_tracker_and_files_go_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "mlflow", recorder)
    run = make_run(tmp_path / "run", cells={"org:model, t=1": {}})
    track(run.path, "mlflow")
    metrics = [args[0] for name, (args, _) in recorder.calls if name == "log_metrics"]  # type: ignore[misc,index]
    assert metrics
    assert all(re.fullmatch(r"[\w./ -]+", name) for row in metrics for name in row)
    assert any(name == "log_artifact" for name, _ in recorder.calls)
    recorder.calls.clear()
    track(run.path, "mlflow", files=False)
    assert not any(name == "log_artifact" for name, _ in recorder.calls)


def test_a_tracker_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(tmp_path / "run").path
    with pytest.raises(InvalidInputError, match="to='mlflow' or to='wandb'"):
        track(run, "tensorboard")  # type: ignore[arg-type]
    for name in ("mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(MissingExtraError, match=f"ttscale\\[{name}\\]"):
            track(run, name)  # type: ignore[arg-type]
