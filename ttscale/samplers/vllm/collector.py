"""What becomes of an engine's tokens: a light stand-in for vLLM's output processor.

vLLM's own builds, token by token, everything that a server could be asked for, and gives nothing of a request before
its last sample ends. A run wants little of that: tokens as four bytes each, the sum of their log-probabilities,
and every sample as soon as it ends.
"""

import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttscale.samplers.vllm.wire import unpacked

_FIRST = struct.Struct("<f")
_BYTES = _FIRST.size


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of log-probabilities.

    Attributes:
        sums: Those of samples.
        tokens: Those of tokens.
        alternatives: How many of the most probable tokens' at each.
    """

    sums: bool = False
    tokens: bool = False
    alternatives: int = 0

    def __bool__(self) -> bool:
        return self.sums or self.tokens or self.alternatives > 0


@dataclass(frozen=True, slots=True)
class Looking:
    """Whether texts are looked at as they grow.

    Attributes:
        tokenizer: With which; None: never.
        always: Whether all of them are; else those of requests with stop strings.
    """

    tokenizer: Any = None
    always: bool = False


NOT_LOOKING = Looking()


@dataclass(eq=False, slots=True)
class Growing:
    """A sample in the making, and when `finish_reason` is set a finished one.

    Attributes:
        owner: What its request was added for.
        place: Its number in the request.
        kept: What is kept of its log-probabilities.
        detokenizer: vLLM's, where texts must be looked at as they grow; else None.
        tokens: Those drawn so far.
        logprob: Sum of their log-probabilities.
        token_logprobs: The log-probability of each, where they are kept.
        alternatives: Those of the most probable tokens at each, as 32-bit floats, where they are kept.
        finish_reason: As vLLM names it; None while it grows.
        ended_in_text: Whether a stop string ended it, and not the model.
        cached_tokens: Of its prompt, those that the prefix cache held.
    """

    owner: Any
    place: int
    kept: Kept
    detokenizer: Any = None
    tokens: "array[int]" = field(default_factory=lambda: array("i"))
    logprob: float = 0.0
    token_logprobs: "array[float]" = field(default_factory=lambda: array("f"))
    alternatives: bytearray = field(default_factory=bytearray)
    finish_reason: str | None = None
    ended_in_text: bool = False
    cached_tokens: int | None = None

    @property
    def text(self) -> str:
        """The completion, where vLLM's detokenizer made it."""
        return str(self.detokenizer.get_next_output_text(True, False))  # finished, not a delta

    def top_logprobs(self) -> NDArray[np.float32]:
        """Return the alternatives' log-probabilities, (T, k)."""
        return np.frombuffer(self.alternatives, np.float32).reshape(len(self.tokens), -1)


class Collector:
    """Takes an engine's outputs in the place of `OutputProcessor`; its methods are those that `LLMEngine` calls.

    Attributes:
        n_preemptions: Samples that were thrown out of the cache and had to be computed again.
    """

    def __init__(self) -> None:
        self._growing: dict[str, Growing] = {}
        self.expect(None, Kept())
        self.n_preemptions = 0

    # ---- what LLMEngine calls ---------------------------------------------------------------------

    def add_request(
        self,
        request: Any,
        prompt: str | None,
        parent_req: Any = None,
        request_index: int = 0,
        *others: Any,
    ) -> None:
        """Expect a sample's tokens."""
        self._growing[request.request_id] = Growing(
            self._owner, request_index, self._kept, self._detokenizer(request)
        )

    def process_outputs(self, outputs: Iterable[Any], *others: Any, **more: Any) -> SimpleNamespace:
        """Take what the engine's last step gave; return the samples that ended with it."""
        ended, to_abort = [], []
        for output in outputs:
            sample = self._growing.get(output.request_id)
            if sample is None:  # aborted meanwhile
                continue
            self._grow(sample, output)
            if sample.finish_reason is not None:
                ended.append(self._growing.pop(output.request_id))
                if output.finish_reason is None:  # a stop string, of which the engine knows nothing
                    to_abort.append(output.request_id)
        return SimpleNamespace(request_outputs=ended, reqs_to_abort=to_abort)

    def abort_requests(self, request_ids: Iterable[str], *others: Any, **more: Any) -> list[str]:
        """Forget samples; return which of them the engine should abort."""
        return [name for name in request_ids if self._growing.pop(name, None) is not None]

    def get_num_unfinished_requests(self) -> int:
        """Return how many samples are in the making."""
        return len(self._growing)

    def has_unfinished_requests(self) -> bool:
        """Tell whether there are any."""
        return bool(self._growing)

    def update_scheduler_stats(self, stats: Any) -> None:
        """Take note of nothing."""

    # ---- what the sampler calls -------------------------------------------------------------------

    def expect(self, owner: Any, kept: Kept, looking: Looking = NOT_LOOKING) -> None:
        """Say of the requests that are added from now on whose they are, and what is done with them.

        Args:
            owner: Comes back with each sample.
            kept: Of log-probabilities.
            looking: Whether their texts are looked at as they grow.
        """
        self._owner, self._kept, self._looking = owner, kept, looking

    def under_way(self) -> list[str]:
        """Return the engine's names of the samples in the making."""
        return list(self._growing)

    # ---- one sample -------------------------------------------------------------------------------

    def _detokenizer(self, request: Any) -> Any:
        tokenizer, always = self._looking.tokenizer, self._looking.always
        if tokenizer is None or not (always or request.sampling_params.stop):
            return None
        from vllm.v1.engine.detokenizer import IncrementalDetokenizer

        return IncrementalDetokenizer.from_new_request(tokenizer, request)

    def _grow(self, sample: Growing, output: Any) -> None:
        new, reason = output.new_token_ids, output.finish_reason
        if sample.detokenizer is not None:
            new, reason = self._looked_at(sample, new, reason)
        sample.tokens.extend(new)
        if output.new_logprobs is not None and sample.kept:
            self._note(sample, output.new_logprobs, len(new))
        prefill = getattr(output, "prefill_stats", None)  # not all versions of vLLM tell it
        if prefill is not None:
            sample.cached_tokens = prefill.num_cached_tokens
        if output.events:
            self.n_preemptions += sum(event.type.name == "PREEMPTED" for event in output.events)
        if reason is not None:
            sample.finish_reason = str(reason)

    def _looked_at(self, sample: Growing, new: list[int], reason: Any) -> tuple[list[int], Any]:
        """Return the tokens up to a stop string, and why the sample ends with them if it does."""
        before = sample.detokenizer.num_output_tokens()
        stopped = sample.detokenizer.update(new, str(reason) == "stop")
        kept = sample.detokenizer.num_output_tokens() - before
        sample.ended_in_text = stopped is not None and str(reason) != "stop"
        return new[:kept], "stop" if stopped else reason

    def _note(self, sample: Growing, record: Any, n: int) -> None:
        values, width = unpacked(record)
        k = sample.kept.alternatives
        for start in range(0, min(len(values), _BYTES * width * n), _BYTES * width):
            (drawn,) = _FIRST.unpack_from(values, start)
            sample.logprob += drawn
            if sample.kept.tokens:
                sample.token_logprobs.append(drawn)
            if k:
                sample.alternatives += values[start + _BYTES : start + _BYTES * (1 + k)]
