import errno
from pathlib import Path
from typing import IO

import pytest

from ttscale.errors import StoreError
from ttscale.store.files import remove_leftovers, write_atomically, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match=r"disk is full.*free some space"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_an_unwritable_folder_names_the_fix(tmp_path: Path) -> None:
    blocker = tmp_path / "blocker"
    blocker.write_text("a file")
    with pytest.raises(StoreError, match="--out"):
        write_text(blocker / "inner", "text")


def test_leftovers_of_dead_writers_are_removed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / ".tmp-1-a.parquet").write_text("half")
    (tmp_path / "deep" / "a.parquet").write_text("whole")
    remove_leftovers(tmp_path)
    assert names(tmp_path / "deep") == ["a.parquet"]
