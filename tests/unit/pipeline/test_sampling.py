"""One engine draws what a cell lacks: nothing twice, nothing left out, whatever happens to the engine."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from drawing import Notes, cell_work, scripted_cell, stored_indices
from scripted import ScriptedSampler

from ttscale.errors import EngineDiedError, RunMismatchError, SamplerError
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.sampling import EngineDrawer
from ttscale.store.samples import scan_samples
from ttscale.types import Sample, SampleRequest


def draw(work: CellWork, targets: dict[str, int] | None = None) -> int:
    with Engines(work.progress) as engines:
        return EngineDrawer(engines).draw(work, targets or work.everything())


def notes(work: CellWork) -> list[str]:
    assert isinstance(work.progress, Notes)
    return work.progress.lines


def test_a_second_call_draws_nothing_and_says_so(tmp_path: Path) -> None:
    work = cell_work(tmp_path)
    assert draw(work) == 5 * 8
    assert stored_indices(work.store) == {f"p{i}": list(range(8)) for i in range(5)}
    assert draw(work) == 0
    assert notes(work)[-1] == "c: all 40 samples are there; nothing to draw."


def test_only_gaps_are_filled_and_the_same_samples_come_out(tmp_path: Path) -> None:
    whole, parts = cell_work(tmp_path / "whole"), cell_work(tmp_path / "parts")
    draw(whole)
    draw(parts, {"p1": 3, "p4": 6})
    drawn = draw(parts)
    assert drawn == 40 - 9
    assert isinstance(parts.progress, Notes)
    assert parts.progress.begun[-1] == (40, 9)

    def texts(work: CellWork) -> list[tuple[str, int, str]]:
        rows = scan_samples(work.store.samples_folder("c")).collect()
        return sorted(rows.select("problem_id", "sample_index", "completion").iter_rows())

    assert texts(whole) == texts(parts)


class DiesOnce(ScriptedSampler):
    """Dies in its second request the first time it is started, and never again."""

    starts = 0

    def start(self):  # type: ignore[no-untyped-def]
        type(self).starts += 1
        return super().start()

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        for count, samples in enumerate(super().sample(requests)):
            if count and type(self).starts == 1:
                raise EngineDiedError("killed by the kernel")
            yield samples


def test_an_engine_that_dies_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripted.ScriptedSampler", DiesOnce)
    DiesOnce.starts = 0
    work = cell_work(tmp_path)
    assert draw(work) == 40
    assert DiesOnce.starts == 2
    assert stored_indices(work.store) == {f"p{i}": list(range(8)) for i in range(5)}
    assert sum("killed by the kernel Starting it again." in line for line in notes(work)) == 1


def test_an_engine_that_dies_at_once_ends_the_cell_after_three_deaths(tmp_path: Path) -> None:
    work = cell_work(tmp_path, scripted_cell(die_after=0))
    with pytest.raises(EngineDiedError):
        draw(work)
    assert sum("Starting it again." in line for line in notes(work)) == 2


def test_deaths_with_samples_between_them_do_not_add_up(tmp_path: Path) -> None:
    work = cell_work(tmp_path, scripted_cell(die_after=1))
    assert draw(work) == 40  # ten requests, a death after each
    assert sum("Starting it again." in line for line in notes(work)) >= 9


class Silent(ScriptedSampler):
    """Takes every request and answers none."""

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        for _ in requests:
            pass
        yield from ()


def test_an_engine_that_gives_nothing_is_an_error_not_a_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripted.ScriptedSampler", Silent)
    with pytest.raises(SamplerError, match="gave no sample; 5 problems still lack some"):
        draw(cell_work(tmp_path))


def test_what_was_drawn_before_a_failure_is_kept(tmp_path: Path) -> None:
    work = cell_work(tmp_path, scripted_cell(fail_after=3))
    with pytest.raises(SamplerError, match="broke off with RuntimeError: scripted failure"):
        draw(work)
    assert sum(map(len, stored_indices(work.store).values())) == 3 * 4


def test_samples_of_two_engines_are_not_mixed(tmp_path: Path) -> None:
    draw(cell_work(tmp_path, scripted_cell(4)))
    other = cell_work(tmp_path, scripted_cell(8, engine="transformers"))
    with pytest.raises(RunMismatchError, match=r"drawn with scripted:ScriptedSampler, but the engine now is"):
        draw(other)
