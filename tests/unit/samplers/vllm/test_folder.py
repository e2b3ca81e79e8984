"""An engine's temporary files go with it, or with the next engine where it was killed; no living one loses its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ttscale.samplers.vllm import folder as folders
from ttscale.samplers.vllm.folder import EngineFolder

HOLD = (
    "import sys; from ttscale.samplers.vllm.folder import EngineFolder; folder = EngineFolder(); "
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


def test_the_next_start_deletes_what_a_killed_process_left_and_nothing_else(
    own_temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    killed, living = (
        Path(((holder.stdout and holder.stdout.readline()) or "").strip()) for holder in holders
    )
    (own_temporary / "ttscale-engine-being-made").mkdir()
    (own_temporary / "mine").touch()
    holders[0].kill()
    holders[0].wait()
    assert killed.exists()
    folder = EngineFolder()
    left = {path.name for path in own_temporary.iterdir()}
    assert left == {folder.path.name, living.name, "ttscale-engine-being-made", "mine"}
    monkeypatch.setattr(folders, "_FORGOTTEN_S", -1.0)
    EngineFolder().close()
    assert not (own_temporary / "ttscale-engine-being-made").exists()
    holders[1].communicate("")
    folder.close()


def test_a_child_that_was_forked_keeps_it(own_temporary: Path) -> None:
    script = (
        "import os, sys\nfrom ttscale.samplers.vllm.folder import EngineFolder\nfolder = EngineFolder()\n"
        "if os.fork():\n    print(folder.path, flush=True)\n    os._exit(0)\nsys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    path = Path(process.stdout.readline().strip())
    process.wait()
    EngineFolder().close()
    assert path.exists()
    process.communicate("")
