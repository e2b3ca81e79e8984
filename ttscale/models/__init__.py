"""Models small enough to come with the package."""

from importlib.resources import as_file, files
from pathlib import Path

BUILT_IN_MODELS = ("demo-arithmetic", "demo-arithmetic-small", "demo-revision")
"""Each is an ordinary Hugging Face folder of this name beside this file."""


def built_in_model(name: str) -> Path | None:
    """Return the folder of a built-in model, or None where `name` is none.

    >>> built_in_model("demo-arithmetic").name
    'demo-arithmetic'
    >>> built_in_model("HuggingFaceTB/SmolLM2-135M-Instruct") is None
    True
    """
    if name not in BUILT_IN_MODELS:
        return None
    with as_file(files(__name__) / name) as folder:  # a package is installed unpacked: this is its real path
        return folder
