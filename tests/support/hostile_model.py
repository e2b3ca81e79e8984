"""The demo model with a generation_config.json that would change everything, were it believed."""

import json
import shutil
from pathlib import Path

from ttscale.models import built_in_model

HOSTILE = {
    "do_sample": True,
    "temperature": 0.2,
    "top_k": 2,
    "top_p": 0.5,
    "min_p": 0.3,
    "repetition_penalty": 1.7,
    "max_new_tokens": 2,
    "no_repeat_ngram_size": 1,
    "suppress_tokens": [5, 6, 7],
}


def hostile_model(folder: Path) -> Path:
    """Copy the demo model to a folder, as a publisher with strong opinions on sampling would ship it."""
    built_in = built_in_model("demo-arithmetic")
    assert built_in is not None
    shutil.copytree(built_in, folder)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | HOSTILE))
    return folder
