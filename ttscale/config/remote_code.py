"""A configuration from elsewhere must not run code that comes with a model: whoever starts it says so himself."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ttscale.errors import ConfigError


def refuse_remote_code(tree: Mapping[str, Any], overrides: Mapping[str, Any], path: Path) -> None:
    """Refuse a file that asks an engine to run a model's own code, unless an override asks for the same.

    Args:
        tree: What the file holds.
        overrides: What was said beside it, by key.
        path: The file.

    Raises:
        ConfigError: It does.
    """
    said = {option for option, _ in _asking(overrides)}
    for option, value in _asking(tree):
        if option not in said:
            raise ConfigError(
                f"{path} sets {option} to {value!r}: code that comes with the model would run on this machine, outside of any "
                f"sandbox. If you trust the model, say so yourself: --set model.engine_options.{option}={_yaml(value)}"
            )


def _asking(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield the options, however deep, that let a model bring code, with their values."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            option = str(key).rpartition(".")[2].replace("-", "_")
            for each in value if isinstance(value, list) else [value]:
                if _runs_code(option, each):
                    yield option, each
            yield from _asking(value)
    elif isinstance(tree, Sequence) and not isinstance(tree, str):
        for item in tree:
            yield from _asking(item)


def _runs_code(option: str, value: Any) -> bool:
    if option in ("trust_remote_code", "custom_generate"):
        return bool(value)
    if option == "weights_only":  # a pickle may do anything while it is loaded
        return value is not None and not value
    return option == "attn_implementation" and "/" in str(value)  # kernels from the hub


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
