import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from ttscale.errors import RunLockedError, RunMismatchError, StoreError
from ttscale.store.run import RunStore, Session, new_session_name
from ttscale.store.verdicts import VerdictSetInfo
from ttscale.types import Message, Problem, Sample

SAMPLE = Sample(
    problem_id="a",
    sample_index=0,
    completion="",
    finish_reason="stop",
    prompt_tokens=1,
    completion_tokens=1,
)


def begin(store: RunStore, **settings: object) -> None:
    store.begin(name="r", version="0", config_yaml="name: r\n", cells={"c": settings})


def draw_something(store: RunStore) -> None:
    writer = store.sample_writer("c", "s")
    writer.add([SAMPLE])
    writer.flush()


def test_a_run_without_samples_may_still_change(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    begin(store, **{"model.path": "typo"})
    store.keep_problems("c", [Problem(problem_id="a", prompt="x")])
    begin(store, **{"model.path": "right"})
    store.keep_problems("c", [Problem(problem_id="b", prompt="y")])
    assert store.manifest()["cells"] == {"c": {"model.path": "right"}}
    assert [problem.problem_id for problem in store.problems("c")] == ["b"]


def test_a_changed_configuration_is_refused_with_the_differing_keys(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    draw_something(store)
    begin(store, **{"sampling.temperature": 0.5, "model.path": "m"})
    begin(store, **{"sampling.temperature": 0.5, "model.path": "m"})
    with pytest.raises(
        RunMismatchError, match=r"sampling.temperature: 0.5 stored, 0.7 asked.*--out"
    ) as caught:
        begin(store, **{"sampling.temperature": 0.7, "model.path": "m"})
    assert "model.path" not in str(caught.value)
    with pytest.raises(RunMismatchError, match=r"sampling.top_p: the default stored, 0.9 asked"):
        begin(store, **{"sampling.temperature": 0.5, "model.path": "m", "sampling.top_p": 0.9})


def test_problems_come_back_as_they_were_and_changed_data_is_refused(tmp_path: Path) -> None:
    problems = [
        Problem(problem_id="a", prompt="1+1=", answer="2", metadata={"operands": [1, 1]}),
        Problem(problem_id="b", messages=(Message("user", "hi"),)),
    ]
    store = RunStore(tmp_path)
    draw_something(store)
    store.keep_problems("c", problems)
    assert store.problems("c") == problems
    store.keep_problems("c", problems)
    with pytest.raises(RunMismatchError, match="first at 'b': answer"):
        store.keep_problems(
            "c", [problems[0], Problem(problem_id="b", messages=(Message("user", "hi"),), answer="x")]
        )
    with pytest.raises(RunMismatchError, match="2 stored, 1 now"):
        store.keep_problems("c", problems[:1])


def test_a_task_may_tell_more_of_the_stored_problems_and_take_nothing_back(tmp_path: Path) -> None:
    old = Problem(problem_id="a", prompt="x", metadata={"operands": [1, 1]})
    more = replace(old, metadata={"operands": [1, 1], "visible_tests": {"tests": ["assert f(1)"]}})
    store = RunStore(tmp_path)
    draw_something(store)
    store.keep_problems("c", [old])
    store.keep_problems("c", [more])
    assert store.problems("c") == [more]
    for changed in (
        old,
        replace(more, metadata={**more.metadata, "operands": [1, 2]}),
        replace(more, hidden={"a": 1}),
    ):
        with pytest.raises(RunMismatchError, match="first at 'a'"):
            store.keep_problems("c", [changed])


def test_lost_problems_are_written_again_only_where_they_are_the_same(tmp_path: Path) -> None:
    old = [Problem(problem_id=name, prompt=f"{name}?", answer="1", metadata={"level": 1}) for name in "ab"]
    store = RunStore(tmp_path)
    begin(store)
    store.keep_problems("c", old)
    store.note_problems({"c": old})
    draw_something(store)
    path = tmp_path / "problems" / "c.parquet"
    path.unlink()
    for changed in (
        [replace(old[0], prompt="other"), old[1]],
        [replace(old[0], hidden={"tests": 1}), old[1]],
        [replace(old[0], prompt="a?1", answer=""), old[1]],
        old[:1],
        old[::-1],
    ):
        with pytest.raises(RunMismatchError, match=r"c.parquet is gone or was damaged.*not those"):
            store.keep_problems("c", changed)
        assert not path.exists()
    store.note_problems({"c": old[:1]})  # what is known of drawn samples stays
    more = [replace(one, metadata={"level": 1, "subject": "x"}) for one in old]
    store.keep_problems("c", more)
    assert store.problems("c") == more


def test_lost_problems_of_an_earlier_version_must_have_the_drawn_ids(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    begin(store)
    draw_something(store)
    with pytest.raises(RunMismatchError, match=r"it has no a\)"):
        store.keep_problems("c", [Problem(problem_id="b", prompt="x")])
    store.keep_problems("c", [Problem(problem_id="a", prompt="x")])


def _hold(
    path: Path, entered: "multiprocessing.synchronize.Event", leave: "multiprocessing.synchronize.Event"
) -> None:
    with RunStore(path).writing():
        entered.set()
        leave.wait(30)


def test_a_second_writer_is_refused_and_a_dead_one_leaves_no_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    entered, leave = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, entered, leave))
    holder.start()
    assert entered.wait(30)
    with pytest.raises(RunLockedError, match=rf"pid {holder.pid}\)"), RunStore(tmp_path).writing():
        pass
    holder.kill()
    holder.join()
    with RunStore(tmp_path).writing() as torn:
        assert torn == []


def test_who_holds_a_run_may_hold_it_again_and_cleans_up_once(tmp_path: Path) -> None:
    store, torn = RunStore(tmp_path / "run"), tmp_path / "run" / "samples" / "c" / "torn.parquet"
    with store.writing():
        torn.parent.mkdir(parents=True)
        torn.write_bytes(b"PAR1")
        with store.writing() as set_aside:
            assert set_aside == []
        with pytest.raises(RunLockedError), RunStore(store.path).writing():
            pass
    with store.writing() as set_aside:
        assert len(set_aside) == 1


def test_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a run directory"):
        RunStore(tmp_path).manifest()


def test_a_run_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"schema_version": 99}))
    with pytest.raises(StoreError, match="newer ttscale"):
        RunStore(tmp_path).manifest()


