"""Everything that only a GPU can settle, in one command of at most twelve minutes; also runs, smaller, on a CPU.

    python benchmarks/gpu_check.py --model models/smollm2-135m --out gpu.json
    python benchmarks/gpu_check.py --carried parts/ --gguf parts/smollm2.gguf.part-* --out gpu.json
    python benchmarks/gpu_check.py --model demo-arithmetic --samples 2000 --out cpu.json

With --carried it first installs what lies in a folder, without a network: wheels, or parts of wheels made by ``split`` (NAME.whl.part-*),
into a folder of its own, which every section then finds. Each section is a process with an engine of its own; what it found is written
at once, so that one that fails or runs out of time leaves the others' results.

    speed       tokens per second through ttscale over raw `LLM.generate`, the same engine, alternating: plain, with
                seeds, with sums of log-probabilities, with all three truncations
    seeds       how many texts come again with other batch sizes and in another order
    long        completions as long as the context in a cache for a few of them: preemptions, nothing lost
    resume      a run killed with SIGKILL while it samples, and finished: every sample once
    run         a whole run of --samples samples: tokens per second, peak memory of the driver
    several     the same with an engine on each GPU, where there are several
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECTIONS = ("speed", "seeds", "long", "resume", "run", "several")
LIMIT_S = {"speed": 240, "seeds": 120, "long": 120, "resume": 120, "run": 200, "several": 120}
Settings = dict[str, Any]


def main() -> None:
    args = _arguments()
    if args.section:
        found = globals()[f"_{args.section}"](json.loads(args.settings))
        print(json.dumps(found))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    result: dict[str, Any] = {"machine": platform.machine(), "model": args.model, "samples": args.samples}
    environment = dict(os.environ)
    if args.carried:
        environment |= _installed(args.carried, args.work)
        result["install_s"] = round(time.monotonic() - began, 1)
    model = _converted(args, environment) if args.gguf else args.model
    settings = {
        "model": model,
        "samples": args.samples,
        "max_tokens": args.max_tokens,
        "work": str(args.work),
    }
    for section in args.sections.split(","):
        left = args.limit_s - (time.monotonic() - began)
        result[section] = _run_section(section, settings, environment, min(LIMIT_S[section], left))
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(section, json.dumps(result[section]), flush=True)
    result["seconds"] = round(time.monotonic() - began, 1)
    args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="demo-arithmetic")
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--carried", type=Path, help="folder of wheels and parts of wheels to install first")
    parser.add_argument("--gguf", type=Path, nargs="*", help="SmolLM2's GGUF file or wheel, or their parts")
    parser.add_argument("--sections", default=",".join(SECTIONS))
    parser.add_argument("--limit-s", type=float, default=700)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "ttscale-gpu-check")
    parser.add_argument("--out", type=Path, default=Path("gpu_check.json"))
    parser.add_argument("--section", help=argparse.SUPPRESS)
    parser.add_argument("--settings", help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_section(name: str, settings: Settings, environment: dict[str, str], limit_s: float) -> Any:
    """Run a section in a process group of its own, which ends with it."""
    if limit_s < 10:
        return {"skipped": "out of time"}
    command = [sys.executable, __file__, "--section", name, "--settings", json.dumps(settings)]
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return {"failed": f"not done within {limit_s:.0f} s", "log": process.communicate()[1][-2000:]}
    except BaseException:  # told to end: so must be what was started
        os.killpg(process.pid, signal.SIGKILL)
        raise
    if process.returncode:
        return {"failed": f"exit code {process.returncode}", "log": err[-2000:]}
    return json.loads(out.splitlines()[-1]) | {"section_s": round(time.monotonic() - began, 1)}


# ---- installing what was carried ------------------------------------------------------------------


def joined(parts: list[Path], folder: Path) -> list[Path]:
    """Put files together that `split` took apart (NAME.part-aa, NAME.part-ab, ...); whole ones stay where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = [path for path in parts if ".part-" not in path.name]
    for name in sorted({path.name.partition(".part-")[0] for path in parts if ".part-" in path.name}):
        target = folder / name
        with target.open("wb") as file:
            for part in sorted(path for path in parts if path.name.startswith(f"{name}.part-")):
                file.write(part.read_bytes())
        whole.append(target)
    return whole


