"""Sampling with transformers: for machines without vLLM, with the same semantics.

Short completions on one CPU core cost about what they cost in vLLM (238 against 258 tokens/s for SmolLM2-135M
in float32, 256 at a time). A batch lasts as long as its longest completion and the next one starts only then,
so long and uneven completions suffer.

The loop is our own and not `generate`: it prefills each prompt of a batch once, drops finished sequences from
the batch, gives every sample its own random generator, and keeps the log-probabilities of the model itself
without storing a vocabulary's worth of logits per token.
"""

import gc
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from ttscale.errors import SamplerError, listed
from ttscale.execution.masking import mask_broken
from ttscale.samplers.contract import EngineInfo, refused_call
from ttscale.samplers.hardware import cpu_dtype
from ttscale.samplers.locate import locate_model, resolved_commit
from ttscale.samplers.messages import loading_failed
from ttscale.samplers.prompts import PrefixEncoder, PromptEncoder, StreamDecoder
from ttscale.samplers.resolve import require_transformers
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.transformers_rows import PLAIN, Row, call_sample, until_none
from ttscale.types import Sample, SampleRequest

_BATCHES_AHEAD = 8
"""Batches' worth of requests that are put in order of their prompts' length."""
_BATCH_SIZE = 64
"""Sequences decoded together unless `max_concurrent` says otherwise."""


