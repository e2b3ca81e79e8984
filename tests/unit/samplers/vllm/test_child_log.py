"""The cause of an engine's death, picked out of what its processes said, which are never run here."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ttscale.samplers.vllm import child_log
from ttscale.samplers.vllm.child_log import ChildLog

OUT_OF_MEMORY = """
(EngineCore pid=71) ERROR 11-28 20:01:02 [core.py:1100] EngineCore failed to start.
(EngineCore pid=71) ERROR 11-28 20:01:02 [core.py:1100] Traceback (most recent call last):
(EngineCore pid=71) ERROR 11-28 20:01:02 [core.py:1100]   File "core.py", line 9, in run
(EngineCore pid=71) ERROR 11-28 20:01:02 [core.py:1100]     self.model = load()
(EngineCore pid=71) ERROR 11-28 20:01:02 [core.py:1100] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB.
(EngineCore pid=71) Process EngineCore:
Traceback (most recent call last):
  File "utils.py", line 3, in wait
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""
VALIDATION = """
(Worker pid=9) pydantic_core._pydantic_core.ValidationError: 1 validation error for Config
(Worker pid=9)   Value error, no such kind [type=value_error]
(Worker pid=9)     For further information visit somewhere
done
"""


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (OUT_OF_MEMORY, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB."),
        (VALIDATION, "ValidationError: 1 validation error for Config Value error, no such kind"),
        ("INFO all is well\n", None),
        ("", None),
    ],
)
def test_the_last_exception_that_is_a_cause_is_found(tmp_path: Path, said: str, cause: str | None) -> None:
    log = ChildLog(tmp_path)
    log._path.write_text(said)
    found = log.cause()
    assert found is None if cause is None else found is not None and cause in found


SPEAK = (
    "import sys; print('to out', flush=True); print('to err', file=sys.stderr); raise ValueError('no luck')"
)


def test_fresh_and_forked_processes_speak_into_it_and_captured_ones_do_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = ChildLog(tmp_path)
    with log.diverted():
        subprocess.run([sys.executable, "-c", SPEAK], check=False)
        captured = subprocess.run([sys.executable, "-c", SPEAK], check=False, capture_output=True, text=True)
        pid = os.fork()
        if not pid:
            os.write(2, b"forked\n")
            os._exit(0)
        os.waitpid(pid, 0)
    said = log._path.read_text()
    assert log.cause() == "ValueError: no luck"
    assert said.count("to out") == said.count("to err") == said.count("forked") == 1
    assert "to out" in captured.stdout
    assert "no luck" in captured.stderr
    os.write(2, b"mine\n")
    out, err = capfd.readouterr()
    assert (out, err) == ("", "mine\n")


def test_a_log_that_grows_long_is_cut_to_its_end_while_a_process_goes_on_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_log, "_MOST_BYTES", 200_000)
    log = ChildLog(tmp_path)
    with log.diverted():
        program = "import sys\nfor line in sys.stdin: print(line.strip() * 10_000, flush=True); print('done', flush=True)"
        talker = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, text=True)
    assert talker.stdin is not None
    with talker:
        for number in range(1, 4):
            talker.stdin.write("0123456789\n")
            talker.stdin.flush()
            _await_ends(log._path, number)
            log.keep_short()  # too soon after the last look
            assert log._path.stat().st_size > 100_000 * number
        monkeypatch.setattr(child_log, "_LOOK_S", 0.0)
        log.keep_short()
        assert log._path.stat().st_size == 1 << 16
        print("ValueError: the last word", file=talker.stdin, flush=True)
        _await_ends(log._path, 2)
    assert log._path.read_text(errors="replace").endswith("the last word\ndone\n")
    log._path.unlink()
    log.keep_short()  # of what is gone


def _await_ends(path: Path, number: int) -> None:
    """Wait until the talker has said so many lines to the end."""
    for _ in range(6000):
        if path.exists() and path.read_bytes().count(b"done\n") == number:
            return
        time.sleep(0.01)
    pytest.fail("the process says nothing")
