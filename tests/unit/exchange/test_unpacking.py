"""Archives of logs are unpacked beside the run for the while, and only if nothing in them means ill."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ttscale.errors import InvalidInputError
from ttscale.exchange import unpacking
from ttscale.exchange.unpacking import is_archive, unpacked

FILES = {"logs/a.jsonl": b"one\n", "b.json": b"{}"}


def packed_tar(path: Path, *strange: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as made:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
        for member in strange:
            made.addfile(member)
    return path


def packed_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in FILES.items():
            made.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("name", "pack"),
    [("x.tar", packed_tar), ("x.tar.gz", packed_tar), ("x.tgz", packed_tar), ("x.ZIP", packed_zip)],
)
def test_an_archive_is_a_folder_of_its_name_for_the_while(
    tmp_path: Path, name: str, pack: Callable[[Path], Path]
) -> None:
    path, run = pack(tmp_path / name), tmp_path / "out" / "run"
    assert is_archive(path)
    with unpacked(path, run) as folder:
        assert folder.name == "x"
        assert folder.parent.parent == run.parent
        assert {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()} == FILES
    assert list(run.parent.iterdir()) == []


def test_only_files_of_an_archives_name_are_archives(tmp_path: Path) -> None:
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "a.json").touch()
    assert not any(map(is_archive, [tmp_path / "folder.zip", tmp_path / "a.json", tmp_path / "absent.zip"]))


def strange(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (strange("/etc/cron.d/x"), "leads outside of it"),
        (strange("a/../../x"), "leads outside of it"),
        (strange("link", tarfile.SYMTYPE, "/etc/passwd"), "'link' that is a link"),
        (strange("link", tarfile.LNKTYPE, "b.json"), "'link' that is a link"),
        (strange("pipe", tarfile.FIFOTYPE), "'pipe' that is no plain file"),
        (strange("disk", tarfile.BLKTYPE), "'disk' that is no plain file"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_whoever_means_ill_is_refused_as_a_whole(
    tmp_path: Path, member: tarfile.TarInfo, message: str
) -> None:
    path, run = packed_tar(tmp_path / "x.tar", member), tmp_path / "out" / "run"
    with pytest.raises(InvalidInputError, match=message), unpacked(path, run):
        pass
    assert list(run.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["x.tar.gz", "x.zip"])
def test_a_truncated_archive_says_so(tmp_path: Path, name: str) -> None:
    path = (packed_zip if name == "x.zip" else packed_tar)(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-40])
    with (
        pytest.raises(InvalidInputError, match=r"is not a whole (tar|zip) archive"),
        unpacked(path, tmp_path / "run"),
    ):
        pass


def test_an_archive_that_grows_beyond_measure_is_a_trap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_ALWAYS_ALLOWED", 1000)
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a", b"\0" * 2**20)
    with (
        pytest.raises(InvalidInputError, match="unpacks to more than 200 times its size"),
        unpacked(path, tmp_path / "r"),
    ):
        pass
