"""Every command and snippet in the README runs, on the real engine; the longest parts have files of their own."""

import contextlib
import io
import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from readme_lines import PARTS, README, blocks, commands, part, run_part
from tests_paths import ROOT


def test_the_readme_names_the_two_commands() -> None:
    installs = [
        line for block in blocks("bash") for line in block.splitlines() if line.startswith("pip install")
    ]
    assert "pip install '.[cpu]' && ttscale run configs/quickstart.yaml" in installs
    assert "pip install '.[test]' && pytest" in installs


def test_every_file_the_readme_links_to_exists() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert not missing


def test_every_part_is_run_by_a_test() -> None:
    tests = "".join(
        path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_readme*.py")
    )
    assert [name for name in PARTS if f'run_part("{name}", ' not in tests] == ["gsm8k"]
    numbers = Counter(map(part, commands()))
    assert all(numbers[name] >= least for name, least in zip(PARTS, (12, 4, 3, 1), strict=True)), numbers


@pytest.mark.engine
@pytest.mark.filterwarnings("ignore::ttscale.errors.TtscaleWarning")
@pytest.mark.skipif(find_spec("vllm") is None, reason="the README's commands run on vLLM")
def test_a_first_run_and_what_is_asked_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_part("quickstart", tmp_path)
    for snippet in blocks("python"):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(snippet, "README.md", "exec"), {"__name__": "snippet"})
        assert "coverage" in out.getvalue()
