"""The notebooks run from top to bottom, and are stored without outputs, which would grow old."""

import ast
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from tests_paths import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def code_cells(notebook: Path) -> list[dict[str, Any]]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(notebook.parent)
    mpl.use("agg")
    scope: dict[str, Any] = {"__name__": "notebook"}
    for number, cell in enumerate(code_cells(notebook)):
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"{notebook.name}[{number}]", "exec"), scope)
        if isinstance(last, ast.Expr):  # what a notebook shows below its cell
            assert repr(
                eval(compile(ast.Expression(last.value), f"{notebook.name}[{number}]", "eval"), scope)
            )


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(notebook: Path) -> None:
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code_cells(notebook))


def test_there_are_examples() -> None:
    assert len(NOTEBOOKS) >= 4
