"""The measures of the code find what they are for, and the package has no circle of imports."""

import sys
from pathlib import Path

import pytest
from tests_paths import ROOT

sys.path.append(str(ROOT / "benchmarks"))
from code_measures import circles, functions, imports, modules, said_twice

FILES = {
    "__init__.py": "",
    "a.py": "from ttscale import b\n\n\ndef helper(x):\n    return x + 1\n",
    "b.py": "def late():\n    from ttscale.sub.c import thing\n    return thing\n",
    "sub/__init__.py": "",
    "sub/c.py": "import ttscale.a\n\nthing = 1\n\n\ndef helper(x):\n    return x + 1\n",
    "d.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from ttscale import e\n",
    "e.py": "import ttscale.d\n\n\ndef long():\n" + "    pass\n" * 70,
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "ttscale" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_circle_is_found_through_imports_inside_functions(tree: Path) -> None:
    assert circles(imports(modules(tree))) == [["ttscale.a", "ttscale.b", "ttscale.sub.c"]]


def test_imports_for_type_checkers_close_no_circle(tree: Path) -> None:
    assert imports(modules(tree))["ttscale.d"] == set()


def test_long_functions_and_doubles_are_named(tree: Path) -> None:
    assert max(functions(modules(tree))) == (71, "ttscale.e:long")
    assert said_twice(modules(tree)) == {"helper": ["ttscale.a", "ttscale.sub.c"]}


def test_the_package_has_no_circle_and_no_function_over_sixty_lines() -> None:
    package = modules(ROOT)
    assert circles(imports(package)) == []
    assert [name for lines, name in functions(package) if lines > 60] == []
