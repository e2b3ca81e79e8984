"""What to say of samples that an engine threw out of its cache."""

from collections.abc import Mapping
from typing import Any


def told_of_preemptions(usage: Mapping[str, Any], detail: Mapping[str, Any]) -> str | None:
    """Say how many there were and which setting helps; None where there were none.

    Args:
        usage: Of a session's record.
        detail: Of its engine.
    """
    n = usage.get("preemptions")
    if not n:
        return None
    return (
        f"vLLM's cache was too small for what was under way: {n} times a sample was thrown out and computed again. "
        f"Raise engine_options.gpu_memory_utilization, or lower max_num_seqs (now {detail.get('max_num_seqs')})."
    )
