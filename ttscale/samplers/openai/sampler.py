"""The sampler `openai`: samples from servers, behind the same iterator as every other engine.

An event loop in a thread of its own talks to the servers. The caller's thread reads the requests, so that whoever
plans them need not think of threads, and hands the samples on.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import ClassVar

from pydantic import BaseModel

from ttscale.errors import SamplerError, did_you_mean, listed
from ttscale.execution.http.client import ApiKey, JsonClient, require_aiohttp
from ttscale.samplers.contract import EngineInfo
from ttscale.samplers.openai.dialect import TRUNCATING, Dialect, Terms
from ttscale.samplers.openai.dispatch import Dispatcher, GivenUp, Hopeless, Lot
from ttscale.samplers.openai.loop_thread import AWAKE_EVERY_S, LoopThread
from ttscale.samplers.openai.options import REQUEST_KEYS, OpenAIOptions
from ttscale.samplers.openai.probing import Findings, Prober
from ttscale.samplers.openai.servers import Server
from ttscale.samplers.openai.usage import Meter, Usage
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import Sample, SampleRequest

logger = logging.getLogger(__name__)

_AHEAD = 2
"""Samples asked of the caller over those that may be under way: enough that the servers never wait for us."""
_LOOK_S = 0.02
"""Between two questions for work by whoever waits for something else than an answer, such as a verdict."""
_RESUME = "What is finished is stored: the same command goes on from there."


class OpenAISampler:
    """Draws samples from servers that speak OpenAI's interface.

    Log-probabilities are what the servers give; most give those of the model's own distribution.
    """

    Options: ClassVar[type[BaseModel]] = OpenAIOptions
    serves: frozenset[str] = frozenset({"calls", "prefix", "tokens", "stop", "logprobs"})
    """What servers may serve of strategies' calls; once they were asked, what these do."""

    def __init__(self, model: ModelSettings, sampling: SamplingSettings, options: OpenAIOptions) -> None:
        self._model = model
        self._sampling = sampling
        self._options = options
        self._meter = Meter(options.price)
        self._thread: LoopThread | None = None

    def start(self) -> EngineInfo:
        """Ask the servers what they are and whether they serve this run; see `Sampler.start`."""
        require_aiohttp("Sampler 'openai'")
        self._refuse_what_servers_decide()
        key = ApiKey(self._options.api_key_env)
        if key.is_missing:
            raise SamplerError(
                f"The environment variable '{key.variable}' (engine_options.api_key_env) is not set."
            )
        self._thread = LoopThread()
        self._client = JsonClient(key, self._options.timeout_s)
        findings = self._thread.run(self._find())
        self._dialect = Dialect(self._model, self._sampling, self._options, findings.terms)
        self._servers = self._thread.run(self._make_servers(findings))
        self.serves = _served(findings.terms)
        return self._engine_info(findings)

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[list[Sample]]:
        """Draw what is asked; see `Sampler.sample`."""
        if self._thread is None:
            raise SamplerError("The engine is not running: call start() first.")
        lots: SimpleQueue[Lot] = SimpleQueue()
        dispatcher = self._thread.run(self._make_dispatcher(lots))
        waiting = iter(requests)
        pending, awaited = 0, False
        given_up: list[GivenUp] = []
        try:
            while True:
                more, awaited = self._feed(dispatcher, waiting, pending)
                pending += more
                if not pending:
                    break
                lot = _next_lot(lots, _LOOK_S if awaited else AWAKE_EVERY_S)
                if lot is None:
                    continue
                pending -= lot.n
                given_up += lot.given_up
                yield from lot.samples
                if lot.end is not None:
                    raise self._ended(lot.end)
        finally:
            if self._thread is not None:
                self._thread.run(dispatcher.cancel())
        if given_up:
            raise _without(given_up)

    def close(self) -> None:
        """Let the servers go; safe to call twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                thread.run(self._client.close())
            finally:
                thread.close()

    @property
    def usage(self) -> Usage:
        """What was asked of the servers since the start, and what it costs."""
        return self._meter.usage

    def _feed(
        self, dispatcher: Dispatcher, waiting: Iterator[SampleRequest | None], pending: int
    ) -> tuple[int, bool]:
        """Take requests for as much work as the servers may soon have room for.

        Returns:
            Its samples, and whether there may be more before an answer comes.
        """
        assert self._thread is not None
        under_way = sum(server.limit.value for server in self._servers)
        room = _AHEAD * (under_way + self._sampling.request_size)
        taken: list[SampleRequest] = []
        n, awaited = 0, False
        while pending + n < room and not awaited and (batch := list(islice(waiting, 1))):
            awaited = batch[0] is None
            taken += [request for request in batch if request is not None]
            n += sum(request.n for request in batch if request is not None)
        if taken:
            self._thread.call(dispatcher.take, taken)
        return n, awaited

    async def _find(self) -> Findings:
        await self._client.open()
        return await Prober(self._client, self._model, self._sampling, self._options).find()

    async def _make_servers(self, findings: Findings) -> list[Server]:
        urls = self._options.urls
        in_all = self._sampling.max_concurrent
        most = self._options.max_concurrent if in_all is None else max(1, in_all // len(urls))
        clock = asyncio.get_running_loop().time
        for url, reason in findings.away.items():
            logger.warning("%s cannot be reached (%s) and is tried again later.", url, reason)
        return [Server(url, most, clock, self._options.patience_s) for url in urls]

    async def _make_dispatcher(self, lots: "SimpleQueue[Lot]") -> Dispatcher:
        return Dispatcher(self._client, self._dialect, self._servers, self._options, self._meter, lots.put)

    def _refuse_what_servers_decide(self) -> None:
        if self._model.engine_options:
            known = OpenAIOptions.model_fields
            name = min(self._model.engine_options)
            raise SamplerError(
                f"Sampler 'openai' has no option '{name}'.{did_you_mean(name, known)} Known: {listed(known)}. "
                "What a server should get in every request goes into extra_body."
            )
        for name in REQUEST_KEYS.keys() & self._sampling.extra:
            raise SamplerError(f"sampling.extra names '{name}', which is set by {REQUEST_KEYS[name]}.")
        for name in ("dtype", "revision", "lora"):
            default = ModelSettings.model_fields[name].default
            if getattr(self._model, name) != default:
                raise SamplerError(
                    f"model.{name} is '{getattr(self._model, name)}', but the server decides that. Leave it out, and "
                    "name what the server serves in engine_options.served_model."
                )

    def _engine_info(self, findings: Findings) -> EngineInfo:
        terms = findings.terms
        return EngineInfo(
            engine="openai",
            version=findings.version,
            device="server",
            dtype=findings.dtype,
            model_path=self._model.path,
            chat_template=terms.chat,
            per_sample_seeds=findings.reproducible,
            detail={
                "servers": list(findings.kinds),
                "servers_away": len(findings.away),
                "served_model": self._options.served_model or self._model.path,
                "endpoint": terms.path,
                "seeds": terms.seeds,
                "several_per_request": terms.most_per_request > 1,
                "logprobs": terms.logprobs,
                "request": self._dialect.said,
                "left_to_server": self._left_to_server(findings),
            },
        )

    def _left_to_server(self, findings: Findings) -> list[str]:
        """Return the sampling settings that requests do not say, so that the server's defaults hold; warn of them."""
        there, said = findings.terms.parameters, self._dialect.said
        left = [name for name in TRUNCATING if there.get(name, name) not in said]
        if left:
            logger.warning(
                "The server (%s) is not known to take %s, so its own defaults decide them: a generation_config.json may "
                "set them. If it takes them, say them in engine_options.extra_body.",
                ", ".join(sorted(set(findings.kinds))),
                ", ".join(left),
            )
        return left

    def _ended(self, error: BaseException) -> BaseException:
        if isinstance(error, Hopeless):
            return SamplerError(f"The servers do not serve this run any more: {error}. {_RESUME}")
        return error


