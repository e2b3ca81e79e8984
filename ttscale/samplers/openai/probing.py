"""Asking the servers, before the run, what they are and what they can do."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ttscale.errors import SamplerError, did_you_mean, listed
from ttscale.execution.http.client import JsonClient
from ttscale.execution.http.failures import (
    FailedAttempt,
    LastingFailure,
    PassingFailure,
    Refusal,
    Unreachable,
)
from ttscale.execution.http.pausing import LONGEST_PAUSE_S, backoff_s
from ttscale.samplers.openai.continuing import Continuation
from ttscale.samplers.openai.describing import Describer
from ttscale.samplers.openai.dialect import Dialect, Terms, is_neutral
from ttscale.samplers.openai.kinds import KINDS, UNKNOWN, Kind
from ttscale.samplers.openai.options import OpenAIOptions
from ttscale.samplers.openai.reading import Choice
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import Problem

T = TypeVar("T")

_PROBE = Problem(problem_id="(probe)", prompt="1+1=")
_PROBE_TOKENS = 16
_ANY = 1 << 30
_LOOKS_AT_A_BUSY_SERVER = 4


@dataclass(frozen=True, slots=True)
class Findings:
    """What the servers are and agreed to.

    Attributes:
        terms: For requests.
        kinds: The kind of every server that answered.
        version: What the first server says of itself, or "unknown".
        dtype: Of the first server's weights, or "unknown".
        reproducible: Whether a sample's seed draws it again.
        away: Servers that could not be reached -> why.
    """

    terms: Terms
    kinds: tuple[str, ...]
    version: str
    dtype: str
    reproducible: bool
    away: dict[str, str]


class Prober:
    """Asks the servers of a run.

    Args:
        client: Sends requests.
        model: Which model, and whether with its chat template.
        sampling: How samples are drawn.
        options: Where the servers are.
    """

    def __init__(
        self, client: JsonClient, model: ModelSettings, sampling: SamplingSettings, options: OpenAIOptions
    ) -> None:
        self._client = client
        self._model = model
        self._sampling = sampling
        self._options = options
        self._name = options.served_model or model.path
        self._served: dict[str, list[str]] = {}
        self._own: dict[str, dict[str, Any]] = {}
        self._random = random.Random()

    async def find(self) -> Findings:
        """Ask every server.

        Raises:
            SamplerError: None can be reached, or one refuses what the run would ask.
        """
        urls = self._options.urls
        found = dict(zip(urls, await asyncio.gather(*map(self._kind, urls)), strict=True))
        away = {url: reason for url, reason in found.items() if isinstance(reason, str)}
        present = {url: kind for url, kind in found.items() if isinstance(kind, Kind)}
        if not present:
            raise SamplerError(
                f"{' and '.join(away)} cannot be reached ({next(iter(away.values()))}). "
                "Start the server or correct engine_options.base_url, then run the same command again."
            )
        terms, first = await self._first_terms(present), next(iter(present))
        agreed = _weakest([await self._agree(url, terms) for url in present])
        return Findings(
            terms=replace(agreed, continues=await self._continues(present, agreed)),
            kinds=tuple(kind.name for kind in present.values()),
            version=await Describer(self._client, first, present[first]).version(),
            dtype=str(self._meta(first).get("ftype", "unknown")),
            reproducible=terms.seeds != "none" and await self._reproducible(present),
            away=away,
        )

    # ---- what it is -----------------------------------------------------------------------------------

    async def _kind(self, url: str) -> Kind | str:
        """Return a server's kind, or why it cannot be reached."""
        try:
            models = await self._patiently(lambda: self._client.get(f"{url}/models"))
            entries = {str(entry["id"]): entry for entry in models["data"]}
        except Unreachable as failure:
            return failure.reason
        except FailedAttempt as failure:
            if failure.status in (401, 403):
                raise self._refused(url, failure) from None
            return UNKNOWN  # not every server lists its models
        except (KeyError, TypeError):
            return UNKNOWN
        owners = {str(entry.get("owned_by")) for entry in entries.values()}
        kind = next((KINDS[owner] for owner in sorted(owners) if owner in KINDS), UNKNOWN)
        self._served[url] = sorted(entries)
        aliases = {alias for entry in entries.values() for alias in entry.get("aliases") or ()}
        # A provider may serve more than it lists; the servers of known kinds list all.
        if kind is not UNKNOWN and self._name not in aliases.union(entries):
            raise self._does_not_serve(url)
        own = (
            entry for entry in entries.values() if self._name in (entry["id"], *(entry.get("aliases") or ()))
        )
        self._own[url] = next(own, {})
        self._check_context(url)
        return kind

    def _does_not_serve(self, url: str) -> SamplerError:
        served = self._served[url]
        return SamplerError(
            f"{url} does not serve '{self._name}'.{did_you_mean(self._name, served)} It serves: "
            f"{listed(served)}. Set engine_options.served_model, or correct model.path or the URL."
        )

    def _check_context(self, url: str) -> None:
        context = self._own[url].get("max_model_len") or self._meta(url).get("n_ctx")
        if isinstance(context, int) and self._sampling.max_tokens >= context:
            raise SamplerError(
                f"sampling.max_tokens is {self._sampling.max_tokens}, but {url} serves '{self._name}' with a context "
                f"of {context} tokens, prompt and completion together. Lower max_tokens, or start the server with a "
                "longer context."
            )

    async def _continues(self, present: dict[str, Kind], terms: Terms) -> Continuation:
        """Return how the servers go on from what was generated before: the way of the weakest."""
        if terms.token_ids and all(
            [await Describer(self._client, *one).tells_tokens(self._name, _PROBE) for one in present.items()]
        ):
            return "tokens"
        return "none" if terms.chat else "text"

    def _meta(self, url: str) -> dict[str, Any]:
        """Return what llama.cpp lists of a model's file."""
        return self._own.get(url, {}).get("meta") or {}

    async def _reproducible(self, present: dict[str, Kind]) -> bool:
        return all([await Describer(self._client, *one).is_deterministic() for one in present.items()])

    # ---- what it agrees to ----------------------------------------------------------------------------

    async def _first_terms(self, present: dict[str, Kind]) -> Terms:
        """Return what is asked for first: the most that the kinds, the settings and the run allow."""
        sampling, options, kinds = self._sampling, self._options, list(present.values())
        seeds = self._seeds(kinds)
        takes_n = seeds != "single" and sampling.temperature > 0 and all(kind.takes_n for kind in kinds)
        most = (_ANY if takes_n else 1) if options.n_per_request == "auto" else options.n_per_request
        return Terms(
            chat=await self._chats(present),
            most_per_request=1 if seeds == "single" else most,
            seeds=seeds,
            seed_bits=min(kind.seed_bits for kind in kinds),
            logprobs=sampling.keeps_logprobs,
            top_logprobs=self._top_logprobs(kinds),
            token_ids=all(kind.token_ids for kind in kinds),
            keep_token_logprobs=sampling.token_logprobs,
            keep_top_logprobs=sampling.top_logprobs,
            parameters=_common(kinds),
            also={}
            if UNKNOWN in kinds
            else {key: value for kind in kinds for key, value in kind.also.items()},
        )

    async def _chats(self, present: dict[str, Kind]) -> bool:
        """Whether the chat endpoint is asked, where nothing speaks against it."""
        endpoint, wanted = self._options.endpoint, self._model.chat_template
        if endpoint != "auto":
            return endpoint == "chat"
        if wanted != "auto":
            return wanted
        return all([await Describer(self._client, *one).has_own_template() for one in present.items()])

    def _top_logprobs(self, kinds: Sequence[Kind]) -> int:
        """Return how many are asked for: one more where the drawn token may push out the last."""
        wanted = self._sampling.top_logprobs
        if not wanted:
            return max(kind.top_logprobs for kind in kinds)
        return wanted + any(kind.lists_drawn for kind in kinds)

    def _seeds(self, kinds: Sequence[Kind]) -> str:
        """Return how seeds are sent: where they are known to work, or wanted."""
        wanted = self._sampling.per_sample_seeds
        if wanted is False:
            return "none"
        if all(kind.seeds == "counted" for kind in kinds):
            return "counted"
        if wanted is True or all(kind.seeds != "none" for kind in kinds):
            return "single"
        return "none"

    async def _agree(self, url: str, terms: Terms) -> Terms:
        """Ask for a few tokens as the run would, giving way where a server cannot and the run need not."""
        while True:
            asked = min(terms.most_per_request, self._enough(terms))
            try:
                got = await self._patiently(lambda: self._try(url, terms, asked))  # noqa: B023  # awaited here
            except LastingFailure as failure:
                less = self._give_way(url, terms, failure)
                if less is None:
                    raise self._refused(url, failure) from None
                terms = less
            except Unreachable as failure:
                raise SamplerError(f"{url} cannot be reached any more ({failure.reason}).") from None
            except FailedAttempt:
                return terms  # the run has more patience
            else:
                return terms if got >= asked else replace(terms, most_per_request=got)

    def _enough(self, terms: Terms) -> int:
        """Return how many choices the question asks for: as many as the run will, unless the kind is known."""
        return 2 if terms.seeds == "counted" else min(self._sampling.request_size, self._sampling.n)

    async def _try(self, url: str, terms: Terms, n: int) -> int:
        """Ask for n short completions; return how many came."""
        dialect = Dialect(self._model, self._sampling, self._options, terms)
        body = dialect.body(dialect.prompt(_PROBE), n, None if terms.seeds == "none" else 0)
        for name in ("max_tokens", "max_completion_tokens"):
            if name in body:
                body[name] = min(body[name], _PROBE_TOKENS)
        found = await self._client.post(f"{url}/{terms.path}", body)
        try:
            choices = dialect.reader.read(found).choices
        except Exception as error:  # whatever a foreign server's answer makes of ours
            raise self._client.unreadable(found, error) from None
        self._refuse_silent(url, choices)
        return max(1, len(choices))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask a few times, as long as it may help."""
        for attempt in range(_LOOKS_AT_A_BUSY_SERVER - 1):
            try:
                return await ask()
            except Unreachable:
                raise
            except PassingFailure as failure:
                wished = max(backoff_s(attempt, self._random), failure.retry_after_s)
                await asyncio.sleep(min(wished, LONGEST_PAUSE_S, self._options.patience_s))
        return await ask()

    def _give_way(self, url: str, terms: Terms, failure: LastingFailure) -> Terms | None:
        """Return what to ask for after a refusal, or None where nothing is left to give."""
        said = failure.reason.lower()
        less: Terms | None = None
        unwelcome = self._neutral_in(terms, said)
        if failure.status is not None and failure.status < 400:
            less = None
        elif failure.status == 404 or "chat template" in said or "chat_template" in said:
            may_complete = self._options.endpoint == "auto" and self._model.chat_template is not True
            less = replace(terms, chat=False) if terms.chat and may_complete else None
        elif isinstance(failure, Refusal):
            less = None
        elif unwelcome:
            kept = {name: there for name, there in terms.parameters.items() if name not in unwelcome}
            less = replace(terms, parameters=kept)
        elif "max_completion_tokens" in said and terms.max_tokens_name == "max_tokens":
            less = replace(terms, max_tokens_name="max_completion_tokens")
        elif "logprob" in said and terms.top_logprobs > terms.keep_top_logprobs > 0:
            less = replace(terms, top_logprobs=terms.keep_top_logprobs)
        elif "logprob" in said and terms.logprobs:
            self._refuse_without_logprobs(url, failure.reason)
            less = replace(terms, logprobs=False)
        elif "return_token_ids" in said and terms.token_ids:
            less = replace(terms, token_ids=False)
        elif terms.most_per_request > 1:
            less = replace(terms, most_per_request=min(terms.most_per_request, self._enough(terms)) // 2)
        return less

    def _neutral_in(self, terms: Terms, said: str) -> set[str]:
        """Return the settings that a refusal names, and that need not be said: a server may do without their names."""
        return {
            name
            for name, there in terms.parameters.items()
            if is_neutral(self._sampling, name) and re.search(rf"\b{there}\b", said)
        }

    def _refuse_without_logprobs(self, url: str, reason: str) -> None:
        """Refuse a server that gives no log-probabilities where the run asks for those of every token."""
        if self._sampling.top_logprobs:
            raise SamplerError(
                f"{url} does not serve the log-probabilities of the {self._sampling.top_logprobs} most probable tokens "
                f"({reason}). Lower sampling.top_logprobs (20 is the most that servers usually give), or set it to 0."
            )
        if self._sampling.token_logprobs:
            raise SamplerError(
                f"{url} serves no log-probabilities ({reason}). Set sampling.token_logprobs to false."
            )

    def _refuse_silent(self, url: str, choices: Sequence[Choice]) -> None:
        """Refuse a server that passes over the wish for log-probabilities of every token."""
        told = [choice for choice in choices if choice.text]
        if self._sampling.top_logprobs and any(choice.top_logprobs is None for choice in told):
            self._refuse_without_logprobs(url, "its answer holds none")
        if self._sampling.token_logprobs and any(choice.logprobs is None for choice in told):
            self._refuse_without_logprobs(url, "its answer holds none")

    def _refused(self, url: str, failure: FailedAttempt) -> SamplerError:
        if failure.status in (401, 403):
            variable = self._options.api_key_env
            fix = (
                f"Check the key in ${variable}."
                if variable
                else "Name the environment variable that holds the key in engine_options.api_key_env."
            )
            return SamplerError(f"{url} refuses access ({failure.reason}). {fix}")
        if failure.status == 404 and self._name not in self._served.get(url, [self._name]):
            return self._does_not_serve(url)
        if failure.status == 404:
            return SamplerError(
                f"{url} knows no such path or model '{self._name}' ({failure.reason}). Correct "
                "engine_options.base_url (it usually ends in /v1), served_model or endpoint."
            )
        if failure.status is not None and 300 <= failure.status < 400:
            return SamplerError(f"{url} is not where the server is ({failure.reason}). Correct the URL.")
        return SamplerError(
            f"{url} refuses a request with this run's settings ({failure.reason}). Correct 'sampling' or "
            "engine_options.extra_body; null there removes a key of the request."
        )


def _common(kinds: Sequence[Kind]) -> dict[str, str]:
    """Return the sampling parameters that all kinds take under one name."""
    shared = set.intersection(*(set(kind.parameters.items()) for kind in kinds))
    return {name: there for name, there in kinds[0].parameters.items() if (name, there) in shared}


def _weakest(agreed: Sequence[Terms]) -> Terms:
    """Return terms that all servers can keep."""
    first = agreed[0]
    if any((terms.chat, terms.max_tokens_name) != (first.chat, first.max_tokens_name) for terms in agreed):
        raise SamplerError(
            "The servers differ in what they offer (chat or completions, max_tokens or max_completion_tokens). "
            "Set engine_options.endpoint, or give each its own run."
        )
    return replace(
        first,
        most_per_request=min(terms.most_per_request for terms in agreed),
        logprobs=all(terms.logprobs for terms in agreed),
        top_logprobs=min(terms.top_logprobs for terms in agreed),
        token_ids=all(terms.token_ids for terms in agreed),
        parameters={
            name: there
            for name, there in first.parameters.items()
            if all(name in terms.parameters for terms in agreed)
        },
    )
