"""Asking an HTTP endpoint many things at once, when it may be busy, slow, broken or gone.

A request is tried again, with growing and random pauses, while that can help: connection errors, timeouts,
answers that cannot be read, and the statuses 408, 409, 425, 429 and 5xx. ``Retry-After`` is honored. What stays
without an answer is a `Failure` of that request alone. The verifier as a whole stops, with `VerifierError`, where
no request can succeed: nobody listens, the key is refused, the path or model is unknown, or `_HOPELESS`
requests in a row failed. What was verified before is stored, and the same command continues.

The API key is read from the environment when it is needed. It is in no option, message or file of ours.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import Field, field_validator

from ttscale.errors import VerifierError
from ttscale.execution.http.client import ApiKey, JsonClient, require_aiohttp
from ttscale.execution.http.failures import LastingFailure, PassingFailure, Refusal, Unreachable
from ttscale.execution.http.pausing import backoff_s
from ttscale.execution.http.urls import DEFAULT_URL, plain_url
from ttscale.options import Settings

T = TypeVar("T")

_HOPELESS = 64
"""Requests in a row without one answer, each after all its attempts."""


class EndpointSettings(Settings):
    """Where an OpenAI-compatible server is, and how it is asked."""

    base_url: str = DEFAULT_URL
    """Up to and including the version, as OpenAI's clients take it."""
    model: str = Field(min_length=1)
    """The name that the server knows the model by."""
    api_key_env: str | None = None
    """The environment variable that holds the API key; None: no key is sent."""
    max_concurrent: int = Field(default=16, ge=1)
    """Requests in flight."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Wall time of one attempt, from connecting to the last byte."""
    max_retries: int = Field(default=5, ge=0)
    """Attempts after the first."""

    @field_validator("base_url")
    @classmethod
    def _is_plain(cls, url: str) -> str:
        return plain_url(url)


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no usable answer, and the reason of its last attempt."""

    reason: str


class Endpoint:
    """A server that answers JSON with JSON.

    Args:
        settings: Where it is and how it is asked.
        user: Who asks, for messages, such as "Verifier 'judge'".
    """

    def __init__(self, settings: EndpointSettings, user: str) -> None:
        self._settings = settings
        self._user = user
        self._has_answered = False
        self._failures_in_a_row = 0
        self._random = random.Random()

    def post_all(self, path: str, bodies: Sequence[Any], read: Callable[[Any], T]) -> list[T | Failure]:
        """Post every body to a path and return what `read` makes of the answers, in order.

        Args:
            path: Below the base URL, such as "chat/completions".
            bodies: JSON types without lone surrogates.
            read: Takes the parsed answer; any exception means that it cannot be read, and it is asked again.

        Raises:
            VerifierError: No request can succeed; the message says the fix.
            MissingExtraError: aiohttp is not installed.
        """
        require_aiohttp(self._user)
        return _run(self._post_all(path, bodies, read))

    async def _post_all(
        self, path: str, bodies: Sequence[Any], read: Callable[[Any], T]
    ) -> list[T | Failure]:
        slots = asyncio.Semaphore(self._settings.max_concurrent)

        async def one(body: Any) -> T | Failure:
            async with slots:
                return await self._post(client, url, body, read)

        url = f"{self._settings.base_url}/{path}"
        async with JsonClient(self._key(), self._settings.timeout_s) as client:
            tasks = [asyncio.ensure_future(one(body)) for body in bodies]
            try:
                return await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _post(self, client: JsonClient, url: str, body: Any, read: Callable[[Any], T]) -> T | Failure:
        """Ask until there is an answer or no attempt is left."""
        for attempt in range(self._settings.max_retries + 1):
            try:
                answer = await self._attempt(client, url, body, read)
            except Refusal as failure:
                raise self._refused(url, failure) from None
            except LastingFailure as failure:
                return Failure(failure.reason)
            except PassingFailure as failure:
                last = failure
            else:
                self._failures_in_a_row = 0
                return answer
            if isinstance(last, Unreachable) and not self._has_answered:
                break
            if attempt < self._settings.max_retries:
                await pause(max(backoff_s(attempt, self._random), last.retry_after_s))
        return self._given_up(last)

    async def _attempt(self, client: JsonClient, url: str, body: Any, read: Callable[[Any], T]) -> T:
        try:
            found = await client.post(url, body)
        except (LastingFailure, PassingFailure) as failure:
            self._has_answered = self._has_answered or failure.status is not None
            raise
        self._has_answered = True
        try:
            return read(found)
        except Exception as error:  # whatever a foreign server's answer makes of ours
            raise client.unreadable(found, error) from None

    def _refused(self, url: str, failure: Refusal) -> VerifierError:
        if failure.status == 404:
            return VerifierError(
                f"{self._user}: {url} knows no such path or model '{self._settings.model}' ({failure.reason}). "
                "Correct 'base_url' (it usually ends in /v1) or 'model'."
            )
        how = (
            f"Check the key in ${self._settings.api_key_env}."
            if self._settings.api_key_env
            else "Name the variable that holds the key in 'api_key_env'."
        )
        return VerifierError(
            f"{self._user}: {self._settings.base_url} refuses access ({failure.reason}). {how}"
        )

    def _given_up(self, last: PassingFailure) -> Failure:
        """Count a request without an answer, or stop where asking on makes no sense.

        Raises:
            VerifierError: Nobody listens, or nothing has been answered for long.
        """
        if isinstance(last, Unreachable):
            raise VerifierError(
                f"{self._user}: {self._settings.base_url} cannot be reached ({last}). "
                "Start the server or correct 'base_url', then run the same command again."
            )
        self._failures_in_a_row += 1
        if self._failures_in_a_row >= _HOPELESS:
            raise VerifierError(
                f"{self._user}: the last {self._failures_in_a_row} requests to {self._settings.base_url} all failed "
                f"(the last: {last}). Repair the server, then run the same command again."
            )
        return Failure(f"no answer after {self._settings.max_retries + 1} attempts; the last: {last}")

    def _key(self) -> ApiKey:
        key = ApiKey(self._settings.api_key_env)
        if key.is_missing:
            raise VerifierError(
                f"{self._user}: the environment variable '{key.variable}' (api_key_env) is not set."
            )
        return key


async def pause(seconds: float) -> None:
    """Wait before another attempt."""
    await asyncio.sleep(seconds)


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where an event loop (a notebook's) runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
