"""Rounds: what is decided follows from the verdicts and is stored before it is acted on."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

import pytest
from drawing import PROBLEMS, Notes, cell_work, scripted_cell
from scripted import draw as scripted_draw

from ttscale.config.models import Cell, PluginSettings
from ttscale.errors import ConfigError, SamplerError
from ttscale.pipeline.building import NamedVerifier, build_verifier
from ttscale.pipeline.cell_verifiers import CellVerifiers
from ttscale.pipeline.contract import CellWork
from ttscale.pipeline.requests import first_seed
from ttscale.pipeline.rules import check_rules
from ttscale.pipeline.until import referenced_first, rule_of, sample_until
from ttscale.samplers.until import UntilSettings
from ttscale.store.rounds import read_rounds
from ttscale.types import Outcome, Sample, Verdict
from ttscale.verifiers.contract import Candidate

SESSIONS = count()
"""Never the same twice, as `id` would be: a segment of the same name takes the place of the earlier."""


class StoringDrawer:
    """Stands for any drawer: stores what is asked and keeps what that was; told, it stops half-way once."""

    def __init__(self, *, correct: Mapping[str, float] | None = None, stop_in: int | None = None) -> None:
        self.asked: list[dict[str, int]] = []
        self._correct = correct or {}
        self._stop_in = stop_in

    def draw(self, work: CellWork, targets: Mapping[str, int]) -> int:
        self.asked.append(dict(targets))
        missing = work.store.missing(work.cell.name, targets)
        samples = [
            self._sample(problem_id, index)
            for problem_id, gaps in missing.items()
            for gap in gaps
            for index in gap
        ]
        stops = len(self.asked) == self._stop_in
        kept = samples[: len(samples) // 2] if stops else samples
        writer = work.store.sample_writer(work.cell.name, f"s{next(SESSIONS)}")
        writer.add(kept)
        writer.flush()
        if stops:
            raise KeyboardInterrupt
        return len(kept)

    def _sample(self, problem_id: str, index: int) -> Sample:
        (problem,) = [one for one in PROBLEMS if one.problem_id == problem_id]
        drawn = scripted_draw(problem, index, first_seed(0, problem_id) + index)
        rate = self._correct.get(problem_id, 0.0)
        right = (index * 2654435761 % 2**32) / 2**32 < rate
        text = problem.answer if right else "wrong"
        return Sample(**{name: getattr(drawn, name) for name in drawn.__slots__} | {"completion": text})


def begun(folder: Path, n: int = 64, **until: object) -> CellWork:
    work = cell_work(folder, scripted_cell(n, sampling={"until": until} if until else {}))
    work.store.keep_problems("c", PROBLEMS)
    return work


def verifiers(oracle: NamedVerifier | None = None) -> dict[str, CellVerifiers]:
    exact = oracle or build_verifier(PluginSettings.model_validate("exact"))
    return {"c": CellVerifiers((exact,), exact)}


def rule(work: CellWork) -> UntilSettings:
    found = rule_of(work.cell)
    assert found is not None
    return found


def test_problems_stop_at_their_successes_and_the_hard_ones_go_on(tmp_path: Path) -> None:
    work = begun(tmp_path, successes=1, first=4, growth=2)
    drawer = StoringDrawer(correct={"p0": 1.0, "p1": 1.0})
    drawn = sample_until(work, drawer, rule(work), verifiers())
    counts = work.store.counts("c")
    assert counts == {"p0": 4, "p1": 4, "p2": 64, "p3": 64, "p4": 64}
    assert drawn == sum(counts.values())
    assert drawer.asked[0] == {f"p{i}": 4 for i in range(5)}
    assert all(asked["p0"] == 4 for asked in drawer.asked)
    log = read_rounds(work.store, "c")
    assert log is not None
    assert log.reason == "2 of 5 problems have their successes, the others all n samples"


def test_an_interrupted_cell_decides_as_if_nothing_had_happened(tmp_path: Path) -> None:
    rates = {"p0": 0.9, "p1": 0.4, "p2": 0.1}
    whole, cut = (begun(tmp_path / name, successes=2, first=4, growth=2) for name in ("whole", "cut"))
    sample_until(whole, StoringDrawer(correct=rates), rule(whole), verifiers())
    for stop_in in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            sample_until(cut, StoringDrawer(correct=rates, stop_in=stop_in), rule(cut), verifiers())
    sample_until(cut, StoringDrawer(correct=rates), rule(cut), verifiers())
    assert cut.store.counts("c") == whole.store.counts("c")
    logs = [read_rounds(work.store, "c") for work in (whole, cut)]
    assert logs[0] is not None
    assert logs[1] is not None
    assert (logs[0].climbs, logs[0].reason) == (logs[1].climbs, logs[1].reason)


def test_a_finished_cell_asks_for_nothing(tmp_path: Path) -> None:
    work = begun(tmp_path, successes=1, first=4, growth=2)
    sample_until(work, StoringDrawer(correct=dict.fromkeys(work.everything(), 1.0)), rule(work), verifiers())
    again = StoringDrawer()
    assert sample_until(work, again, rule(work), verifiers()) == 0
    assert again.asked == []
    assert isinstance(work.progress, Notes)
    assert work.progress.lines[-1].startswith("c: done after 20 samples: 5 of 5 problems")


class Failing:
    """An oracle that fails on everything."""

    version, sees_answer, deterministic = "1", True, True

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        return [Verdict(outcome=Outcome.ERROR, detail="broken") for _ in batch]


def test_an_oracle_that_fails_on_everything_stops_the_cell_instead_of_drawing_all(tmp_path: Path) -> None:
    work = begun(tmp_path, successes=1, first=4)
    exact = build_verifier(PluginSettings.model_validate("exact"))
    broken = NamedVerifier(Failing(), exact.info)  # type: ignore[arg-type]  # has what is used
    drawer = StoringDrawer()
    with pytest.raises(SamplerError, match="'exact' failed on every sample, so nothing can be decided"):
        sample_until(work, drawer, rule(work), verifiers(broken))
    assert len(drawer.asked) == 1


def test_rounds_are_not_continued_under_another_oracle(tmp_path: Path) -> None:
    work = begun(tmp_path, successes=1, first=4, growth=2)
    with pytest.raises(KeyboardInterrupt):
        sample_until(work, StoringDrawer(stop_in=2), rule(work), verifiers())
    other = build_verifier(PluginSettings.model_validate({"name": "exact", "ignore_case": True}))
    with pytest.raises(ConfigError, match="earlier rounds went by the verdicts of 'exact-"):
        sample_until(work, StoringDrawer(), rule(work), verifiers(other))


def named(name: str, **until: object) -> Cell:
    return scripted_cell(sampling={"until": until} if until else {}).model_copy(update={"name": name})


DIFFERENCE = {"quantity": "difference", "k": 2, "width": 0.1, "to": "base"}


def test_the_cell_that_others_are_compared_to_has_no_rule_and_comes_first() -> None:
    other, base = named("other", **DIFFERENCE), named("base", **DIFFERENCE)
    assert rule_of(base) is None
    assert rule_of(other) is not None
    assert rule_of(named("plain")) is None
    ordered = referenced_first([named("plain"), other, base])
    assert [cell.name for cell in ordered] == ["base", "plain", "other"]


def test_rules_that_cannot_work_are_refused_before_anything_is_drawn() -> None:
    with pytest.raises(ConfigError, match=r"until\.to is 'base', which is no cell of this run: other"):
        check_rules([named("other", **DIFFERENCE)])
    with pytest.raises(ConfigError, match="whose rounds one process must decide"):
        check_rules([named("a", successes=1)], share=True)
    check_rules([named("other", **DIFFERENCE), named("base")])