def _installed(carried: Path, work: Path) -> dict[str, str]:
    """Install wheels without a network; return the variables with which they are found."""
    wheels = [path for path in joined(sorted(carried.iterdir()), work / "joined") if path.suffix == ".whl"]
    site = work / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target"]
    subprocess.run([*command, str(site), *map(str, wheels)], check=True)
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, str(site), os.environ.get("PYTHONPATH")]))
    # FlashInfer's sampler is chosen by default and may not be there.
    return {"PYTHONPATH": path, "VLLM_USE_FLASHINFER_SAMPLER": "0", "HF_HUB_OFFLINE": "1"}


def _converted(args: argparse.Namespace, environment: dict[str, str]) -> str:
    """Make a model folder of SmolLM2's carried file; return its path."""
    (file,) = joined(list(args.gguf), args.work / "gguf")
    folder = args.work / "smollm2-135m"
    if not folder.exists():
        script = Path(__file__).with_name("get_smollm2.py")
        command = [sys.executable, str(script), "--out", str(folder), "--wheel", str(file)]
        subprocess.run(command, check=True, env=environment)
    return str(folder)


# ---- sections -------------------------------------------------------------------------------------


def _sampler(settings: Settings, sampling: Settings, **options: Any) -> Any:
    from ttscale.samplers.settings import ModelSettings, SamplingSettings
    from ttscale.samplers.vllm import VllmOptions, VllmSampler

    model = ModelSettings(path=settings["model"], chat_template=False, engine_options=options)
    return VllmSampler(
        model, SamplingSettings(**{"n": 1, "max_tokens": settings["max_tokens"]} | sampling), VllmOptions()
    )


