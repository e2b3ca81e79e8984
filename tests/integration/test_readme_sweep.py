"""The README's part on sweeps, on the real engine."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from readme_lines import run_part


@pytest.mark.engine
@pytest.mark.filterwarnings("ignore::ttscale.errors.TtscaleWarning")
@pytest.mark.skipif(find_spec("vllm") is None, reason="the README's commands run on vLLM")
def test_a_sweep_and_which_model_is_the_best_buy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_part("sweep", tmp_path)
