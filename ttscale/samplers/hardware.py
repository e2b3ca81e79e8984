"""What the machine offers an engine: processors, memory, fast low-precision arithmetic."""

import importlib.util
import os
from pathlib import Path

GIB = 1 << 30


def usable_cpus() -> tuple[int, ...]:
    """Return the processors this process may run on, in increasing order."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def visible_gpus() -> tuple[str, ...]:
    """Return the names by which CUDA_VISIBLE_DEVICES tells this process's GPUs apart, in its order; none without a GPU."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is not None:
        return tuple(name for part in listed.split(",") if (name := part.strip()))
    if importlib.util.find_spec("torch") is None:
        return ()
    import torch

    return tuple(map(str, range(torch.cuda.device_count())))


def available_memory() -> int | None:
    """Return the bytes a new allocation may take: free memory, cut by the container's limit; None if unknown."""
    limits = [memory_available(), cgroup_headroom()]
    return min((limit for limit in limits if limit is not None), default=None)


def memory_available(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Return the kernel's estimate of the memory that new allocations can take, in bytes; None if unknown."""
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def cgroup_headroom(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes left under a version-2 control group's limit; None without one."""
    try:
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(int(limit) - used, 0)


def has_fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU multiplies bfloat16 matrices in hardware (AVX-512 BF16 or AMX on x86, BF16 on ARM)."""
    try:
        text = cpuinfo.read_text()
    except OSError:
        return False
    flags = {
        flag
        for line in text.splitlines()
        if line.partition(":")[0].strip() in ("flags", "Features")
        for flag in line.partition(":")[2].split()
    }
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def kv_cache_gib(available: int | None, *, most: int = 4) -> int:
    """Choose the key-value cache in whole GiB for a CPU engine: a quarter of the free memory, from 1 to `most`.

    The rest is for the weights, activations and everything else on the machine. 4 GiB hold 40,000 tokens of
    a 1-billion-parameter model, more than a CPU keeps busy.

    >>> kv_cache_gib(6 * GIB), kv_cache_gib(64 * GIB), kv_cache_gib(None)
    (1, 4, 1)
    """
    if available is None:
        return 1
    return min(max(available // (4 * GIB), 1), most)


def cpu_dtype(*, batch_invariant: bool) -> str:
    """Choose the weights' type for a CPU engine.

    float32 is fast on every CPU, and with it no completion changed with the batch: the demo model's 960 and
    SmolLM2-135M's 80 samples, drawn 3, 17 and 256 at a time, were the same (one sum of log-probabilities
    differed in its last digits). bfloat16 was 1.6 and 1.9 times as fast on a CPU with AMX, a third as fast on
    one without, but 26 of the 80 completions of SmolLM2 depended on how many were decoded together.

    Args:
        batch_invariant: Whether a sample must not depend on what is decoded beside it.
    """
    return "bfloat16" if has_fast_bfloat16() and not batch_invariant else "float32"
