"""The public API: the table, `__all__`, what type checkers read, the page and the code say the same."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests_paths import ROOT

import ttscale
import ttscale.errors

NAMES = [(name, module) for names in ttscale.API.values() for name, module in names.items()]


def test_every_name_stands_once_and_only_those_are_public() -> None:
    names = [name for name, _ in NAMES]
    assert len(set(names)) == len(names)
    assert set(ttscale.__all__) == {*names, "API", "__version__"} == set(dir(ttscale))


def test_type_checkers_read_the_same_table() -> None:
    tree = ast.parse(Path(ttscale.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imported = {
        (one.asname, node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for one in node.names
    }
    assert imported == set(NAMES)


@pytest.mark.parametrize(("name", "module"), NAMES)
def test_a_name_is_where_the_table_says_and_is_documented(name: str, module: str) -> None:
    thing = getattr(ttscale, name)
    assert thing is getattr(importlib.import_module(module), name)
    assert (thing.__module__, thing.__name__) == (module, name)
    doc = inspect.getdoc(thing)
    assert doc
    if inspect.isfunction(thing):
        told = set(re.findall(r"^    (?:\*{0,2})([\w, *]+):", doc.partition("Args:")[2], flags=re.MULTILINE))
        told = {part.strip(" *") for names in told for part in names.split(",")}
        missing = set(inspect.signature(thing).parameters) - told
        assert not missing, f"{name} does not say what {missing} are"


def test_the_page_has_an_entry_for_every_name_and_no_other() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert re.findall(r"^### ttscale\.(\w+)$", page, flags=re.MULTILINE) == [name for name, _ in NAMES]


def test_the_pages_snippet_runs_as_it_stands(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    subprocess.run([sys.executable, "-c", snippet], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "coverage.csv").read_text().startswith("metric,k,value,low,high")
    assert (tmp_path / "coverage.pdf").read_bytes().startswith(b"%PDF")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'coverage_curv'"):
        ttscale.coverage_curv  # noqa: B018


def test_g_pass_curves_as_a_user_would_read_them() -> None:
    n, c, k = 16, [0, 4, 8, 16], [1, 2, 4, 8]
    strict = ttscale.g_pass_curve(n, c, k, 1.0)
    assert strict.value.tolist() == pytest.approx(ttscale.pass_hat_curve(n, c, k).value.tolist())
    loose = ttscale.g_pass_curve(n, c, k, "0.01")  # one of k is enough
    assert loose.value.tolist() == pytest.approx(ttscale.coverage_curve(n, c, k).value.tolist())
    half, mean = ttscale.g_pass_curve(n, c, k), ttscale.mg_pass_curve(n, c, k)
    assert np.all(strict.value <= half.value + 1e-12)
    assert np.all(half.value <= loose.value + 1e-12)
    assert mean.n_problems == 4
    assert np.all((mean.low <= mean.value) & (mean.value <= mean.high))


def test_inverse_sampling_as_a_user_would_read_it() -> None:
    rng = np.random.default_rng(0)
    p, successes = 0.2, 3
    draws = rng.negative_binomial(successes, p, 4000) + successes
    rate = ttscale.rate_until_successes(draws, np.full(4000, successes), successes)
    assert rate.unbiased.mean() == pytest.approx(p, abs=0.006)  # 3 standard errors
    found = ttscale.pass_at_k_until_successes(draws, np.full(4000, successes), successes, [1, 5])
    assert found.mean(axis=0) == pytest.approx([p, 1 - (1 - p) ** 5], abs=0.02)


def test_samples_of_several_models_as_a_user_would_pool_them() -> None:
    chance = ttscale.coverage_of_allocation([[10, 10]], [[5, 1]], [1, 1])
    assert chance[0] == pytest.approx(1 - 0.5 * 0.9)
    best = ttscale.best_allocation([[10, 10]], [[5, 1]], [1.0, 1.0], 4.0)
    assert best.k.tolist() == [4, 0]


def test_paths_are_strings_or_paths_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stored_runs import make_run

    monkeypatch.chdir(tmp_path)
    make_run(Path("runs/one"), n=8)
    Path("config.yaml").write_text("model: demo-arithmetic\ntask: arithmetic\nsampling: {n: 4}\n")
    Path("counts.csv").write_text("problem_id,n,c\n1,9,3\n2,9,0\n")
    results = []
    for kind in (str, Path):
        config = ttscale.load_config(kind("config.yaml"), out=kind("runs/other"))
        assert config.out == Path("runs/other")
        result = ttscale.analyze_run(kind("runs/one"))
        files = ttscale.write_report(result, kind(f"report-{kind.__name__}"))
        assert files.page == Path(f"report-{kind.__name__}") / "report.html"
        ttscale.export_run(kind("runs/one"), "counts", kind(f"{kind.__name__}.csv"))
        ttscale.save_figure(result.cells[0].plot(), kind(f"{kind.__name__}.svg"))
        assert ttscale.RunStore(kind("runs/one")).path == Path("runs/one")
        view = ttscale.budget_view([kind("counts.csv")])
        results.append((result.to_frame().to_dicts(), view.to_frame().height))
        assert ttscale.compare_verifiers(kind("runs/one"))
    assert results[0] == results[1]
    with pytest.raises(ttscale.errors.ConfigError, match="missing"):
        ttscale.run("missing.yaml")
    with pytest.raises(ttscale.errors.TtscaleError, match="missing"):
        ttscale.import_samples("missing", "runs/imported")


@pytest.mark.parametrize("name", [name for name, _ in NAMES])
def test_a_signature_names_its_types_and_fits_a_few_lines(name: str) -> None:
    thing = getattr(ttscale, name)
    if inspect.isfunction(thing):
        assert "Union[" not in str(inspect.signature(thing))
        assert len(str(inspect.signature(thing))) <= 500
