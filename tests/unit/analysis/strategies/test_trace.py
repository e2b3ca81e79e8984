import pytest
from strategy_runs import strategy_run

from ttscale.analysis.strategies.trace import attempt_trace
from ttscale.cli.main import run_cli
from ttscale.errors import InvalidInputError
from ttscale.store.run import RunStore

STRATEGIES = {
    "plain": "independent",
    "refine": {"name": "refine", "turns": 2, "verifier": "toy_sampler:CountsA"},
    "rsa": {"name": "rsa", "population": 3, "subset": 2, "steps": 2},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return strategy_run(tmp_path_factory.mktemp("run") / "r", STRATEGIES, n=3, problems=2)


def test_a_trace_has_every_call_under_what_it_was_made_of(store: RunStore) -> None:
    attempt = attempt_trace(store, "0001", 2, cell="rsa")
    first, second = attempt.children(None), [call for call in attempt.calls if call.role == "step 1"]
    assert [call.path for call in first] == ["0", "0.1", "0.2"]
    assert len(second) == 3
    assert all(set(call.parents) < {"0", "0.1", "0.2"} and len(set(call.parents)) == 2 for call in second)
    assert sorted(call.path for parent in first for call in attempt.children(parent.path)) == [
        "1",
        "1.1",
        "1.2",
    ]
    assert attempt.notes["calls"] == 6
    (won,) = [call for call in second if call.path == attempt.won]
    assert won.text == attempt.completion


def test_turns_are_read_off_one_trace(store: RunStore) -> None:
    attempt = attempt_trace(store, "0000", 0, cell="refine")
    roles = [call.role for call in attempt.calls]
    assert roles[:2] == ["turn 0", "judge"]
    assert attempt.completion == [call for call in attempt.calls if call.kind == "generate"][-1].text


def test_an_attempt_of_one_call_is_its_sample(store: RunStore) -> None:
    attempt = attempt_trace(store, "0000", 1, cell="plain")
    assert attempt.calls == ()
    assert isinstance(attempt.completion, str)


@pytest.mark.parametrize(
    ("problem", "index", "cell", "says"),
    [
        ("9", 0, "rsa", "has no problem '9'.* It has 0000, 0001"),
        ("0000", 3, "rsa", "has no attempt 3; it has 3"),
        ("0000", 0, None, "has 3 cells. Name one with --cell: plain, refine, rsa"),
        ("0000", 0, "ras", "has no cell 'ras'. Did you mean 'rsa'"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    store: RunStore, problem: str, index: int, cell: str | None, says: str
) -> None:
    with pytest.raises(InvalidInputError, match=says):
        attempt_trace(store, problem, index, cell=cell)


def test_the_command_shows_a_tree_and_programs_get_rows(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["trace", str(store.path), "0001", "2", "--cell", "rsa"]) == 0
    tree = capsys.readouterr().out
    assert "rsa: problem 0001, attempt 2" in tree
    assert "1.2 step 1" in tree
    assert "* " in tree
    assert run_cli(["trace", str(store.path), "0001", "2", "--cell", "rsa", "--csv"]) == 0
    assert capsys.readouterr().out.count("\n") == 7
