"""The machine is read from the kernel's own files."""

from pathlib import Path

import pytest

from ttscale.samplers import hardware
from ttscale.samplers.hardware import (
    GIB,
    available_memory,
    cgroup_headroom,
    has_fast_bfloat16,
    kv_cache_gib,
    memory_available,
)


@pytest.mark.parametrize(
    ("line", "fast"),
    [
        ("flags\t\t: fpu avx2 avx512f", False),
        ("flags\t\t: fpu avx512f avx512_bf16", True),
        ("flags\t\t: fpu amx_bf16 amx_tile", True),
        ("Features\t: fp asimd bf16", True),
        ("model name\t: amx_bf16 edition", False),
    ],
)
def test_fast_bfloat16_is_a_cpu_flag(tmp_path: Path, line: str, fast: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{line}\n")
    assert has_fast_bfloat16(cpuinfo) is fast


def test_without_cpuinfo_bfloat16_counts_as_slow(tmp_path: Path) -> None:
    assert not has_fast_bfloat16(tmp_path / "absent")


def test_available_memory_is_the_kernels_estimate(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  100 kB\nMemFree: 1 kB\nMemAvailable:  42 kB\n")
    assert memory_available(meminfo) == 42 * 1024
    assert memory_available(tmp_path / "absent") is None


@pytest.mark.parametrize(("limit", "headroom"), [("1000", 400), ("500", 0), ("max", None)])
def test_a_control_group_leaves_its_limit_less_what_is_used(
    tmp_path: Path, limit: str, headroom: int | None
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("600\n")
    assert cgroup_headroom(tmp_path) == headroom


def test_no_control_group_means_no_limit(tmp_path: Path) -> None:
    assert cgroup_headroom(tmp_path) is None


def test_this_machine_has_memory() -> None:
    memory = available_memory()
    assert memory is None or memory > 0


@pytest.mark.parametrize(("free_gib", "cache"), [(0, 1), (3, 1), (8, 2), (15, 3), (1000, 4)])
def test_the_cache_takes_a_quarter_of_the_free_memory_within_bounds(free_gib: int, cache: int) -> None:
    assert kv_cache_gib(free_gib * GIB) == cache


@pytest.mark.parametrize(
    ("fast", "batch_invariant", "dtype"),
    [(True, False, "bfloat16"), (True, True, "float32"), (False, False, "float32"), (False, True, "float32")],
)
def test_bfloat16_needs_a_fast_cpu_and_nobody_who_minds_the_batch(
    fast: bool, batch_invariant: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "has_fast_bfloat16", lambda: fast)
    assert hardware.cpu_dtype(batch_invariant=batch_invariant) == dtype