class TransformersOptions(BaseModel):
    """Keys of ``model.engine_options``; the others go to ``AutoModelForCausalLM.from_pretrained``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    device: str = "auto"
    """"auto" (cuda where there is one, else cpu) or any torch device."""


class TransformersSampler:
    """Draws samples with a transformers model, in batches of left-padded prompts.

    Every sample has its own seed, but the batch a sample lies in can change its logits in the last digits:
    unlike vLLM's CPU engine this one does not promise equal samples for differently cut work.
    """

    Options: ClassVar[type[BaseModel]] = TransformersOptions
    serves: ClassVar[frozenset[str]] = frozenset({"calls", "prefix", "tokens", "stop", "logprobs"})

    def __init__(
        self, model: ModelSettings, sampling: SamplingSettings, options: TransformersOptions
    ) -> None:
        self._settings = model
        self._sampling = sampling
        self._options = options
        self._model: Any = None
        self._refused: list[list[Sample]] = []

    def start(self) -> EngineInfo:
        """Load the model; see `Sampler.start`."""
        _refuse_extra(self._sampling)
        require_transformers()
        path = locate_model(self._settings.path)
        self._masked = mask_broken()
        self._device = _device(self._options.device)
        self._tokenizer, self._model = self._load(path)
        self._context_tokens = _context_tokens(self._model)
        self._decode = _decoder(self._tokenizer)
        self._stop_tokens = _stop_tokens(self._model, self._tokenizer)
        self._forward_accepts = set(inspect.signature(self._model.forward).parameters)
        return self.reuse(self._settings, self._sampling)

    def reuse(self, model: ModelSettings, sampling: SamplingSettings) -> EngineInfo:
        """Serve another cell with the loaded model: other prompts or sampling parameters."""
        _refuse_extra(sampling)
        self._settings, self._sampling = model, sampling
        self._encoder = PromptEncoder(self._tokenizer, model, self._context_tokens)
        self._continued = PrefixEncoder(self._tokenizer, self._context_tokens)
        self._warpers = _warpers(sampling)
        return self._engine_info()

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        """Draw what is asked; see `Sampler.sample`."""
        if self._model is None:
            raise SamplerError("The engine is not running: call start() first.")
        rows, size = self._rows(requests), self._sampling.max_concurrent or _BATCH_SIZE
        while (ahead := until_none(islice(rows, _BATCHES_AHEAD * size))) or self._refused:
            refused, self._refused = self._refused, []
            yield from refused
            # Prompts of one length need no padding, and equal ones are read once for their whole batch.
            ahead.sort(key=lambda row: (len(row.prompt), row.problem_id))
            for batch in (ahead[start : start + size] for start in range(0, len(ahead), size)):
                self._generate(batch)
                for _, group in groupby(batch, key=lambda row: row.problem_id):
                    yield [self._finished(row) for row in group]

    def close(self) -> None:
        """Free the model; safe to call twice."""
        self._model = None
        gc.collect()

    def _load(self, path: str) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        dtype = self._settings.dtype
        if dtype == "auto" and self._device == "cpu":
            dtype = cpu_dtype(batch_invariant=self._seeded)
        known = TransformersOptions.model_fields
        extra = {key: value for key, value in self._settings.engine_options.items() if key not in known}
        trust = extra.setdefault("trust_remote_code", False)  # unsaid, transformers asks on the terminal
        try:
            with warnings.catch_warnings(action="ignore"):
                tokenizer = AutoTokenizer.from_pretrained(
                    path, revision=self._settings.revision, trust_remote_code=trust
                )
                model = AutoModelForCausalLM.from_pretrained(
                    path, revision=self._settings.revision, dtype=dtype, **extra
                )
                return tokenizer, model.to(self._device).eval()
        except Exception as error:  # transformers raises OSError, ValueError, KeyError, ImportError, ...
            raise SamplerError(f"transformers cannot load model '{path}': {loading_failed(error)}") from error

    def _engine_info(self) -> EngineInfo:
        import torch
        import transformers

        return EngineInfo(
            engine="transformers",
            version=transformers.__version__,
            device=self._device if self._device == "cpu" else torch.cuda.get_device_name(self._device),
            dtype=str(self._model.dtype).removeprefix("torch."),
            model_path=self._settings.path,
            chat_template=self._encoder.uses_chat_template,
            per_sample_seeds=self._seeded,
            detail={
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
                "batch_size": self._sampling.max_concurrent or _BATCH_SIZE,
                "batch_invariant": False,
                "commit": resolved_commit(self._settings.path, self._settings.revision),
                "masked_modules": list(self._masked),
            },
        )

    @property
    def _seeded(self) -> bool:
        return self._sampling.per_sample_seeds is not False

    def _rows(self, requests: Iterable[SampleRequest | None]) -> Iterator[Row | None]:
        """Yield a row for every sample, and None where there is no more to do now."""
        import torch

        shared = torch.Generator(self._device).manual_seed(self._sampling.seed)
        for request in requests:
            if request is None:
                yield None
                continue
            call, sampling = request.call or PLAIN, self._sampling
            try:
                prompt, before = self._encoded(request)
            except SamplerError as error:
                if request.call is None:
                    raise
                name = request.problem.problem_id
                self._refused.append(refused_call(name, request.first_index, request.n, str(error)))
                continue
            for j in range(request.n):
                own = torch.Generator(self._device).manual_seed(request.seed + j) if self._seeded else shared
                yield Row(
                    request,
                    j,
                    prompt,
                    before,
                    own,
                    temperature=sampling.temperature if call.temperature is None else call.temperature,
                    max_tokens=call.max_tokens or sampling.max_tokens,
                    stop=sampling.stop if call.stop is None else call.stop,
                )

    def _encoded(self, request: SampleRequest) -> tuple[list[int], str]:
        """Return the tokens of a prompt and its prefix, and the prefix as text."""
        prompt = self._encoder.encode(request.problem)
        if request.call is None or not request.call.prefix:
            return prompt, ""
        tokens, before = self._continued.encode(request.problem.problem_id, prompt, request.call.prefix)
        return prompt + tokens, before

    def _generate(self, batch: Sequence[Row]) -> None:
        """Complete every row of the batch."""
        import torch

        with torch.inference_mode():
            logits, cache, mask = self._prefill(batch)
            rows = list(batch)
            while True:
                tokens = self._choose(rows, logits)
                alive = [i for i, row in enumerate(rows) if not self._is_finished(row)]
                if not alive:
                    return
                if len(alive) < len(rows):
                    keep = torch.tensor(alive, device=self._device)
                    cache.batch_select_indices(keep)
                    rows, tokens, mask = [rows[i] for i in alive], tokens[keep], mask[keep]
                mask = torch.nn.functional.pad(mask, (0, 1), value=1)  # (R, L + 1)
                logits = self._forward(tokens[:, None], mask, cache)

    def _prefill(self, batch: Sequence[Row]) -> tuple[Any, Any, Any]:
        """Run every distinct prompt once; return next-token logits (R, V), cache and mask (R, L) of all rows."""
        import torch
        from transformers import DynamicCache

        distinct = {tuple(row.prompt): None for row in batch}
        place = {prompt: i for i, prompt in enumerate(distinct)}
        longest = max(map(len, distinct))
        padded = [[0] * (longest - len(prompt)) + list(prompt) for prompt in distinct]
        masked = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in distinct]
        mask = torch.tensor(masked, device=self._device)  # (P, L)
        cache = DynamicCache()
        logits = self._forward(torch.tensor(padded, device=self._device), mask, cache)  # (P, V)
        of_row = torch.tensor([place[tuple(row.prompt)] for row in batch], device=self._device)
        cache.batch_select_indices(of_row)
        return logits[of_row], cache, mask[of_row]

    def _forward(self, tokens: Any, mask: Any, cache: Any) -> Any:
        """Feed the new tokens (R, T) and return float32 logits of the next one, (R, V)."""
        optional = {
            "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)[:, -tokens.shape[1] :],
            "logits_to_keep": 1,
        }
        supported = {name: value for name, value in optional.items() if name in self._forward_accepts}
        output = self._model(
            input_ids=tokens, attention_mask=mask, past_key_values=cache, use_cache=True, **supported
        )
        return output.logits[:, -1].float()

    def _tokens(self, rows: Sequence[Row], scores: Any) -> Any:
        """Draw one token per row from its own generator, at its own temperature; return (R,)."""
        import torch

        greedy = scores.argmax(-1)
        if all(row.temperature == 0 for row in rows):
            return greedy
        own = [row.temperature for row in rows]
        warm = own[0] if len(set(own)) == 1 else torch.tensor([[t or 1.0] for t in own], device=scores.device)
        scores = scores / warm
        for warp in self._warpers:
            scores = warp(None, scores)
        noise = torch.empty_like(scores)
        for i, row in enumerate(rows):
            noise[i].exponential_(generator=row.generator)
        tokens = (scores.softmax(-1) / noise).argmax(-1)  # the exponential race: draws from the softmax
        return torch.where(torch.tensor([t == 0 for t in own], device=scores.device), greedy, tokens)

    def _choose(self, rows: Sequence[Row], logits: Any) -> Any:
        """Draw one token per row and record it with its log-probability; return (R,)."""
        tokens = self._tokens(rows, self._penalized(rows, logits))
        distribution = logits.log_softmax(-1)  # (R, V)
        logprobs = distribution.gather(-1, tokens[:, None])[:, 0]
        for row, token, logprob in zip(rows, tokens.tolist(), logprobs.tolist(), strict=True):
            row.tokens.append(token)
            row.logprobs.append(logprob)
        if self._sampling.top_logprobs:
            k = min(self._sampling.top_logprobs, distribution.shape[-1])
            for row, greatest in zip(rows, distribution.topk(k).values.cpu().numpy(), strict=True):
                row.top_logprobs.append(greatest)
        return tokens

    def _penalized(self, rows: Sequence[Row], logits: Any) -> Any:
        """Apply repetition (prompt and completion), frequency and presence (completion) penalties, as vLLM does."""
        import torch

        sampling = self._sampling
        if (sampling.repetition_penalty, sampling.frequency_penalty, sampling.presence_penalty) == (
            1.0,
            0.0,
            0.0,
        ):
            return logits
        scores = logits.clone()
        for score, row in zip(scores, rows, strict=True):
            drawn = torch.bincount(torch.tensor(row.tokens, dtype=torch.long), minlength=len(score)).to(score)
            seen = torch.tensor(sorted({*row.prompt, *row.tokens}), device=score.device)
            known = score[seen]
            penalty = sampling.repetition_penalty
            score[seen] = torch.where(known > 0, known / penalty, known * penalty)
            score.sub_(sampling.frequency_penalty * drawn + sampling.presence_penalty * (drawn > 0))
        return scores

    def _is_finished(self, row: Row) -> bool:
        if row.tokens[-1] in self._stop_tokens:
            row.finish_reason = "stop"
        elif row.stop and (stop_at := row.stop_in(self._decode(row.prompt, row.tokens))) is not None:
            row.finish_reason, row.stop_at = "stop", stop_at
        elif len(row.tokens) >= min(row.max_tokens, self._context_tokens - len(row.prompt)):
            row.finish_reason = "length"
        return row.finish_reason is not None

    def _finished(self, row: Row) -> Sample:
        ends_in_stop_token = row.tokens[-1] in self._stop_tokens
        text = self._decode(row.prompt, row.tokens[:-1] if ends_in_stop_token else row.tokens)
        keep = self._sampling.token_logprobs or row.call.keep_logprobs
        keep_sum = bool(self._sampling.logprobs) or keep
        sample = Sample(
            problem_id=row.problem_id,
            sample_index=row.request.first_index + row.number,
            completion=text[: row.stop_at],
            finish_reason=row.finish_reason or "length",
            prompt_tokens=len(row.prompt),
            completion_tokens=len(row.tokens),
            cumulative_logprob=sum(row.logprobs) if keep_sum else None,
            token_logprobs=tuple(row.logprobs) if keep else None,
            top_logprobs=np.stack(row.top_logprobs) if row.top_logprobs else None,
            seed=row.request.seed + row.number if self._seeded else None,
        )
        return sample if row.request.call is None else call_sample(sample, row, ended=ends_in_stop_token)


def _refuse_extra(sampling: SamplingSettings) -> None:
    if sampling.extra:
        raise SamplerError(
            f"sampling.extra names {listed(sampling.extra)}, but engine 'transformers' has no parameters besides those of "
            "'sampling'. Leave it out, or use engine: vllm."
        )


def _device(wanted: str) -> str:
    import torch

    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


def _context_tokens(model: Any) -> int:
    """The longest sequence the model was built for; no limit where its configuration names none."""
    config = model.config.get_text_config()
    return getattr(config, "max_position_embeddings", None) or 1 << 30


def _stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a completion: the generation config's, which may be several, and the tokenizer's."""
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    return frozenset(token for token in (*ids, tokenizer.eos_token_id) if token is not None)


def _decoder(tokenizer: Any) -> Callable[[Sequence[int], Sequence[int]], str]:
    if StreamDecoder.supports(tokenizer):
        return StreamDecoder(tokenizer).decode
    return lambda prompt, tokens: str(tokenizer.decode(list(tokens), skip_special_tokens=True))


def _warpers(sampling: SamplingSettings) -> list[Any]:
    """The truncations in vLLM's order, behind the temperature: min-p, top-k, top-p."""
    from transformers.generation import logits_process as process

    warpers: list[Any] = []
    if sampling.min_p > 0:
        warpers.append(process.MinPLogitsWarper(sampling.min_p))
    if sampling.top_k is not None:
        warpers.append(process.TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(process.TopPLogitsWarper(sampling.top_p))
    return warpers
