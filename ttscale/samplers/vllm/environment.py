"""What vLLM needs around it while it is imported and started."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ttscale.execution.environment import environment
from ttscale.execution.masking import children_masked, mask_broken

logger = logging.getLogger(__name__)

_QUIET = {"VLLM_LOGGING_LEVEL": "ERROR", "TORCH_CPP_LOG_LEVEL": "ERROR", "GLOO_LOG_LEVEL": "ERROR"}


@contextmanager
def engine_environment(own_process: bool | None = None) -> Iterator[None]:
    """Everything that vLLM needs around it while it is imported and started: see the modules this draws on.

    Args:
        own_process: Whether the engine gets a process of its own; None: on a GPU, as vLLM does.
    """
    quiet = not logger.isEnabledFor(logging.DEBUG)
    with environment(_QUIET if quiet else {}), warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
            logging.getLogger("vllm").setLevel(logging.ERROR)  # it speaks before it reads its own variable
        with children_masked(mask_broken()):
            apart = own_process if own_process is not None else not runs_on_cpu()
            with environment({"VLLM_ENABLE_V1_MULTIPROCESSING": "1" if apart else "0"}):
                yield


def runs_on_cpu() -> bool:
    """Tell whether this vLLM computes on the CPU."""
    from vllm.platforms import current_platform

    return bool(current_platform.is_cpu())