def test_sessions_come_back_in_order(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    sessions = [Session(session=f"2026-{i}", cell="c", started_at="t", n_samples=i) for i in range(3)]
    for session in reversed(sessions):
        store.write_session(session)
    assert store.sessions() == sessions
    assert new_session_name() != new_session_name()


def test_other_options_or_versions_make_another_verdict_set() -> None:
    base = VerdictSetInfo(verifier="v", version="1", options={"a": 1}, sees_answer=True)
    same = VerdictSetInfo(verifier="v", version="1", options={"a": 1}, sees_answer=True)
    others = [
        VerdictSetInfo(verifier="v", version="2", options={"a": 1}, sees_answer=True),
        VerdictSetInfo(verifier="v", version="1", options={"a": 2}, sees_answer=True),
        VerdictSetInfo(verifier="w", version="1", options={"a": 1}, sees_answer=True),
    ]
    assert base.label == same.label
    assert len({base.label, *(other.label for other in others)}) == 4


def test_a_verdict_does_not_outlive_its_sample(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for session, problem_id in (("s1", "kept"), ("s2", "lost")):
        writer = store.sample_writer("c", session)
        writer.add([replace(SAMPLE, problem_id=problem_id)])
        writer.flush()
    verdicts = store.verdict_set(VerdictSetInfo(verifier="v", version="1", options={}, sees_answer=True))
    rows = pl.DataFrame({"problem_id": ["kept", "lost"], "sample_index": [0, 0], "outcome": ["correct"] * 2})
    verdicts.write("c", rows.with_columns(pl.col("sample_index").cast(pl.Int64), cell=pl.lit("c")), "a")
    verdicts.write(
        "c", rows.tail(1).with_columns(pl.col("sample_index").cast(pl.Int64), cell=pl.lit("c")), "b"
    )
    victim = next(store.samples_folder("c").glob("s2-*"))
    victim.write_bytes(victim.read_bytes()[:-3])
    with store.writing() as torn:
        assert len(torn) == 1
    assert verdicts.scan("c").collect()["problem_id"].to_list() == ["kept"]
    assert store.counts("c") == {"kept": 1}
