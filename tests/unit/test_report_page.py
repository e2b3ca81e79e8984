"""What the report writes: files, contents, and nothing half-written."""

from pathlib import Path

import pytest
from report_results import make_result

from ttscale.errors import StoreError
from ttscale.report import write_report


def test_every_figure_comes_as_png_and_svg_with_its_data(tmp_path: Path) -> None:
    paths = write_report(make_result(), tmp_path / "report")
    names = {path.name for path in (tmp_path / "report").rglob("*") if path.is_file()}
    stems = ("curves", "success-rates")
    assert names == {"report.html"} | {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg", "csv")}
    assert paths.page == tmp_path / "report" / "report.html"


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="cannot be written to"):
        write_report(make_result(), tmp_path / "taken")
