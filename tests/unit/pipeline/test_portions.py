"""Portions: what of a cell is lacking is asked for once, and whoever draws says what came of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from drawing import PROBLEMS, Notes, cell_work, scripted_cell
from scripted import draw as scripted_draw

from ttscale.errors import EngineDiedError, SamplerError, StoreError, TtscaleError
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.portions import Announce, Gaps, PortionDrawer
from ttscale.types import Sample, SampleRequest


def samples_of(request: SampleRequest) -> list[Sample]:
    seeds = enumerate(range(request.seed, request.seed + request.n), request.first_index)
    return [scripted_draw(request.problem, index, seed) for index, seed in seeds]


def store(work: CellWork, requests: Sequence[SampleRequest], session: str) -> None:
    writer = work.store.sample_writer("c", session)
    for request in requests:
        writer.add(samples_of(request))
    writer.flush()


def asked(gaps: Gaps) -> Counter[tuple[str, int]]:
    return Counter(
        (request.problem.problem_id, request.first_index + j)
        for request in gaps.requests()
        for j in range(request.n)
    )


def gaps_of(work: CellWork) -> Gaps:
    return Gaps(work, work.everything())


def test_every_sample_lacking_is_asked_for_once(tmp_path: Path) -> None:
    work = cell_work(tmp_path, scripted_cell(10))
    gaps = gaps_of(work)
    everything = {(problem.problem_id, index) for problem in PROBLEMS for index in range(10)}
    assert asked(gaps) == Counter(everything)
    some = [r for r in gaps.requests() if (r.problem.problem_id, r.first_index) in {("p0", 4), ("p3", 0)}]
    store(work, some, "s1")
    lacking = everything - {("p0", index) for index in range(4, 8)} - {("p3", index) for index in range(4)}
    assert asked(gaps) == Counter(lacking)
    assert (gaps.total, gaps.n_stored()) == (50, 8)


def test_the_count_stands_as_of_the_last_look_until_it_is_closed(tmp_path: Path) -> None:
    work = cell_work(tmp_path)
    gaps = gaps_of(work)
    requests = list(gaps.requests())
    assert gaps.n_stored() == 0
    store(work, requests, "s1")
    assert gaps.n_stored() == 0
    assert gaps.is_complete
    gaps.close()
    assert gaps.n_stored() == 40
    assert not gaps.look()
    assert list(gaps.seen_requests()) == []


def test_only_what_had_nothing_to_do_is_told_complete(tmp_path: Path) -> None:
    work = cell_work(tmp_path)
    gaps = gaps_of(work)
    gaps.tell(40)
    assert isinstance(work.progress, Notes)
    assert work.progress.lines == []
    gaps.tell(0)
    assert [line for line in work.progress.lines if "40" in line]


class Scripted(PortionDrawer[Gaps]):
    """Draws all that is lacking, or fails as it is told."""

    def __init__(
        self, *, raises: TtscaleError | None = None, fails: Mapping[str, TtscaleError] | None = None
    ) -> None:
        super().__init__(Gaps)
        self._raises = raises
        self._fails = fails or {}

    def _drawn(self, portions: Sequence[Gaps], announce: Announce) -> int:
        n_drawn = 0
        for portion in portions:
            announce(portion.work)
            portion.failure = self._fails.get(portion.work.store.path.name)
            if portion.failure is None:
                requests = list(portion.requests())
                store(portion.work, requests, "s1")
                n_drawn += sum(request.n for request in requests)
        if self._raises is not None:
            raise self._raises
        return n_drawn


def test_alone_a_cell_says_how_many_it_drew_and_why_it_failed(tmp_path: Path) -> None:
    work = cell_work(tmp_path / "a")
    assert Scripted().draw(work, work.everything()) == 40
    assert Scripted().draw(work, work.everything()) == 0
    failing = Scripted(fails={"b": SamplerError("not today")})
    other = cell_work(tmp_path / "b")
    with pytest.raises(SamplerError, match="not today"):
        failing.draw(other, other.everything())


def test_together_what_fails_is_left_out_of_what_is_complete(tmp_path: Path) -> None:
    works = [cell_work(tmp_path / name) for name in ("a", "b")]
    told: list[str] = []
    drawer = Scripted(fails={"b": SamplerError("not today")})
    assert drawer.draw_together(works[1:], lambda work: told.append(work.store.path.name)) == set()
    assert drawer.draw_together(works[:1], lambda work: told.append(work.store.path.name)) == {"c"}
    assert told == ["b", "a"]


def test_together_a_death_leaves_what_is_complete_and_a_full_disk_does_not_pass(tmp_path: Path) -> None:
    works = [cell_work(tmp_path / "a")]
    dying = Scripted(raises=EngineDiedError("it fell over"))
    assert dying.draw_together(works, lambda work: None) == {"c"}
    with pytest.raises(StoreError, match="disk full"):
        Scripted(raises=StoreError("disk full")).draw_together(works, lambda work: None)
