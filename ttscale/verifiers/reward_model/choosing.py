"""Which engine runs a local reward model."""

import importlib.util

from ttscale.errors import VerifierError
from ttscale.verifiers.reward_model.classification import ClassificationBackend
from ttscale.verifiers.reward_model.options import Backend, Passage, RewardModelOptions, Rewards
from ttscale.verifiers.reward_model.pooling import PoolingBackend, require_vllm


def local_backend(options: RewardModelOptions) -> Backend:
    """Return what runs the model of `path`; loads nothing yet."""
    if options.engine == "vllm":
        require_vllm()
        return PoolingBackend(options)
    if options.engine == "auto" and options.device == "auto" and _has_vllm_and_gpu():
        return FirstThatRuns(PoolingBackend(options), ClassificationBackend(options))
    return ClassificationBackend(options)


class FirstThatRuns:
    """Uses another backend where the first says, before it scored anything, that it cannot run the model."""

    def __init__(self, first: Backend, otherwise: Backend) -> None:
        self._backend = first
        self._otherwise: Backend | None = otherwise

    def rewards(self, passages: list[Passage]) -> list[Rewards | str]:
        """Score passages; see `Backend.rewards`."""
        try:
            found = self._backend.rewards(passages)
        except VerifierError:
            if self._otherwise is None:
                raise
            self._backend.close()
            self._backend, self._otherwise = self._otherwise, None
            return self._backend.rewards(passages)
        if passages:
            self._otherwise = None
        return found

    def close(self) -> None:
        """Free whichever is used."""
        self._backend.close()


def _has_vllm_and_gpu() -> bool:
    if importlib.util.find_spec("vllm") is None or importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())
