"""Seals: damage, a wrong place and a copy are told from what a file says of itself."""

import io
import json
from pathlib import Path

import polars as pl
import pytest
from stored_runs import make_run

from ttscale.config.models import PluginSettings
from ttscale.errors import StoreError, TornSegmentWarning
from ttscale.pipeline.building import build_verifier
from ttscale.pipeline.run import verify_run
from ttscale.store.files import FlawError
from ttscale.store.run import RunStore
from ttscale.store.seals import (
    Home,
    close_parquet,
    parquet_metadata,
    parquet_seal,
    sealed_json,
    unsealed_json,
)

HOME = Home("a1", "samples/c")
CELL = "demo-arithmetic-arithmetic"


def sealed_file(path: Path, texts: list[str], home: Home = HOME) -> bytes:
    encoded = io.BytesIO()
    pl.DataFrame({"completion": texts}).write_parquet(encoded, metadata=parquet_metadata(home))
    close_parquet(encoded)
    path.write_bytes(encoded.getvalue())
    return encoded.getvalue()


def test_every_flipped_bit_of_a_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    data = sealed_file(path, ["one", "two"])
    assert parquet_seal(path).home == HOME
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        try:
            seal = parquet_seal(path)
        except FlawError:
            continue
        assert seal is None  # the mark itself: a run whose files are sealed refuses what has none


def test_a_completion_that_quotes_a_seal_changes_nothing(tmp_path: Path) -> None:
    forged = json.dumps(
        {"crc32": "00000000", "of": "samples/d", "run": "b2", "id": "0"}, separators=(",", ":")
    )
    sealed_file(tmp_path / "a.parquet", [forged, f"ttscale.seal{forged}"])
    assert parquet_seal(tmp_path / "a.parquet").home == HOME
    _, seal = unsealed_json(sealed_json({"note": forged}, HOME))
    assert seal.home == HOME


def test_a_document_is_known_by_its_content_and_not_by_its_layout() -> None:
    content = {"rungs": {10: [1], 9: [2]}, "seconds": 0.1 + 0.2, "nothing": None}
    text = sealed_json(content, HOME)
    read, _ = unsealed_json(json.dumps(json.loads(text)))
    assert read == json.loads(json.dumps(content))
    with pytest.raises(FlawError, match="checksum"):
        unsealed_json(text.replace("0.3", "0.4"))
    for other in ("[]", "{", '{"seal": 3}', '{"seal": {}}', "[" * 100_000):
        with pytest.raises(FlawError):
            unsealed_json(other)


@pytest.mark.parametrize("of", ["samples", "verdicts"])
def test_a_copy_beside_the_original_counts_once(tmp_path: Path, of: str) -> None:
    store = make_run(tmp_path / "run", n=4)
    before = contents(store)
    path = sorted(store.path.glob(f"{of}/**/*.parquet"))[0]
    path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())
    with pytest.warns(TornSegmentWarning, match="is a copy of"):
        assert contents(store) == before
    with store.writing() as aside:
        assert len(aside) == 1
    assert contents(store) == before


def test_samples_of_another_cell_or_run_are_not_read_as_its_own(tmp_path: Path) -> None:
    cells = {"a": {"sampling.temperature": 0.1}, "b": {"sampling.temperature": 0.2}}
    store = make_run(tmp_path / "run", cells=cells, n=4)
    other = make_run(tmp_path / "other", cells=cells, n=4)
    (own,) = store.samples_folder("a").iterdir()
    for number, path in enumerate(
        [*store.samples_folder("b").iterdir(), *other.samples_folder("a").iterdir()]
    ):
        (own.parent / f"{number}.parquet").write_bytes(path.read_bytes())
    with pytest.warns(TornSegmentWarning) as told:
        assert store.samples("a").collect()["cell"].unique().to_list() == ["a"]
        assert store.counts("a") == store.counts("b")
    said = {str(one.message).split(": ")[1] for one in told}
    assert said == {"it belongs to 'samples/b'. The next `ttscale run` sets it aside and makes its rows again.",
                    "it is of another run. The next `ttscale run` sets it aside and makes its rows again."}  # fmt: skip


def test_runs_of_earlier_versions_open_without_seals_and_new_ones_do_not(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=4)
    path = next(store.samples_folder(CELL).iterdir())
    rows = pl.read_parquet(path)
    rows.write_parquet(path)  # as another program writes it
    with pytest.warns(TornSegmentWarning, match="no checksum"):
        assert store.counts(CELL) == {}
    for name in ("manifest.json", "manifest.copy.json"):
        manifest = json.loads((store.path / name).read_text())
        del manifest["seal"], manifest["run"]
        (store.path / name).write_text(json.dumps(manifest))
    for document in [*store.path.glob("sessions/*"), *store.path.glob("verdicts/*/*.json")]:
        described = json.loads(document.read_text())
        del described["seal"]
        document.write_text(json.dumps(described))
    assert store.samples(CELL).select(rows.columns).collect().equals(rows)
    assert len(store.verdict_sets()) == 2
    assert store.sessions()


def test_a_damaged_manifest_is_read_from_its_copy_and_put_back(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=4)
    before, manifest = contents(store), store.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("arithmetic", "arithmetik", 1))
    with pytest.warns(TornSegmentWarning, match="its copy is read"):
        assert contents(store) == before
    with pytest.warns(TornSegmentWarning), store.writing() as aside:
        assert [path.name for path in aside] == ["manifest.json"]
    assert contents(store) == before


def contents(store: RunStore) -> list[object]:
    frames = [store.samples(CELL).collect(), *(one.scan(CELL).collect() for one in store.verdict_sets())]
    return [store.manifest(), *(frame.sort("problem_id", "sample_index").to_dicts() for frame in frames)]


def test_a_damaged_description_of_a_verifier_is_written_again(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=4)
    verifier = build_verifier(PluginSettings(name="exact"))
    verify_run(store, [verifier])
    before = [one.info for one in store.verdict_sets()]
    for path in store.path.glob("verdicts/*/verifier.json"):
        if path.parent.name == verifier.info.label:
            path.write_text(path.read_text().replace("exact", "exakt", 1))
    with pytest.raises(StoreError, match="writes it again"):
        store.verdict_sets()
    verify_run(store, [build_verifier(PluginSettings(name="exact"))])
    assert [one.info for one in store.verdict_sets()] == before
