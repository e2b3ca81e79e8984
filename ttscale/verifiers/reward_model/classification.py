"""Reward models in transformers: sequence classification (one reward) or token classification (one per step)."""

import contextlib
import gc
import importlib.util
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ttscale.errors import MissingExtraError, VerifierError
from ttscale.execution.masking import mask_broken
from ttscale.verifiers.reward_model.encoding import (
    SEQUENCE,
    TOKEN,
    Encoded,
    PassageEncoder,
    check_folder,
    head_of,
    weights_bytes,
)
from ttscale.verifiers.reward_model.options import Passage, RewardModelOptions, Rewards
from ttscale.verifiers.reward_model.reducing import joined, reward_of, too_long

_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_SHOWN = 300


class ClassificationBackend:
    """Runs a reward model with transformers, in batches of texts of like length."""

    def __init__(self, options: RewardModelOptions) -> None:
        self._options = options
        self._path = options.path or ""
        self._model: Any = None

    def rewards(self, passages: list[Passage]) -> list[Rewards | str]:
        """Score passages; see `Backend.rewards`."""
        if self._model is None:
            self._load()
        encoded = [self._encoder.encode(passage) for passage in passages]
        texts = [text for of_passage in encoded for text in of_passage]
        found = iter(self._score(texts))
        return [joined([next(found) for _ in of_passage]) for of_passage in encoded]

    def close(self) -> None:
        """Free the model; safe to call twice."""
        self._model = None
        gc.collect()

    # ---- loading ----

    def _load(self) -> None:
        check_folder(self._path)
        _require_transformers()
        import torch
        from transformers import AutoConfig, AutoTokenizer

        wanted = self._options.device
        self._device = ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
        with self._load_errors(), warnings.catch_warnings(action="ignore"):
            config = AutoConfig.from_pretrained(self._path, trust_remote_code=False)
            tokenizer = AutoTokenizer.from_pretrained(self._path, trust_remote_code=False)
        self._head = head_of(self._path, config.architectures or ())
        dtype = self._dtype(config)
        self._check_that_it_fits(config, dtype)
        with self._load_errors(), warnings.catch_warnings(action="ignore"):
            model, report = self._model_class().from_pretrained(
                self._path, dtype=getattr(torch, dtype), output_loading_info=True, trust_remote_code=False
            )
            if report["missing_keys"]:
                raise VerifierError(
                    f"'{self._path}' is no complete reward model: its weights lack "
                    f"{', '.join(sorted(report['missing_keys'])[:3])}, which would be random numbers."
                )
            self._model = model.to(self._device).eval()
        self._encoder = PassageEncoder(tokenizer, self._options, per_token=self._head == TOKEN)
        self._padding = tokenizer.pad_token_id if tokenizer.pad_token_id != tokenizer.eos_token_id else None
        self._most_tokens = self._options.max_tokens or getattr(config, "max_position_embeddings", None)

    def _model_class(self) -> Any:
        import transformers

        if self._head == SEQUENCE:
            return transformers.AutoModelForSequenceClassification
        return transformers.AutoModelForTokenClassification

    def _dtype(self, config: Any) -> str:
        if self._options.dtype != "auto":
            return self._options.dtype
        own = str(config.dtype).removeprefix("torch.")
        return own if self._device != "cpu" and own in _BYTES else "float32"

    def _check_that_it_fits(self, config: Any, dtype: str) -> None:
        """Refuse a model that memory cannot hold, before the machine swaps or a process is killed."""
        stored, free = weights_bytes(self._path), _free_bytes(self._device)
        if stored is None or free is None:
            return
        own = str(config.dtype).removeprefix("torch.")
        needed = stored * _BYTES[dtype] // _BYTES.get(own, _BYTES[dtype])
        if needed > free:
            raise VerifierError(
                f"Reward model '{self._path}' needs {needed / 1e9:.3g} GB in {dtype}, and {self._device} has "
                f"{free / 1e9:.3g} GB free. Choose dtype bfloat16, a smaller model, or a server ('endpoint')."
            )

    @contextlib.contextmanager
    def _load_errors(self) -> Iterator[None]:
        """Turn whatever loading raises into one line."""
        try:
            yield
        except VerifierError:
            raise
        except Exception as error:  # OSError, ValueError, KeyError, ImportError, out of memory, ...
            said = " ".join(str(error).split())[:_SHOWN] or type(error).__name__
            raise VerifierError(f"transformers cannot load reward model '{self._path}': {said}") from error

    # ---- scoring ----

    def _score(self, texts: Sequence[Encoded]) -> list[Rewards | str]:
        """Score every text, the longest first: if memory is short, that shows at once."""
        found: list[Rewards | str] = [""] * len(texts)
        fitting = []
        for number, text in enumerate(texts):
            if self._most_tokens is not None and len(text.ids) > self._most_tokens:
                found[number] = too_long(len(text.ids), self._most_tokens)
            else:
                fitting.append(number)
        fitting.sort(key=lambda number: -len(texts[number].ids))
        for batch in self._batches(fitting, texts):
            for number, rewards in zip(batch, self._forward([texts[n] for n in batch]), strict=True):
                found[number] = rewards
        return found

    def _batches(self, numbers: Sequence[int], texts: Sequence[Encoded]) -> Iterator[Sequence[int]]:
        """Cut numbers of texts, longest first, into batches within the budget of padded tokens."""
        start = 0
        while start < len(numbers):
            longest = max(1, len(texts[numbers[start]].ids))
            size = max(1, self._options.batch_tokens // longest)
            yield numbers[start : start + size]
            start += size

    def _forward(self, batch: Sequence[Encoded]) -> list[Rewards | str]:
        """Score a batch; where memory is short, in halves."""
        try:
            return self._logits(batch)
        except Exception as error:  # torch.OutOfMemoryError on a GPU, RuntimeError on a CPU
            if "memory" not in str(error).lower():
                raise
        if len(batch) == 1:
            return [f"{len(batch[0].ids):,} tokens need more memory than {self._device} has."]
        middle = len(batch) // 2
        return self._forward(batch[:middle]) + self._forward(batch[middle:])

    def _logits(self, batch: Sequence[Encoded]) -> list[Rewards | str]:
        import torch

        padding = self._padding_for(batch)
        length = max(len(text.ids) for text in batch)
        ids = torch.full((len(batch), length), padding)
        mask = torch.zeros((len(batch), length), dtype=torch.long)
        for row, text in enumerate(batch):
            ids[row, : len(text.ids)] = torch.tensor(text.ids)
            mask[row, : len(text.ids)] = 1
        with torch.inference_mode():
            output = self._model(input_ids=ids.to(self._device), attention_mask=mask.to(self._device))
        logits = output.logits.float().cpu()  # (R, labels), or (R, L, labels) for token classification
        return [
            tuple(
                reward_of(one.tolist(), self._options)
                for one in (logits[row, list(text.positions)] if text.positions else logits[row][None])
            )
            for row, text in enumerate(batch)
        ]

    def _padding_for(self, batch: Sequence[Encoded]) -> int:
        """Return a token id to pad with, and tell the model.

        Decoder models find the last token by comparing ids with the padding's. Where that is also the end
        token, as is common, a text that ends in it would be read one token too early, so any id that the batch
        does not contain serves: the mask hides it.
        """
        padding = self._padding
        if padding is None:
            used = {token for text in batch for token in text.ids}
            padding = next(token for token in range(len(used) + 1) if token not in used)
        self._model.config.get_text_config().pad_token_id = padding
        return int(padding)


def _free_bytes(device: str) -> int | None:
    """Return the memory that a device has left, or None where it cannot be told."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1])
    return None


def _require_transformers() -> None:
    """Raise `MissingExtraError` unless torch and transformers are importable; hide what would break them."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        raise MissingExtraError(
            "Verifier 'reward-model' needs the 'transformers' extra: pip install 'ttscale[transformers]'"
        )
    mask_broken()
