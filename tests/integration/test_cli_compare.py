"""`ttscale compare` as a user runs it: on a run of the scripted sampler, and on a table."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from shared_processes import completed


def ttscale(*arguments: str | Path, check: int = 0) -> subprocess.CompletedProcess[str]:
    done = completed(*arguments)
    assert done.returncode == check, done.stderr
    return done


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    config = folder / "scripted.yaml"
    config.write_text(
        """
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 16}
sampling: {n: 64, request_size: 16}
verifiers: [exact, last-digit, casting-out-nines]
""",
        encoding="utf-8",
    )
    ttscale("sample", config, "--out", folder / "run")
    ttscale("verify", folder / "run")
    return folder / "run"


def test_a_run_is_compared_by_default_with_all_it_stores_and_the_vote(run: Path, tmp_path: Path) -> None:
    figure = tmp_path / "compared.png"
    reliability = tmp_path / "reliability.svg"
    done = ttscale("compare", run, "--json", "--plot", figure, "--reliability", reliability)
    rows = json.loads(done.stdout)
    assert {row["verifier"] for row in rows} == {"exact", "last-digit", "casting-out-nines", "vote"}
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in reliability.read_text(encoding="utf-8")
    recall = [row for row in rows if row["metric"] == "recall" and row["averaging"] == "pooled"]
    # both congruence checks never reject a right answer
    assert {row["verifier"]: row["value"] for row in recall if row["verifier"] != "vote"} == {
        "last-digit": 1.0,
        "casting-out-nines": 1.0,
    }


def test_verify_counts_what_it_did_and_what_is_stored(run: Path) -> None:
    done = ttscale("verify", run, "--retry-errors", "--json")
    rows = {row["verdicts"].rpartition("-")[0]: row for row in json.loads(done.stdout)}
    assert set(rows) == {"exact", "last-digit", "casting-out-nines"}
    outcomes = ("correct", "incorrect", "no_answer", "timeout", "scored", "error")
    for row in rows.values():
        assert row["samples_verified"] == row["error"] == 0
        assert sum(row[name] for name in outcomes) == 16 * 64


def test_the_table_shows_what_is_collected_what_is_judged_and_what_differs(run: Path) -> None:
    done = ttscale(
        "compare", run, "--oracle", "exact", "--verifiers", "last-digit,casting-out-nines,vote,ensemble",
        "--k", "1,16,64", "--cost", "2", "--price", "0.001",
    )  # fmt: skip
    for words in ("exact (oracle)", "first accepted", "majority vote", "plateau k", "ceiling T/A", "max-t"):
        assert words in done.stdout, words
    assert "Traceback" not in done.stderr


def test_csv_and_thresholds_on_a_table(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    rows = "".join(f"{i},{int(j < i)},{(j < i) - 0.1 * j}\n" for i in range(6) for j in range(5))
    path.write_text("problem_id,correct,reward\n" + rows, encoding="utf-8")
    done = ttscale("compare", path, "--verifiers", "reward", "--threshold", "reward=0.3", "--csv")
    assert done.stdout.splitlines()[0].startswith("source,verifier,")
    assert ",precision," in done.stdout


def test_what_is_wrong_is_said_in_one_line(run: Path, tmp_path: Path) -> None:
    assert "Did you mean 'last-digit'" in ttscale("compare", run, "--verifiers", "last-digt", check=1).stderr
    assert "ask for k <= 64" in ttscale("compare", run, "--k", "1000", check=1).stderr
    assert "NAME=SCORE" in ttscale("compare", run, "--threshold", "x", check=2).stderr
    table = tmp_path / "scores.csv"
    table.write_text("problem_id,correct,reward\na,1,0.5\na,0,\n", encoding="utf-8")
    refused = ttscale("compare", table, "--verifiers", "reward", check=1).stderr
    assert "failed on 1 of 2 samples" in refused and "--errors drop" in refused
    assert "--verifiers" in ttscale("compare", table, check=1).stderr
    counted = ttscale("compare", table, "--verifiers", "reward", "--errors", "wrong")
    assert "counted as rejected" in counted.stderr
    told = ttscale("verify", run, "--verifier", "vote", check=1).stderr
    assert "ttscale compare RUN --verifiers vote" in told


def test_missing_verdicts_are_no_wrong_answers(run: Path, tmp_path: Path) -> None:
    longer = tmp_path / "longer"
    shutil.copytree(run, longer)
    ttscale("sample", run.parent / "scripted.yaml", "--out", longer, "--set", "sampling.n=80")
    assert "Verdicts are missing" in ttscale("compare", longer, check=1).stderr
    rows = json.loads(ttscale("compare", longer, "--errors", "drop", "--json").stdout)
    assert max(row["k"] for row in rows if row["metric"] == "coverage") == 64
