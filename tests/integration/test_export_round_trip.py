"""What is exported can be read by others, and imported again it gives the same numbers."""

import json
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from ttscale.analysis.run.analyze import analyze_run
from ttscale.cli.main import cli
from ttscale.config.loading import load_config
from ttscale.errors import InvalidInputError, StoreError
from ttscale.exchange.counts import read_counts
from ttscale.pipeline.importing import import_samples
from ttscale.pipeline.run import run
from ttscale.report.exporting import FORMATS, export_run
from ttscale.store.run import RunStore

CONFIG = """
model: {path: toy/scripted, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 8}
sampling: {n: 12, request_size: 4}
verifiers: [exact, last-digit, casting-out-nines]
sweep: {axes: {temperature: [0.5, 1.0]}}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    folder = tmp_path_factory.mktemp("exported")
    (folder / "toy.yaml").write_text(CONFIG, encoding="utf-8")
    return run(load_config(folder / "toy.yaml", out=folder / "run"))


def numbers(store: RunStore) -> dict[tuple[float, str], list[float]]:
    """Cell's temperature and curve -> its values."""
    found = {}
    for cell in analyze_run(store).cells:
        curves = {"coverage": cell.coverage} | dict(cell.selectors)
        curves.pop("best by logprob", None)  # lm-eval has no log-probabilities
        for label, curve in curves.items():
            found[cell.identity.get("sampling.temperature", 1.0), label] = curve.value.tolist()
    return found


@pytest.mark.parametrize("to", ["parquet", "jsonl", "csv", "lm-eval"])
def test_a_round_trip_gives_the_same_numbers(store: RunStore, tmp_path: Path, to: str) -> None:
    out = tmp_path / {"jsonl": "s.jsonl", "csv": "s.csv"}.get(to, "folder")
    export_run(store.path, to, out)
    again = import_samples([out], tmp_path / "again", format_name=None if out.is_dir() else "table")
    assert again.format == {"parquet": "ttscale", "lm-eval": "lm-eval"}.get(to, "table")
    back, original = numbers(again.store), numbers(store)
    if to == "lm-eval":  # it has no place for verifiers that do not see the answer
        original = {key: values for key, values in original.items() if not key[1].startswith("best by")}
    if to == "parquet":  # the problems, too
        for one, other in zip(store.cells(), again.store.cells(), strict=True):
            assert sorted(again.store.problems(other), key=str) == sorted(store.problems(one), key=str)
    assert back.keys() == original.keys()
    for key, values in original.items():
        assert back[key] == pytest.approx(values), key
    texts = [
        pl.concat(
            one.samples(c).select("problem_id", "sample_index", "completion").collect() for c in one.cells()
        )
        for one in (store, again.store)
    ]
    assert texts[0].sort(pl.all()).equals(texts[1].sort(pl.all()))


def test_an_oracle_that_sees_no_key_stays_what_defines_correct(store: RunStore, tmp_path: Path) -> None:
    original = run(load_config(_config(tmp_path, oracle="last-digit"), out=tmp_path / "run"))
    wanted = [cell.coverage.value.tolist() for cell in analyze_run(original).cells]
    assert wanted != [cell.coverage.value.tolist() for cell in analyze_run(store).cells]  # which asks exact
    export_run(original.path, "jsonl", tmp_path / "s.jsonl")
    again = import_samples([tmp_path / "s.jsonl"], tmp_path / "again", format_name="table").store
    assert [cell.coverage.value.tolist() for cell in analyze_run(again).cells] == wanted


def _config(folder: Path, *, oracle: str) -> Path:
    path = folder / "toy.yaml"
    path.write_text(f"{CONFIG}analysis: {{oracle: {oracle}}}\n", encoding="utf-8")
    return path


