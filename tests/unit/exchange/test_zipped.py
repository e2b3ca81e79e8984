"""Members of zip archives as streams: what is damaged, hidden or leads outside is refused."""

import io
import zipfile
from pathlib import Path

import pytest

from ttscale.errors import InvalidInputError
from ttscale.exchange import zipped
from ttscale.exchange.zipped import open_archive, open_member, read_member

TEXT = b"one\ntwo\n" * 5_000


def archive(path: Path, *names: str, kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as made:
        for name in names:
            made.writestr(name, TEXT)
    return path


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_member_is_read_as_a_stream(tmp_path: Path, kind: int) -> None:
    with open_archive(archive(tmp_path / "a.zip", "in/it.txt", kind=kind)) as opened:
        with open_member(opened, opened.getinfo("in/it.txt")) as file:
            assert file.read(3) == b"one"
            assert file.read() == TEXT[3:]
            assert file.read() == b""
        assert read_member(opened, "in/it.txt", len(TEXT)) == TEXT


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "in/../../up", "\\server", "C:\\x", "in\\..\\up"])
def test_a_name_that_leads_outside_condemns_the_archive(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "a.zip", "fine", name)
    with pytest.raises(InvalidInputError, match="leads outside of it"), open_archive(path):
        pass


def test_a_link_condemns_the_archive(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr(link, "/etc/passwd")
    with (
        pytest.raises(InvalidInputError, match="'link' that is a symbolic link"),
        open_archive(tmp_path / "a.zip"),
    ):
        pass


@pytest.mark.parametrize("cut", [10, 200])
def test_a_truncated_archive_says_so(tmp_path: Path, cut: int) -> None:
    path = archive(tmp_path / "a.zip", "it")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InvalidInputError, match="is not a whole zip archive"), open_archive(path):
        pass


def test_what_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There is no file"), open_archive(tmp_path / "absent.zip"):
        pass
    with open_archive(archive(tmp_path / "a.zip", "it")) as opened:
        with pytest.raises(InvalidInputError, match="has no 'other'"):
            read_member(opened, "other", 10)
        with pytest.raises(InvalidInputError, match="'it' is larger than 0 MiB"):
            read_member(opened, "it", 10)


def test_a_member_whose_bytes_were_changed_is_damaged(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "it", kind=zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"two")] = ord("T")
    path.write_bytes(raw)
    with open_archive(path) as opened, pytest.raises(InvalidInputError, match="damaged"):
        read_member(opened, "it", len(TEXT))


def test_a_member_that_unpacks_to_more_than_it_declares_is_a_trap() -> None:
    member = zipfile.ZipInfo("it")
    member.file_size, member.CRC = 3, 0
    trap = zipped._Checked(io.BytesIO(b"x" * 100), member, "a.zip: 'it'")
    with pytest.raises(InvalidInputError, match="unpacks to more than it declares"):
        trap.read()
