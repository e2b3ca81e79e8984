"""Figures on disk: reproducible bytes, no dates, and no trace in matplotlib's settings."""

import hashlib
import io
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from ttscale.errors import InvalidInputError
from ttscale.plots import Line, plot_curves, save_figure

SCRIPT = """
import hashlib, io, sys
from ttscale.plots import Line, plot_curves, save_figure
buffer = io.BytesIO()
lines = [Line(label="a", k=[1, 10], value=[0.1, 0.5], low=[0.0, 0.4], high=[0.2, 0.6])]
save_figure(plot_curves(lines, title="t"), buffer, suffix=sys.argv[1])
print(hashlib.sha256(buffer.getvalue()).hexdigest())
"""


def saved(suffix: str) -> bytes:
    lines = [Line(label="a", k=[1, 10], value=[0.1, 0.5], low=[0.0, 0.4], high=[0.2, 0.6])]
    buffer = io.BytesIO()
    save_figure(plot_curves(lines, title="t"), buffer, suffix=suffix)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_another_process_writes_the_same_bytes(suffix: str) -> None:
    other = subprocess.run(
        [sys.executable, "-c", SCRIPT, suffix], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert hashlib.sha256(saved(suffix)).hexdigest() == other


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_suffix_decides_the_format(tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / f"figure{suffix}"
    save_figure(plot_curves([Line(label="a", k=[1], value=[0.5])], title="t"), path)
    assert path.read_bytes().startswith(magic)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_files_carry_no_date(suffix: str) -> None:
    assert not re.search(rb"20\d\d-\d\d|D:20\d\d|dc:date|CreationDate", saved(suffix))


def test_matplotlib_settings_stay_as_they_were() -> None:
    before = dict(mpl.rcParams)
    saved(".svg")
    assert dict(mpl.rcParams) == before


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    figure = plot_curves([Line(label="a", k=[1], value=[0.5])], title="t")
    with pytest.raises(InvalidInputError, match=r"'\.bmp'.*\.pdf, \.png, \.svg"):
        save_figure(figure, tmp_path / "figure.bmp")
