"""A pipe, a device, a socket: refused in a line at once, wherever a file is named."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ttscale.config.loading import load_config
from ttscale.costs.money import read_prices
from ttscale.errors import ConfigError, InvalidInputError, TaskError, TtscaleError
from ttscale.exchange.counts import read_counts
from ttscale.pipeline.importing import import_samples
from ttscale.plain_files import MOST_TEXT_BYTES, read_plain_text, require_plain
from ttscale.tasks.loading import read_data

ODD: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "of the kernel": lambda path: path.symlink_to("/proc/kmsg"),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
}
READERS: dict[str, Callable[[Path], object]] = {
    "configuration": load_config,
    "prices": read_prices,
    "counts": read_counts,
    "task": lambda path: read_data(str(path)),
    "import": lambda path: import_samples([path], path.parent / "run"),
    "import of a folder": lambda path: import_samples([path.parent], path.parent.parent / "run"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str, reader: str) -> None:
    path = tmp_path / "in" / "samples.jsonl"
    path.parent.mkdir()
    ODD[kind](path)
    with pytest.raises(TtscaleError) as refused:
        READERS[reader](path)
    assert "\n" not in str(refused.value)
    assert f"{path} is {kind}, where a plain file is needed" in str(refused.value)


def test_what_a_shell_has_opened_is_read_and_no_more_than_a_configuration_has(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"name: x")
    os.close(write)
    assert read_plain_text(Path(f"/dev/fd/{read}"), ConfigError) == "name: x"
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, MOST_TEXT_BYTES + 1)
    with pytest.raises(ConfigError, match="larger than 4 MB"):
        load_config(large)


def test_what_is_not_there_is_left_to_whoever_opens_it(tmp_path: Path) -> None:
    for name in ("nowhere", "a\0b", "x" * 300):
        require_plain(tmp_path / name)
    (tmp_path / "loop").symlink_to("loop")
    require_plain(tmp_path)


def test_an_escape_of_no_character_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text('name: "\\U00110000"')
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(path)


def test_the_error_is_of_the_kind_that_was_asked_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    for kind in (InvalidInputError, TaskError):
        with pytest.raises(kind):
            require_plain(tmp_path / "p", kind)
