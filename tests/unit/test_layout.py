"""Unit tests lie where the code lies: whoever opens a module knows where its test is, and the other way round."""

from pathlib import Path

import pytest
from tests_paths import ROOT

HERE = Path(__file__).parent
PACKAGE = ROOT / "ttscale"
FILES = sorted(path.relative_to(HERE) for path in HERE.rglob("test_*.py"))
BY_NAME = {
    "exchange/formats/test_details.py": "importers, through `import_samples`",
    "exchange/formats/test_formats.py": "importers, through `import_samples`",
    "pipeline/strategy/test_replayed.py": "a stored journal replayed, through the sampler's name",
    "pipeline/strategy/test_servers.py": "strategies through servers, by the samplers' names",
    "tasks/test_gold_answers.py": "tasks by name, with the verifiers that they recommend",
}
"""Files about several modules that reach them by their plugins' names, and how."""


def has_module(test: Path) -> bool:
    """Say whether there is a module or a folder of the test file's name where it lies."""
    module = PACKAGE / test.with_name(test.name.removeprefix("test_"))
    return module.is_file() or (module.with_suffix("") / "__init__.py").is_file()


@pytest.mark.parametrize("test", FILES, ids=str)
def test_a_file_lies_in_the_folder_of_what_it_tests(test: Path) -> None:
    assert (PACKAGE / test.parent).is_dir(), f"ttscale/{test.parent} is no folder"
    if has_module(test) or test.as_posix() in BY_NAME:
        return
    package = ".".join(("ttscale", *test.parent.parts))
    text = (HERE / test).read_text(encoding="utf-8")
    assert package in text, f"no module has this file's name, and it imports nothing of {package}"


def test_exceptions_are_still_needed() -> None:
    assert {name for name in BY_NAME if not (HERE / name).is_file() or has_module(Path(name))} == set()
