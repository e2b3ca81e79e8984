"""What the driver of a vLLM engine costs per token, at the speed of a GPU and without one.

    python benchmarks/driver_speed.py --out results/driver.json

vLLM's own front stands before an engine core that draws no tokens but repeats a text: requests are made, checked and packed, outputs
are packed and unpacked as between processes, samples are read and stored as in a run. Only the core itself, and the packing that it
would do in its own process, are left out of the count. Samples have a log-normal number of tokens.

Every case is a process of its own. CPU time is that of the thread that drives; memory per token is what the process grew by,
through the tokens that were in flight at the most.
"""

import argparse
import collections
import json
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CASES: dict[str, dict[str, Any]] = {
    "no log-probabilities": {"logprobs": False},
    "no log-probabilities, seeds": {"logprobs": False, "per_sample_seeds": True},
    "sums of log-probabilities": {"logprobs": True},
    "log-probabilities of all tokens": {"token_logprobs": True},
    "20 alternatives": {"top_logprobs": 20},
    "stop strings": {"logprobs": False, "stop": ("never said",)},
    "64 tokens a sample": {"logprobs": False, "mean": 64},
    "8 cells that overlap": {"logprobs": False, "cells": 8},
    "8 cells that overlap, sums": {"logprobs": True, "cells": 8},
    "4,000 tokens a sample": {"logprobs": False, "mean": 4000, "samples": 1024},
    "4,000 tokens a sample, sums": {"logprobs": True, "mean": 4000, "samples": 1024},
}
SLOTS, PROBLEMS, PROMPT_TOKENS, VOCABULARY = 1024, 16, 200, 32_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=2048)
    parser.add_argument("--cases", default=None, help="names, separated by semicolons; by default all")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one is not None:
        print(json.dumps(_measured(json.loads(args.one))))
        return
    chosen = args.cases.split(";") if args.cases else list(CASES)
    rows = [_in_own_process(name, {"samples": args.samples} | CASES[name]) for name in chosen]
    if args.out:
        args.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _in_own_process(name: str, case: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", json.dumps(case)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row = {"case": name} | json.loads(done.stdout.splitlines()[-1])
    print(
        f"{name:32} {row['us_per_token']:6.2f} us/token {row['tokens_per_s']:10,.0f} tokens/s a core "
        f"{row['bytes_per_token_in_flight']:6.0f} bytes/token in flight, first sample at step {row['first_sample_step']:,}",
        flush=True,
    )
    return row


# ---- one case -----------------------------------------------------------------------------------------


def _measured(case: dict[str, Any]) -> dict[str, Any]:
    sampler, engine, tokens = _front()
    mean, n_samples, n_cells = case.pop("mean", 512), case.pop("samples"), case.pop("cells", 1)
    core = _FakeCore(mean, tokens, case)
    cells = _adopted(sampler, engine, core, n_samples // n_cells, case, n_cells)
    with tempfile.TemporaryDirectory(prefix="ttscale-driver-") as folder:
        _driven(
            sampler, core, cells[:1], Path(folder), PROBLEMS
        )  # whatever is loaded or made at the first use
        core.forget()
        return _driven(sampler, core, cells, Path(folder), n_samples)


def _front() -> tuple[Any, Any, list[int]]:
    """Start the demo model's engine for its front, which is then given a vocabulary of the usual size."""
    from ttscale.samplers.settings import ModelSettings, SamplingSettings
    from ttscale.samplers.vllm import VllmOptions, VllmSampler

    model = ModelSettings(
        path="demo-arithmetic", dtype="float32", engine_options={"kv_cache_memory_bytes": 1 << 27}
    )
    sampler = VllmSampler(model, SamplingSettings(n=1, max_tokens=5), VllmOptions(own_process=False))
    sampler.start()
    tokenizer, tokens = _tokenizer()
    sampler.engine.output_processor.tokenizer = tokenizer
    sampler.engine.get_tokenizer = lambda: tokenizer
    sampler.engine.vllm_config.model_config.get_vocab_size = lambda *_: VOCABULARY
    return sampler, sampler.engine, tokens


def _tokenizer() -> tuple[Any, list[int]]:
    """Train a tokenizer on Python's own library; return it with a text's tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    cached = Path(tempfile.gettempdir()) / "ttscale-driver-tokenizer.json"
    if not cached.exists():
        made = Tokenizer(models.BPE())
        made.pre_tokenizer, made.decoder = (
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            decoders.ByteLevel(),
        )
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        special = ["<s>", "</s>"]
        made.train(
            [str(path) for path in files],
            trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet),
        )
        made.save(str(cached))
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(cached), bos_token="<s>", eos_token="</s>")
    text = "\n".join(path.read_text(encoding="utf-8") for path in files[:40])
    return tokenizer, list(tokenizer(text).input_ids)


def _adopted(
    sampler: Any, engine: Any, core: Any, n_samples: int, case: dict[str, Any], n_cells: int
) -> list[Callable[[], Any]]:
    """Put a sampler in front of the fake core; return what makes it serve each cell, all with the case's settings."""
    from ttscale.samplers.settings import SamplingSettings

    engine.engine_core = core
    engine.vllm_config.model_config.max_model_len = _FakeCore.LONGEST + 1000
    engine.vllm_config.scheduler_config.max_num_seqs = SLOTS
    settings = {"n": n_samples, "max_tokens": _FakeCore.LONGEST, "per_sample_seeds": False} | case
    cells = [SamplingSettings(**settings) for _ in range(n_cells)]
    serve = [partial(sampler.reuse, sampler._model, cell) for cell in cells]
    serve[0]()
    return serve


def _requests(n_samples: int) -> Any:
    from ttscale.pipeline.requests import plan_requests
    from ttscale.types import Problem

    # The demo model's tokenizer was replaced: a prompt of so many words is about as many tokens.
    prompt = " ".join(["import"] * PROMPT_TOKENS)
    problems = [Problem(problem_id=f"p{i}", prompt=prompt, answer="1") for i in range(PROBLEMS)]
    missing = {problem.problem_id: [range(n_samples // PROBLEMS)] for problem in problems}
    return plan_requests(problems, missing, run_seed=0, request_size=64)


def _driven(
    sampler: Any, core: Any, cells: list[Callable[[], Any]], folder: Path, n_samples: int
) -> dict[str, Any]:
    """Draw and store everything, the same share for every cell; return what it cost."""
    from ttscale.pipeline.attempt_kinds import PlainAttempts
    from ttscale.pipeline.lanes import Lane, streamed
    from ttscale.store.writer import SampleWriter

    lanes = [Lane(PlainAttempts(_requests(n_samples // len(cells))), serve) for serve in cells]
    writers = {lane: SampleWriter(folder, f"c{number}", "s") for number, lane in enumerate(lanes)}
    resident, peak, n, first = _resident_bytes(), 0, 0, None
    began = time.thread_time()
    for lane, samples in streamed(sampler, iter(lanes)):
        first = core.steps if first is None else first
        n += len(samples)
        writers[lane].add(samples)
        peak = max(peak, core.most_in_flight and _resident_bytes())
    for writer in writers.values():
        writer.flush()
    seconds = time.thread_time() - began - core.seconds
    if n != n_samples:
        raise SystemExit(f"{n} samples instead of {n_samples}")
    return {
        "samples": n,
        "tokens": core.tokens,
        "us_per_token": round(1e6 * seconds / core.tokens, 3),
        "tokens_per_s": round(core.tokens / seconds),
        "unpacking_us_per_token": round(1e6 * core.unpacking / core.tokens, 3),
        "bytes_per_token_in_flight": round(max(0, peak - resident) / core.most_in_flight, 1),
        "tokens_in_flight": core.most_in_flight,
        "first_sample_step": first,
        "steps": core.steps,
    }


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class _FakeCore:
    """An engine core that has every token at once, behind the packing that lies between processes."""

    LONGEST = 32_768

    def __init__(self, mean: float, text: list[int], case: dict[str, Any]) -> None:
        import numpy as np
        from vllm.v1.engine import EngineCoreOutputs
        from vllm.v1.serial_utils import MsgpackDecoder, MsgpackEncoder

        self.decoder = MsgpackDecoder(EngineCoreOutputs)
        self._to_core, self._from_core = MsgpackEncoder(), MsgpackEncoder()
        self._waiting: collections.deque[tuple[str, int]] = collections.deque()
        self._left: dict[str, int] = {}
        self._rng = np.random.default_rng(0)
        self._mean, self._text, self._at = mean, text, 0
        self._alternatives = case.get("top_logprobs", 0)
        keeps = ("token_logprobs", "top_logprobs")
        self._logprobs = bool(case.get("logprobs", True) or any(case.get(key) for key in keeps))
        self._lengths: dict[str, int] = {}
        self.forget()

    def forget(self) -> None:
        """Count from here."""
        self.tokens = self.steps = self.in_flight = self.most_in_flight = 0
        self.seconds = self.unpacking = 0.0

    def get_supported_tasks(self) -> tuple[str, ...]:
        return ("generate",)

    def add_request(self, request: Any) -> None:
        self._to_core.encode(request)
        n = int(min(self.LONGEST, max(1, self._rng.lognormal(_log(self._mean), 0.8))))
        self._waiting.append((request.request_id, n))

    def abort_requests(self, names: list[str]) -> None:
        pass

    def dp_engines_running(self) -> bool:
        return False

    def shutdown(self) -> None:
        pass

    def get_output(self) -> Any:
        frames = self._timed(self._step)
        began = time.thread_time()
        outputs = self.decoder.decode(frames)
        self.unpacking += time.thread_time() - began
        return outputs

    def _timed(self, do: Callable[[], Any]) -> Any:
        began = time.thread_time()
        try:
            return do()
        finally:
            self.seconds += time.thread_time() - began

    def _step(self) -> list[bytes]:
        from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, FinishReason

        while len(self._left) < SLOTS and self._waiting:
            name, n = self._waiting.popleft()
            self._left[name] = self._lengths[name] = n
        k = len(self._left)
        tokens = self._text[self._at : self._at + k]
        self._at = (self._at + k) % (len(self._text) - SLOTS)
        records, outputs = self._records(k), []
        for j, name in enumerate(list(self._left)):
            self._left[name] -= 1
            ends = not self._left[name]
            outputs.append(
                EngineCoreOutput(
                    request_id=name,
                    new_token_ids=[tokens[j]],
                    new_logprobs=None if records is None else records.slice_request(j, 1),
                    finish_reason=FinishReason.LENGTH if ends else None,
                )
            )
            if ends:
                del self._left[name]
                self.in_flight -= self._lengths.pop(name) - 1
            else:
                self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.tokens += k
        self.steps += 1
        return [bytes(frame) for frame in self._from_core.encode(EngineCoreOutputs(outputs=outputs))]

    def _records(self, k: int) -> Any:
        import numpy as np
        from vllm.v1.outputs import LogprobsLists

        if not self._logprobs:
            return None
        shape = (k, 1 + self._alternatives)
        return LogprobsLists(
            self._rng.integers(0, VOCABULARY, shape).astype(np.int32),
            -self._rng.random(shape, dtype=np.float32),
            np.ones(k, np.int32),
        )


def _log(mean: float) -> float:
    """Return the location of a log-normal distribution of shape .8 with this mean."""
    import math

    return math.log(mean) - 0.32


if __name__ == "__main__":
    main()