def test_load_dataset_opens_the_parquet_export(store: RunStore, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    export_run(store.path, "parquet", tmp_path / "set")
    cell = store.cells()[1]
    loaded = datasets.load_dataset(
        str(tmp_path / "set"), cell, split="test", cache_dir=str(tmp_path / "cache")
    )
    samples = store.samples(cell).sort("problem_id", "sample_index").collect()
    rows = sorted(loaded, key=lambda row: (row["problem_id"], row["sample_index"]))
    assert [row["completion"] for row in rows] == samples["completion"].to_list()
    assert all(row["correct"] == (row["verdict:exact"] == "correct") for row in rows)
    stored = {
        k: v
        for k, v in store.manifest()["cells"][cell].items()
        if k.startswith(("sampling", "task.problems"))
    }
    assert json.loads(rows[0]["settings"]) == stored
    problems = datasets.load_dataset(
        str(tmp_path / "set"), f"{cell}-problems", split="test", cache_dir=str(tmp_path / "cache")
    )
    assert [row["problem_id"] for row in problems] == [problem.problem_id for problem in store.problems(cell)]
    default = datasets.load_dataset(str(tmp_path / "set"), split="test", cache_dir=str(tmp_path / "cache"))
    assert set(default["cell"]) == {store.cells()[0]}


def test_the_card_says_what_is_inside(store: RunStore, tmp_path: Path) -> None:
    export_run(store.path, "parquet", tmp_path / "set")
    _, header, body = (tmp_path / "set" / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(header)
    assert card["size_categories"] == ["n<1K"]
    for config in card["configs"]:
        (files,) = config["data_files"]
        assert list((tmp_path / "set").glob(files["path"])), files
    for cell in analyze_run(store).cells:
        assert f"| `{cell.cell}` | toy/scripted | arithmetic | 8 | 96 | exact |" in body
        assert f"{100 * cell.coverage.value[0]:.1f}" in body


def test_counts_are_read_back_cell_by_cell(store: RunStore, tmp_path: Path) -> None:
    export_run(store.path, "counts", tmp_path / "counts.csv")
    groups = read_counts(tmp_path / "counts.csv", by=["cell"])
    cells = analyze_run(store).cells
    for group, cell in zip(groups, cells, strict=True):
        assert group.labels["cell"] == cell.cell
        assert group.c.tolist() == cell.problems["c"].to_list()
        assert group.n.tolist() == [12] * 8


def test_figures_have_three_formats_and_their_data(store: RunStore, tmp_path: Path) -> None:
    files = export_run(store.path, "figures", tmp_path / "figures", cells=store.cells()[:1])
    assert {path.name for path in files} == {
        f"{name}{suffix}"
        for name in ("curves", "success-rates")
        for suffix in (".png", ".svg", ".pdf", ".csv")
    }
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert all(path.read_bytes().startswith(starts.get(path.suffix, b"")) for path in files)
    curve = pl.read_csv(tmp_path / "figures" / "curves.csv").filter(pl.col("curve") == "coverage")
    assert curve["value"].to_list() == pytest.approx(analyze_run(store).cells[0].coverage.value.tolist())


def test_nothing_is_overwritten_and_a_failure_leaves_nothing(store: RunStore, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    for to in FORMATS:
        with pytest.raises(InvalidInputError, match="is there already"):
            export_run(store.path, to, taken)
    assert taken.read_text() == "mine"
    with pytest.raises(InvalidInputError, match=r"no cell 'scripted-arithmetic.*Did you mean"):
        export_run(store.path, "csv", tmp_path / "x.csv", cells=["scripted-arithmetic-temperature-0.6"])
    with pytest.raises(InvalidInputError, match="Did you mean 'parquet'"):
        export_run(store.path, "parket", tmp_path / "x")
    assert list(tmp_path.iterdir()) == [taken]


def test_unverified_samples_are_exported_without_a_verdict(tmp_path: Path, store: RunStore) -> None:
    rows = [{"id": "a", "completion": "x"}, {"id": "b", "completion": "y"}]
    path = tmp_path / "plain.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    bare = import_samples([path], tmp_path / "bare", format_name="table").store
    export_run(bare.path, "jsonl", tmp_path / "out.jsonl")
    assert "correct" not in json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    with pytest.raises(StoreError, match="no verdicts to count"):
        export_run(bare.path, "counts", tmp_path / "counts.csv")


def test_the_command_prints_its_files_as_data(store: RunStore, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        cli, ["export", str(store.path), "--to", "counts", "--out", str(tmp_path / "c.csv"), "--json"]
    )
    assert json.loads(done.stdout) == [
        {"file": str(tmp_path / "c.csv"), "bytes": (tmp_path / "c.csv").stat().st_size}
    ]
    assert CliRunner().invoke(cli, ["export", str(store.path)]).exit_code == 2
