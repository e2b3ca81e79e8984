"""LoRA adapters, as PEFT saves them."""

import json
from pathlib import Path

from ttscale.errors import SamplerError


def adapter_rank(folder: Path) -> int:
    """Return the rank of an adapter.

    Raises:
        SamplerError: The folder holds no adapter.
    """
    path = folder / "adapter_config.json"
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SamplerError(
            f"model.lora is '{folder}', but {path} gives no rank 'r' ({type(error).__name__}: {error}). Give the "
            "folder that a PEFT model's save_pretrained wrote."
        ) from error