def _requests(n_samples: int, size: int = 64, n_problems: int = 128) -> list[Any]:
    from ttscale.tasks.arithmetic import ArithmeticTask
    from ttscale.types import SampleRequest

    problems = ArithmeticTask(ArithmeticTask.Options(problems=n_problems)).problems()
    n = max(1, n_samples // n_problems)
    return [
        SampleRequest(problem=problem, first_index=first, n=min(size, n - first), seed=1_000_000 * i + first)
        for i, problem in enumerate(problems)
        for first in range(0, n, size)
    ]


def _timed(do: Callable[[], int]) -> float:
    """Return tokens per second."""
    began = time.perf_counter()
    return do() / (time.perf_counter() - began)


def _speed(settings: Settings) -> Any:
    """Alternate raw and ours on one engine, for several ways to sample."""
    from ttscale.samplers.locate import locate_model
    from ttscale.samplers.vllm import engine_environment

    variants: dict[str, Settings] = {
        "plain": {"per_sample_seeds": False, "logprobs": False},
        "seeds": {"per_sample_seeds": True, "logprobs": False},
        "sums": {"per_sample_seeds": False, "logprobs": True},
        "truncated": {
            "per_sample_seeds": False,
            "logprobs": False,
            "top_k": 50,
            "top_p": 0.95,
            "min_p": 0.01,
        },
    }
    owner = _sampler(settings, variants["plain"])
    with engine_environment():
        from vllm import LLM

        llm = LLM(**owner.engine_arguments(locate_model(settings["model"])))
    # Below some thousands a run is over before the batch is full, and its speed says nothing.
    requests = _requests(min(max(settings["samples"] // 8, 2048), 4096))
    found: dict[str, Any] = {}
    for name, sampling in variants.items():
        sampler = _sampler(settings, sampling)
        info = sampler.adopt(llm.llm_engine)
        runs: list[tuple[float, float]] = []
        for i in range(3):
            ours, raw = lambda: _ours(sampler, requests), lambda: _raw(llm, settings, sampling, requests)  # noqa: B023
            pair = (_timed(ours), _timed(raw)) if i % 2 else tuple(reversed((_timed(raw), _timed(ours))))
            runs.append((pair[0], pair[1]))
        kept = runs[1:]  # the first is the warm-up
        found[name] = {
            "ttscale_tokens_per_s": round(statistics.median(ours for ours, _ in kept)),
            "raw_tokens_per_s": round(statistics.median(raw for _, raw in kept)),
            "ratio": round(statistics.median(ours / raw for ours, raw in kept), 3),
        }
        found["engine"] = {
            "version": info.version,
            "device": info.device,
            "dtype": info.dtype,
            **info.detail,
        }
    found["engine"]["second_model_runner"] = bool(
        getattr(llm.llm_engine.vllm_config, "use_v2_model_runner", False)
    )
    return found


def _ours(sampler: Any, requests: list[Any]) -> int:
    """Draw and store; return the tokens."""
    from ttscale.store.run import RunStore

    with tempfile.TemporaryDirectory() as folder:
        writer = RunStore(Path(folder)).sample_writer("check", "session")
        tokens = 0
        for batch in sampler.sample(requests):
            tokens += sum(sample.completion_tokens or 0 for sample in batch)
            writer.add(batch)
        writer.flush()
    return tokens


def _raw(llm: Any, settings: Settings, sampling: Settings, requests: list[Any]) -> int:
    from vllm import SamplingParams

    own = {name: sampling[name] for name in ("top_k", "top_p", "min_p") if name in sampling}
    parameters = [
        SamplingParams(
            n=request.n,
            seed=request.seed if sampling["per_sample_seeds"] else None,
            max_tokens=settings["max_tokens"],
            logprobs=0 if sampling["logprobs"] else None,
            **own,
        )
        for request in requests
    ]
    prompts = [request.problem.prompt for request in requests]
    outputs = llm.generate(prompts, parameters, use_tqdm=False)
    return sum(len(completion.token_ids) for output in outputs for completion in output.outputs)


def _seeds(settings: Settings) -> Any:
    """Draw the same seeds at full width, four at a time and in another order; return the share of equal texts."""
    sampler = _sampler(settings, {"per_sample_seeds": True})
    sampler.start()

    def texts(requests: list[Any]) -> dict[tuple[str, int], str]:
        return {
            (s.problem_id, s.sample_index): s.completion for batch in sampler.sample(requests) for s in batch
        }

    requests = _requests(min(settings["samples"], 2048), size=16)
    whole, again = texts(requests), texts(requests[::-1])
    narrow = _requests(min(settings["samples"], 2048), size=4)[::8]
    few: dict[tuple[str, int], str] = {}
    for request in narrow[:32]:
        few |= texts([request])
    sampler.close()
    return {
        "samples": len(whole),
        "equal_in_another_order": round(_share_equal(whole, again), 4),
        "equal_four_at_a_time": round(_share_equal(whole, few), 4),
        "distinct": len(set(whole.values())),
    }


def _share_equal(one: dict[Any, str], other: dict[Any, str]) -> float:
    shared = one.keys() & other.keys()
    return sum(one[key] == other[key] for key in shared) / max(1, len(shared))


def _long(settings: Settings) -> Any:
    """Fill the context with completions that end for want of tokens alone, in a cache for a few of them."""
    extra = {"ignore_eos": True}
    sampler = _sampler(settings | {"max_tokens": 1 << 15}, {"extra": extra}, **_small_cache(settings))
    info = sampler.start()
    n_problems = 16
    requests = _requests(n_problems * 4, size=4, n_problems=n_problems)
    began = time.perf_counter()
    found = [sample for batch in sampler.sample(requests) for sample in batch]
    seconds = time.perf_counter() - began
    preemptions = sampler.usage.preemptions
    sampler.close()
    tokens = [sample.completion_tokens or 0 for sample in found]
    if len(found) != n_problems * 4 or {sample.finish_reason for sample in found} != {"length"}:
        raise SystemExit(f"{len(found)} samples, ended by {sorted({s.finish_reason for s in found})}")
    return {
        "samples": len(found),
        "context": info.detail["max_model_len"],
        "mean_tokens": round(statistics.mean(tokens)),
        "preemptions": preemptions,
        "tokens_per_s": round(sum(tokens) / seconds),
    }


def _small_cache(settings: Settings) -> Settings:
    """A cache for about four completions as long as the context, measured in vLLM's own blocks."""
    config = json.loads((_folder(settings["model"]) / "config.json").read_text())
    context, block = int(config.get("max_position_embeddings", 2048)), 32
    return {"block_size": block, "num_gpu_blocks_override": max(8, 4 * context // block)}


def _folder(model: str) -> Path:
    from ttscale.samplers.locate import locate_model

    return Path(locate_model(model))


def _config(settings: Settings, out: Path, n: int, problems: int, **execution: Any) -> Settings:
    return {
        "name": "gpu-check",
        "out": str(out),
        "model": {"path": settings["model"], "engine": "vllm", "chat_template": False},
        "task": {"name": "arithmetic", "problems": problems},
        "sampling": {"n": n, "max_tokens": settings["max_tokens"], "per_sample_seeds": True},
        "verifiers": ["exact"],
        "execution": execution,
    }


def _resume(settings: Settings) -> Any:
    """Kill a run while it samples, finish it, and compare with one that was left alone."""
    problems, n = 64, max(4, min(settings["samples"], 32_768) // 64)
    with tempfile.TemporaryDirectory(prefix="ttscale-gpu-") as folder:
        killed, alone = Path(folder) / "killed", Path(folder) / "alone"
        file = Path(folder) / "run.yaml"
        file.write_text(json.dumps(_config(settings, killed, n, problems)))  # JSON is YAML
        process = subprocess.Popen(
            [sys.executable, "-m", "ttscale", "sample", str(file)], start_new_session=True
        )
        while process.poll() is None and not list(killed.glob("samples/*/[!.]*.parquet")):
            time.sleep(0.01)
        stored_at = len(list(killed.glob("samples/*/[!.]*.parquet")))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        first = _texts(killed)
        subprocess.run([sys.executable, "-m", "ttscale", "sample", str(file)], check=True)
        file.write_text(json.dumps(_config(settings, alone, n, problems)))
        subprocess.run([sys.executable, "-m", "ttscale", "sample", str(file)], check=True)
        resumed, whole = _texts(killed), _texts(alone)
    if resumed.keys() != whole.keys() or len(whole) != n * problems:
        raise SystemExit(
            f"{len(resumed)} samples after the kill, {len(whole)} without, {n * problems} wanted"
        )
    if any(resumed[key] != text for key, text in first.items()):
        raise SystemExit("a stored sample changed")
    return {
        "samples": len(whole),
        "stored_when_killed": len(first),
        "segments_when_killed": stored_at,
        "equal_to_an_undisturbed_run": round(_share_equal(resumed, whole), 4),
    }


def _texts(run: Path) -> dict[tuple[str, int], str]:
    from ttscale.store.run import RunStore

    store = RunStore(run)
    rows = store.samples(store.cells()[0]).select("problem_id", "sample_index", "completion").collect()
    found = {(problem, index): text for problem, index, text in rows.iter_rows()}
    if len(found) != rows.height:
        raise SystemExit("a sample is stored twice")
    return found


def _run(settings: Settings, **execution: Any) -> Any:
    """Draw the whole number of samples as a user would; report speed and the driver's memory."""
    import resource

    from ttscale.config.loading import check_config
    from ttscale.pipeline.run import sample_run

    problems = 128
    n = max(1, settings["samples"] // problems)
    with tempfile.TemporaryDirectory(prefix="ttscale-gpu-") as folder:
        began = time.perf_counter()
        store = sample_run(check_config(_config(settings, Path(folder) / "run", n, problems, **execution)))
        seconds = time.perf_counter() - began
        sessions = store.sessions()
    tokens = sum(session.completion_tokens for session in sessions)
    sampling_s = max(session.seconds for session in sessions)
    return {
        "samples": sum(session.n_samples for session in sessions),
        "tokens": tokens,
        "seconds_with_start": round(seconds, 1),
        "tokens_per_s": round(tokens / max(sampling_s, 1e-9)),
        "peak_driver_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "engines": len({session.engine["detail"].get("replica", 1) for session in sessions}),
    }


def _several(settings: Settings) -> Any:
    from ttscale.samplers.hardware import visible_gpus

    gpus = len(visible_gpus())
    if gpus == 1:
        return {"skipped": "one GPU"}
    return _run(settings, **({"gpus": "all"} if gpus else {"replicas": 2}))


if __name__ == "__main__":
    main()
