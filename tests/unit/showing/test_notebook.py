"""Results show themselves in a notebook: escaped, complete, and without heavy imports."""

import dataclasses
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from report_results import make_result

from ttscale.showing.notebook import ShownCurve, curves_svg, html_table
from ttscale.stats.coverage.coverage import coverage_curve
from ttscale.stats.forecast.backtesting import backtest
from ttscale.stats.forecast.forecasting import forecast
from ttscale.stats.forecast.samples_needed import samples_for
from ttscale.stats.laws.fitting import fit_law

N, C = 60, [0, 0, 1, 3, 9, 20, 41, 60, 0, 2]


def well_formed(text: str) -> ET.Element:
    return ET.fromstring(text.replace("&nbsp;", " "))


@pytest.mark.parametrize(
    "result",
    [
        coverage_curve(N, C, [1, 10, 60]),
        coverage_curve(1, [0, 1, 1], [1]),
        fit_law("log-log", N, C),
        forecast(N, C, [60, 600], backtest_draws=1),
        samples_for(N, C, 0.9),
        backtest(N, C, methods=["log-log", "plug-in"], n_draws=2, rng=0),
        make_result(n=50, n_problems=12),
        make_result(n=50, n_problems=12, cells=("a", "b")),
    ],
    ids=lambda result: type(result).__name__,
)
def test_every_result_is_well_formed_html_with_its_numbers(result: object) -> None:
    root = well_formed(result._repr_html_())  # type: ignore[attr-defined]
    assert re.search(r"\d", "".join(root.itertext()))
    assert "nan" not in "".join(root.itertext()).lower()


def test_a_curve_shows_the_values_that_it_holds() -> None:
    curve = coverage_curve(N, C, [1, 60])
    cells = [cell.text for cell in well_formed(curve._repr_html_()).iter("td")]
    assert cells[0] == "1"
    shown = [float(number) for number in re.findall(r"[\d.]+", cells[1] or "")]
    assert shown == pytest.approx([100 * x for x in (curve.value[0], curve.low[0], curve.high[0])], abs=0.05)


def test_points_of_the_chart_lie_where_their_numbers_say() -> None:
    svg = well_formed(
        curves_svg([ShownCurve(label="x", k=[1, 10, 100], value=[0, 0.5, 1], low=[0] * 3, high=[1] * 3)], "t")
    )
    (line,) = [
        path for path in svg.iter("{http://www.w3.org/2000/svg}path") if path.get("stroke-width") == "1.8"
    ]
    points = [tuple(map(float, point.split())) for point in (line.get("d") or "")[1:].split("L")]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.11)  # decades are equally wide
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.11)


def test_names_from_outside_stay_text() -> None:
    attack = "</td></svg><script>alert(1)</script><img src=x onerror=alert(1)>\"'"
    result = make_result(n=20, n_problems=5)
    cell = dataclasses.replace(
        result.cells[0],
        cell=attack,
        model=attack,
        oracle=attack,
        warnings=(attack,),
        selectors={attack: result.cells[0].coverage},
    )
    shown = dataclasses.replace(result, cells=(cell, cell), name=attack)._repr_html_()
    assert "<script" not in shown
    assert "<img" not in shown
    assert well_formed(shown).findall(".//script") == []


def test_missing_and_infinite_numbers_are_shown_as_what_they_are() -> None:
    assert ">–<" in html_table([{"a": None}])
    curve = ShownCurve(label="x", k=[1], value=[math.nan], low=[math.nan], high=[math.nan])
    assert "nan" not in curves_svg([curve], "t")
    assert "<p>" in html_table([], "nothing")


def test_showing_a_curve_imports_no_plotting_and_no_frames() -> None:
    code = (
        "import sys, numpy as np; from ttscale.stats.coverage.coverage import coverage_curve;"
        "coverage_curve(9, [1, 2], [1, 9])._repr_html_();"
        "print([m for m in ('matplotlib', 'polars', 'pydantic', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_long_table_keeps_its_first_and_last_row() -> None:
    shown = html_table([{"k": k} for k in range(1, 101)])
    kept = [int(k) for k in re.findall(r"<td>(\d+)</td>", shown)]
    assert len(kept) == 12
    assert (kept[0], kept[-1]) == (1, 100)
    assert np.all(np.diff(kept) > 0)
