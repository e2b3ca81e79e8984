"""The command line as a user runs it, in processes of its own, on a sampler that needs no engine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from shared_processes import command, completed
from tests_paths import ROOT, SUPPORT

from ttscale.store.run import RunStore


def ttscale(
    *arguments: str | Path, check: int | None = 0, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    done = completed(*arguments, cwd=cwd)
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


def test_run_prints_the_table_and_writes_the_report(scripted_config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = ttscale("run", scripted_config, "--out", run)
    for wanted in ("coverage", "majority vote", "best by logprob", "best by last-digit", "exp(", str(run)):
        assert wanted in done.stdout
    assert "16/16" in done.stderr or "1,024/1,024" in done.stderr
    assert (run / "report.html").stat().st_size > 10_000
    assert list((run / "figures").glob("*.png"))
    assert list((run / "figures").glob("*.svg"))


def test_a_selector_of_the_configuration_is_shown_and_a_typo_ends_the_job_before_it_samples(
    scripted_config: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    wrong = ttscale("run", scripted_config, "--out", run, "--set", "analysis.selectors=[wieghted]", check=1)
    assert "Did you mean 'weighted'?" in wrong.stderr
    assert not list(run.glob("samples/*/*.parquet"))
    done = ttscale("run", scripted_config, "--out", run, "--set", "analysis.selectors=[weighted]")
    assert (
        done.stdout.count("weighted vote by") == 3
    )  # log-probability and two verifiers, in a header of two lines


def test_json_is_data_alone_on_stdout(scripted_config: Path, tmp_path: Path) -> None:
    ttscale("sample", scripted_config, "--out", tmp_path / "run")
    ttscale("verify", tmp_path / "run")
    rows = json.loads(ttscale("show", tmp_path / "run", "--json").stdout)
    coverage = [row for row in rows if row["metric"] == "coverage"]
    assert {"k", "value", "low", "high", "n_problems"} <= coverage[0].keys()
    lines = ttscale("status", tmp_path / "run", "--jsonl").stdout.splitlines()
    assert json.loads(lines[0])["samples"] == 16 * 64


def test_a_larger_n_draws_only_what_is_missing(scripted_config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ttscale("sample", scripted_config, "--out", run)
    before = RunStore(run).samples("none-arithmetic").collect()
    plan = json.loads(
        ttscale("plan", scripted_config, "--out", run, "--set", "sampling.n=80", "--json").stdout
    )
    assert (plan[0]["samples_to_draw"], plan[0]["samples_stored"]) == (16 * 16, 16 * 64)
    ttscale("sample", scripted_config, "--out", run, "--set", "sampling.n=80")
    after = RunStore(run).samples("none-arithmetic").collect()
    assert after.height == 16 * 80
    assert after.join(before, on=before.columns, how="semi", nulls_equal=True).height == before.height
    again = ttscale("sample", scripted_config, "--out", run, "--set", "sampling.n=80")
    assert "nothing to draw" in again.stderr


def test_a_changed_configuration_is_refused_in_one_line(scripted_config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ttscale("sample", scripted_config, "--out", run)
    done = ttscale("run", scripted_config, "--out", run, "--set", "sampling.temperature=0.5", check=1)
    assert "sampling.temperature: the default stored, 0.5 asked" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_interrupting_flushes_says_how_to_resume_and_exits_with_130(
    scripted_config: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    slow = ["--set", "model.engine_options.seconds_per_request=0.1"]
    words = [sys.executable, "-m", "ttscale", "run", str(scripted_config), "--out", str(run), *slow]
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(SUPPORT)}
    )
    store = RunStore(run)
    deadline = time.monotonic() + 60
    while not (store.exists and store.counts("none-arithmetic")) and time.monotonic() < deadline:
        time.sleep(0.05)  # until the first segment is there
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "repeat the same command to continue" in stderr
    stored = sum(store.counts("none-arithmetic").values())
    assert 0 < stored < 16 * 64
    ttscale("sample", scripted_config, "--out", run, *slow)
    assert sum(store.counts("none-arithmetic").values()) == 16 * 64


def test_an_engine_that_fails_keeps_what_it_gave(scripted_config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fail = ["--set", "model.engine_options.fail_after=10"]
    done = ttscale("sample", scripted_config, "--out", run, *fail, check=None)
    assert done.returncode != 0
    drawn = sum(RunStore(run).counts("none-arithmetic").values())
    assert drawn == 80  # ten requests of the first round, 8 samples each


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["rum"], 2, "Did you mean 'run'"),
        (["run"], 2, "Missing argument"),
        (["run", "absent.yaml"], 1, "No configuration file"),
        (["show", "absent"], 1, "not a run directory"),
        (["verify", "absent", "--verifier", "{name: exact, 1: 1}"], 1, "should be text: put it in quotes"),
        (["verify", "absent", "--verifier", "{name: exact"], 1, "as YAML"),
        (["verify", "absent", "--verifier", "[exact]"], 1, "Give a name"),
        (["list", "verifyers"], 1, "Did you mean 'verifiers'"),
        (["run", "CONFIG", "--set", "verifiers=[exat]"], 1, "Did you mean 'exact'"),
        (["run", "CONFIG", "--set", "sampling.n=0"], 1, "sampling.n"),
        (["run", "CONFIG", "--set", "task.problems=0"], 1, "problems"),
        (["run", "CONFIG", "--set", "model.engine=vlm"], 1, "Did you mean 'vllm'"),
        (["run", "CONFIG", "--set", "verifiers=[last-digit]"], 1, "sees the answer key"),
        (["run", "CONFIG", "--set", "analysis.oracle=numeric"], 1, "not among the verifiers"),
        (["run", "CONFIG", "--out", "/proc/nowhere"], 1, "--out"),
        (["run", "CONFIG", "--out", "CONFIG"], 1, "--out"),
    ],
)
def test_bad_input_is_one_line_with_the_fix(
    scripted_config: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    filled = [str(scripted_config) if argument == "CONFIG" else argument for argument in arguments]
    done = ttscale(*filled, check=code, cwd=tmp_path)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    if code == 1:
        assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap makes the small disk")
def test_a_full_disk_ends_in_one_line_and_an_intact_run(scripted_config: Path, tmp_path: Path) -> None:
    """A 200 kB file system fills while sampling; what was stored reads back whole."""
    script = (
        f"{sys.executable} -m ttscale sample {scripted_config} --out /small/run --set sampling.n=20000; "
        "code=$?; cp -r /small/run /kept/run; exit $code"
    )
    kept = tmp_path / "kept"
    kept.mkdir()
    done = subprocess.run(
        f"bwrap --bind / / --dev /dev --size 200000 --tmpfs /small --bind {kept} /kept".split()
        + ["--setenv", "PYTHONPATH", str(SUPPORT), "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if "bwrap:" in done.stderr:
        pytest.skip(f"bubblewrap cannot make the small disk: {done.stderr}")
    assert done.returncode == 1, done.stderr
    assert "disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(kept.rglob(".tmp-*"))
    frame = RunStore(kept / "run").samples("none-arithmetic").collect()
    assert frame.height == frame.unique(["problem_id", "sample_index"]).height
    ttscale("sample", scripted_config, "--out", kept / "run", "--set", "sampling.n=200")
    counts = RunStore(kept / "run").counts("none-arithmetic")
    assert all(count >= 200 for count in counts.values())


def test_a_torn_segment_is_drawn_again_exactly(scripted_config: Path, tmp_path: Path) -> None:
    run, cell = tmp_path / "run", "none-arithmetic"
    ttscale("sample", scripted_config, "--out", run)
    before = RunStore(run).samples(cell).sort("problem_id", "sample_index").collect()
    segment = next((run / "samples" / cell).glob("*.parquet"))
    segment.write_bytes(segment.read_bytes()[:-20])
    done = ttscale("sample", scripted_config, "--out", run)
    assert "Set a damaged segment aside" in done.stderr
    assert len(list((run / "torn").iterdir())) == 1
    after = RunStore(run).samples(cell).sort("problem_id", "sample_index").collect()
    assert after.equals(before)


def test_twenty_kills_lose_double_and_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from kill_loop import kill_loop

    config = tmp_path / "slow.yaml"
    config.write_text(
        "model: {path: none, engine: 'scripted:ScriptedSampler', engine_options: {seconds_per_request: 0.02}}\n"
        "task: {name: arithmetic, problems: 16}\n"
        "sampling: {n: 64, request_size: 16}\n"
        "verifiers: [exact]\n"
    )
    # The report is left out: it writes no data, and takes longer than all the rest.
    command("list", "samplers").join()  # starts the server that the processes are forked from
    commands = [["sample", str(config), "--out", "{run}"], ["verify", "{run}"]]
    report = kill_loop(commands, tmp_path, kills=20, start=lambda words: command(*words))
    assert (report.samples, report.doubled, report.different) == (16 * 64, 0, 0)
    assert report.kills == 20
    assert any(0 < stored < 16 * 64 for stored in report.samples_after_kill)


def test_verdicts_of_other_options_stand_beside_the_first(scripted_config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    ttscale("sample", scripted_config, "--out", run)
    ttscale("verify", run)
    ttscale("verify", run, "--verifier", "numeric")
    labels = {verdicts.info.verifier for verdicts in RunStore(run).verdict_sets()}
    assert labels == {"exact", "last-digit", "casting-out-nines", "numeric"}


def test_the_exit_code_tells_of_samples_on_which_a_verifier_failed(
    scripted_config: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    ttscale("sample", scripted_config, "--out", run)
    answer = RunStore(run).samples("none-arithmetic").collect()["completion"][0]
    verifier = f"{{name: 'hostile_verifiers:HostileVerifier', deed: raise, completion: '{answer}'}}"
    done = ttscale("verify", run, "--verifier", verifier, check=3)
    assert "RuntimeError: no good" in done.stderr
    assert "--retry-errors" in done.stderr


def test_the_run_directory_opens_in_any_parquet_reader(scripted_config: Path, tmp_path: Path) -> None:
    ttscale("sample", scripted_config, "--out", tmp_path / "run")
    frame = pl.read_parquet(tmp_path / "run" / "samples" / "**" / "*.parquet")
    assert frame.height == 16 * 64
    datasets = pytest.importorskip("datasets", reason="needs the datasets extra")
    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "run/samples/**/*.parquet"), cache_dir=str(tmp_path / "cache")
    )
    assert loaded["train"].num_rows == 16 * 64


def test_help_starts_without_heavy_imports() -> None:
    script = (
        "import sys; from ttscale.cli.main import run_cli; run_cli(['--help']); "
        "heavy = {'torch', 'vllm', 'scipy', 'polars', 'matplotlib', 'pydantic', 'rich'} & sys.modules.keys(); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
