"""Requests per second of the engine `openai` over those of bare client loops, against a server that answers at once.

    python benchmarks/openai_engine.py --out results/benchmarks/openai_engine.json

The server is a process of its own that sends a fixed answer as soon as it has read a request, so what is measured
is the client. Bare loops with aiohttp and httpx, which only post the same body and take the text out of the answer,
run in alternation with the sampler. The sampler plans requests, adapts its limit, places choices, counts tokens and
builds samples beyond that; with --store they are also written to a run directory.

Needs httpx beside the extra 'openai', for the comparison only.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ttscale.samplers.openai import OpenAIOptions, OpenAISampler
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.store.run import RunStore
from ttscale.types import Problem, SampleRequest

PROMPT = (
    "Natalia sold clips to 48 of her friends in April, and then half as many in May. How many altogether? "
    * 4
)
TEXT = "In May she sold 48 / 2 = 24 clips. Altogether she sold 48 + 24 = 72 clips. The answer is 72." * 3
PER_PROBLEM = 1000
Post = Callable[[str, dict[str, Any]], Awaitable[Any]]


def main() -> None:
    args = _arguments()
    if args.serve:
        asyncio.run(_serve())
        return
    with _server(args.cores) as url:
        ways: dict[str, Callable[[], None]] = {
            "sampler": lambda: _sampler(url, args),
            "aiohttp": lambda: asyncio.run(_bare_aiohttp(url, args)),
            "httpx": lambda: asyncio.run(_bare_httpx(url, args)),
        }
        if args.store:
            ways["sampler_with_store"] = lambda: _sampler(url, args, store=True)
        rounds = [_round(ways, args.requests, turn) for turn in range(args.repeats)]
    result = _summary(args, rounds)
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=10_000, help="of each way and round")
    parser.add_argument("--concurrent", type=int, default=64, help="in flight in the bare loops")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--store", action="store_true", help="time the sampler with a run directory, too")
    parser.add_argument("--cores", action="store_true", help="pin client and server to a core each (Linux)")
    parser.add_argument("--out", type=Path, help="write the JSON here, too")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


# ---- the server -------------------------------------------------------------------------------------------


def _answer() -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 120, "completion_tokens": 90, "total_tokens": 210}
    body = json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


class _Instant(asyncio.Protocol):
    """Answers every request as soon as it is there, whatever it asks."""

    answer = _answer()
    length = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            found = self.length.search(self.received, 0, end)
            size = end + 4 + (int(found[1]) if found else 0)
            if len(self.received) < size:
                return
            self.received = self.received[size:]
            self.transport.write(self.answer)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Instant, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def _server(pin: bool) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if pin:
            client, server, *_ = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(process.pid, {server})
            os.sched_setaffinity(0, {client})
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


# ---- the ways ---------------------------------------------------------------------------------------------


def _sampler(url: str, args: argparse.Namespace, *, store: bool = False) -> None:
    # One choice per request: a run's usual requests of many samples would need far fewer.
    options = OpenAIOptions(base_url=url, n_per_request=1)
    sampling = SamplingSettings(n=PER_PROBLEM, logprobs=False, per_sample_seeds=True)
    sampler = OpenAISampler(ModelSettings(path="m"), sampling, options)
    sampler.start()
    with tempfile.TemporaryDirectory() if store else nullcontext() as folder:
        writer = RunStore(Path(folder)).sample_writer("cell", "session") if folder else None
        drawn = 0
        for samples in sampler.sample(_requests(args.requests)):
            drawn += len(samples)
            if writer is not None:
                writer.add(samples)
        if writer is not None:
            writer.flush()
    sampler.close()
    if drawn != args.requests:
        raise SystemExit(f"{drawn} samples came, {args.requests} were asked for.")


def _requests(n: int) -> Iterator[SampleRequest]:
    for number in range(-(-n // PER_PROBLEM)):
        problem = Problem(problem_id=f"p{number}", prompt=PROMPT)
        for first in range(0, min(PER_PROBLEM, n - number * PER_PROBLEM), 64):
            size = min(64, n - number * PER_PROBLEM - first, PER_PROBLEM - first)
            yield SampleRequest(problem=problem, first_index=first, n=size, seed=first)


async def _bare(post: Post, url: str, args: argparse.Namespace) -> None:
    numbers = iter(range(args.requests))

    async def worker() -> None:
        for number in numbers:
            body = {
                "model": "m",
                "messages": [{"role": "user", "content": PROMPT}],
                "temperature": 1.0,
                "max_tokens": 512,
                "seed": number,
            }
            answer = await post(f"{url}/chat/completions", body)
            assert answer["choices"][0]["message"]["content"] == TEXT

    await asyncio.gather(*(worker() for _ in range(args.concurrent)))


async def _bare_aiohttp(url: str, args: argparse.Namespace) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

        async def post(to: str, body: dict[str, Any]) -> Any:
            async with client.post(to, json=body) as response:
                return json.loads(await response.read())

        await _bare(post, url, args)


async def _bare_httpx(url: str, args: argparse.Namespace) -> None:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=None, limits=limits) as client:

        async def post(to: str, body: dict[str, Any]) -> Any:
            return (await client.post(to, json=body)).json()

        await _bare(post, url, args)


# ---- the figures ------------------------------------------------------------------------------------------


def _round(ways: dict[str, Callable[[], None]], n: int, turn: int) -> dict[str, dict[str, float]]:
    """Time every way once; the order alternates, so that a drift of the machine cancels."""
    found = {}
    for name in list(ways) if turn % 2 == 0 else reversed(list(ways)):
        wall, cpu = time.perf_counter(), time.process_time()
        ways[name]()
        found[name] = {
            "per_s": n / (time.perf_counter() - wall),
            "cpu_us": (time.process_time() - cpu) / n * 1e6,
        }
    return found


def _summary(args: argparse.Namespace, rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    names = sorted(rounds[0])
    ratios = {
        name: statistics.median(r[name]["per_s"] / r["aiohttp"]["per_s"] for r in rounds) for name in names
    }
    return {
        "requests_per_s": {
            name: round(statistics.median(r[name]["per_s"] for r in rounds)) for name in names
        },
        "over_bare_aiohttp": {name: round(ratio, 3) for name, ratio in ratios.items()},
        "client_cpu_us": {
            name: round(statistics.median(r[name]["cpu_us"] for r in rounds)) for name in names
        },
        "requests": args.requests,
        "concurrent_in_bare_loops": args.concurrent,
        "rounds": [{name: round(r[name]["per_s"]) for name in names} for r in rounds],
        "pinned": args.cores,
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
