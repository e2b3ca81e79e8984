"""An engine's temporary files go with it, or with the next engine where it was killed; no living one loses its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ttscale.execution import engine_folder as folders
from ttscale.execution.engine_folder import EngineFolder

HOLD = (
    "import sys; from ttscale.execution.engine_folder import EngineFolder; folder = EngineFolder(); "
    "print(folder.path, flush=True); sys.stdin.read()"
)


@pytest.fixture(autouse=True)
def own_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="t"
    ) as short:  # as a socket's path must be; pytest's own is made before
        monkeypatch.setenv("TMPDIR", short)
        monkeypatch.setattr(tempfile, "tempdir", short)
        yield Path(short)


def test_what_is_started_inside_finds_it_and_what_is_left_goes_with_it(own_temporary: Path) -> None:
    folder = EngineFolder()
    with folder.used():
        assert os.environ["VLLM_RPC_BASE_PATH"] == str(folder.path)
        Path(tempfile.gettempdir(), "vllm_dist_1").touch()
        assert (folder.path / "vllm_dist_1").exists()
    assert "VLLM_RPC_BASE_PATH" not in os.environ
    assert tempfile.gettempdir() == str(own_temporary)
    folder.close()
    folder.close()
    assert not list(own_temporary.iterdir())


def test_a_path_too_long_for_sockets_is_left_to_the_engine(
    own_temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = own_temporary / ("x" * 50)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    folder = EngineFolder()
    with folder.used():
        assert "VLLM_RPC_BASE_PATH" not in os.environ
    folder.close()


def test_a_folder_goes_with_a_killed_process_that_started_nothing_and_with_all_of_its_group(
    own_temporary: Path,
) -> None:
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    killed, ended, living = (
        Path(((holder.stdout and holder.stdout.readline()) or "").strip()) for holder in holders
    )
    holders[0].kill()
    os.killpg(holders[1].pid, signal.SIGKILL)
    give_up = time.monotonic() + 30
    while (killed.exists() or ended.exists()) and time.monotonic() < give_up:
        time.sleep(0.01)  # between looks, not for a result
    assert list(own_temporary.iterdir()) == [living]
    for holder in holders:
        holder.communicate("")


def test_the_next_start_deletes_what_nobody_is_left_to_delete_and_nothing_else(
    own_temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = EngineFolder()
    (own_temporary / "ttscale-engine-left").mkdir()
    (own_temporary / "ttscale-engine-left" / "lock").touch()
    (own_temporary / "ttscale-engine-being-made").mkdir()
    (own_temporary / "mine").touch()
    folder = EngineFolder()
    left = {path.name for path in own_temporary.iterdir()}
    assert left == {folder.path.name, living.path.name, "ttscale-engine-being-made", "mine"}
    monkeypatch.setattr(folders, "_FORGOTTEN_S", -1.0)
    EngineFolder().close()
    assert not (own_temporary / "ttscale-engine-being-made").exists()
    living.close()
    folder.close()
