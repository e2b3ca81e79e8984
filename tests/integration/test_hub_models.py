"""A model that the hub keeps behind its terms: what is said, and that no token is."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from loopback_hub import loopback_hub
from tests_paths import ROOT

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed")

CONFIG = """
model: {path: meta/gated, engine: transformers}
task: {name: arithmetic, problems: 2}
sampling: {n: 1}
"""


def test_a_gated_model_is_refused_with_what_lets_one_in(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(CONFIG)
    with loopback_hub({}, gated=frozenset({"meta/gated"})) as (address, asked):
        known = {
            "HF_ENDPOINT": address,
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_OFFLINE": "0",
            "HF_TOKEN": "hf_s3cret",
        }
        done = subprocess.run(
            [sys.executable, "-m", "ttscale", "sample", str(config), "--out", str(tmp_path / "run")],
            capture_output=True, text=True, check=False, env={**os.environ, **known, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert any("/meta/gated/resolve/main/" in path for path in asked)
    assert done.returncode == 1
    told = done.stderr.strip().splitlines()[-1]
    assert "cannot load model 'meta/gated'" in told
    assert told.endswith("Accept its terms on its page on the hub, and set HF_TOKEN to a token of yours.")
    assert "hf_s3cret" not in done.stdout + done.stderr
    written = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert not any(b"hf_s3cret" in path.read_bytes() for path in written)
