"""What a page computes while it is read looks like everything else: its script writes numbers as Python does."""

import json
import random
import shutil
import subprocess
from importlib.resources import files

import pytest

from ttscale.showing.numbers import amount, percent, percent_interval

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no node on the path")


def in_script(function: str, arguments: list[list[float]]) -> list[str]:
    source = files("ttscale.report").joinpath("templates", "numbers.js").read_text(encoding="utf-8")
    code = f"{source}\nconst given = {json.dumps(arguments)};\nconsole.log(JSON.stringify(given.map((one) => {function}(...one))));"
    done = subprocess.run([str(NODE), "-"], input=code, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def fractions() -> list[float]:
    rng = random.Random(5)
    ties = [i / 2**power for power in range(1, 12) for i in range(2**power + 1)]
    counted = [c / n for n in (3, 7, 30, 128, 400, 1000, 10_000) for c in range(0, n + 1, max(1, n // 97))]
    edges = [0.0, 1.0, 1 - 1e-16, 1e-300, 0.9995, 0.99949999, 0.0095, 0.00949999, 1e-6, 9.9999e-7, 0.000999]
    return edges + ties + counted + [10 ** rng.uniform(-8, 0) for _ in range(2000)]


def amounts() -> list[float]:
    rng = random.Random(6)
    whole = [float(i) for i in range(1200)] + [12345.0, 112500000.0, 114500000.0, 9.995e6, 9_999_999.5, 1e7]
    halves = [i + 0.5 for i in range(300)] + [i / 8 for i in range(1000)]
    return whole + halves + [10 ** rng.uniform(-9, 20) for _ in range(3000)]


def test_percentages_are_the_same() -> None:
    values = fractions()
    assert in_script("percentText", [[value] for value in values]) == [percent(value) for value in values]


def test_intervals_are_the_same() -> None:
    values = fractions()
    pairs = [sorted(pair) for pair in zip(values, values[::-1], strict=True)]
    assert in_script("intervalText", pairs) == [percent_interval(low, high) for low, high in pairs]


def test_amounts_are_the_same() -> None:
    values = amounts()
    assert in_script("amountText", [[value] for value in values]) == [amount(value) for value in values]