def _served(terms: Terms) -> frozenset[str]:
    """Return what servers serve of strategies' calls."""
    able = {
        "prefix": terms.continues != "none",
        "tokens": terms.continues == "tokens",
        "stop": terms.token_ids,
        "logprobs": terms.logprobs or terms.token_ids,
    }
    return frozenset({"calls"} | {name for name, is_able in able.items() if is_able})


def _next_lot(lots: "SimpleQueue[Lot]", seconds: float) -> Lot | None:
    with suppress(Empty):
        return lots.get(timeout=seconds)
    return None


def _without(given_up: list[GivenUp]) -> SamplerError:
    """Say what could not be had, after all else was."""
    problems = {gone.piece.problem.problem_id for gone in given_up}
    n = sum(gone.piece.n for gone in given_up)
    return SamplerError(
        f"{n} samples of {len(problems)} problems ({listed(problems)}) could not be had; everything else is stored. "
        f"The first refusal: {given_up[0].reason}. {_hint(given_up[0].reason)}{_RESUME}"
    )


def _hint(reason: str) -> str:
    if "context" in reason.lower() and ("length" in reason.lower() or "window" in reason.lower()):
        return (
            "Prompt and max_tokens must fit the server's context together: shorten the prompt, lower "
            "sampling.max_tokens, or start the server with a longer context. "
        )
    return ""
