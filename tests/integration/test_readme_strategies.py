"""The README's part on strategies, on the real engine."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from readme_lines import run_part


@pytest.mark.engine
@pytest.mark.filterwarnings("ignore::ttscale.errors.TtscaleWarning")
@pytest.mark.skipif(find_spec("vllm") is None, reason="the README's commands run on vLLM")
def test_strategies_and_which_solves_most_at_equal_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_part("strategies", tmp_path)
