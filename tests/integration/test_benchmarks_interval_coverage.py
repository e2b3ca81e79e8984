"""The caveat printed with intervals against the published table of how often they hold: it stands where they miss."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ttscale.stats.intervals.intervals import interval_caveats

ROOT = Path(__file__).parents[2]
TABLES = ("interval_coverage.md", "interval_coverage_held_out.md")
NOISE = {
    "problems": 2.4,
    "samples": 2.8,
}  # 2.4 standard errors of 500 and of 400 replicates, in percentage points
NEARLY = (
    12.0  # a cell's expectation may lie a little above ten problems while many of its replicates lie below
)


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "interval_coverage", ROOT / "benchmarks" / "interval_coverage.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def cells() -> Iterator[tuple[str, str, int, int, float]]:
    """Yield what intervals generalise over, the law, problems, k and how often the default held, in percent."""
    for table in TABLES:
        over = "problems"
        for line in (ROOT / "results" / "benchmarks" / table).read_text(encoding="utf-8").splitlines():
            if line.startswith("## "):
                over = "samples" if "samples" in line else "problems"
            columns = [column.strip() for column in line.strip("| ").split(" | ")]
            if len(columns) == 6 and columns[3] == "analytic":
                for pair in columns[4].split(", "):
                    k, held = pair.split(": ")
                    yield over, columns[0], int(columns[1]), int(k), float(held)


def test_every_cell_that_misses_its_level_has_a_caveat_that_holds() -> None:
    page, rng = benchmark(), np.random.default_rng(0)
    failing = {
        name: np.log1p(-np.minimum(law(rng, 200_000), 1 - 1e-16))
        for name, law in (page.LAWS | page.HELD_OUT).items()
    }
    missed = said = 0
    for over, law, problems, k, held in cells():
        mean = float(np.mean(-np.expm1(k * failing[law])))
        (caveat,) = interval_caveats(np.array([mean]), problems, over=over)  # type: ignore[arg-type]
        if not 93 - NOISE[over] <= held <= 97 + NOISE[over]:  # type: ignore[index]
            missed += 1
            assert caveat is not None or min(mean, 1 - mean) * problems < NEARLY, (
                over,
                law,
                problems,
                k,
                held,
            )
        if caveat is not None:
            said += 1
            low, high = (float(part) for part in caveat.split("truth in ")[1].split(" %")[0].split(" to "))
            assert low - 0.6 <= held <= high + 0.6, (over, law, problems, k, held, caveat)
    assert missed <= 10  # of hundreds of cells: the level is kept nearly everywhere
    assert said > 60


@pytest.mark.parametrize(
    ("share", "method", "expected"),
    [(0.02, "analytic", "few solved"), (0.5, "analytic", None), (0.97, "analytic", "few unsolved"), (0.5, "bootstrap", "bootstrap")],
)  # fmt: skip
def test_what_is_scarce_is_named(share: float, method: str, expected: str | None) -> None:
    (caveat,) = interval_caveats(np.array([share]), 100, over="problems", method=method)
    assert (caveat and caveat.split(":")[0]) == expected


def test_the_true_plateau_is_read_off_the_populations_curve() -> None:
    page = benchmark()
    solved = page._truth(np.full(10, 0.9))  # .9, .99, .9999: the second doubling gains .0099
    assert solved.plateau == 2.0
    assert page._truth(np.full(10, 1e-4)).plateau == 1.0
    assert page._truth(np.full(10, 0.01)).plateau == np.inf
    assert solved.utility[0] == pytest.approx(0.9 - 0.003)


@pytest.mark.parametrize("kind", ["plateau", "best budget and its worth"])
def test_every_kind_of_interval_can_be_asked(kind: str) -> None:
    page, rng = benchmark(), np.random.default_rng(0)
    law = page.FIVE["Beta(0.2, 10)"]
    held = page.KINDS[kind][0](law, page._truth(law(rng, 10_000)), 200, rng)
    assert held.dtype == bool
    assert held.all()
