"""Asking an HTTP endpoint many things at once, when it may be busy, slow, broken or gone.

A request is tried again, with growing and random pauses, while that can help: connection errors, timeouts,
answers that cannot be read, and the statuses 408, 409, 425, 429 and 5xx. ``Retry-After`` is honored. What stays
without an answer is a `Failure` of that request alone. The verifier as a whole stops, with `VerifierError`, where
no request can succeed: nobody listens, the key is refused, the path or model is unknown, or `_HOPELESS`
requests in a row failed. What was verified before is stored, and the same command continues.

The API key is read from the environment when it is needed. It is in no option, message or file of ours.
"""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ttscale.errors import MissingExtraError, VerifierError

T = TypeVar("T")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_LONGEST_RETRY_AFTER_S = 600.0
"""A server that asks for more is not waited for: the next attempt comes after this long."""
_HOPELESS = 64
"""Requests in a row without one answer, each after all its attempts."""
_PASSING = frozenset({408, 409, 425, 429})
_SHOWN = 300


class EndpointSettings(BaseModel):
    """Where an OpenAI-compatible server is, and how it is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = "http://127.0.0.1:8000/v1"
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
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("it should be a URL such as http://127.0.0.1:8000/v1")
        if parts.username or parts.password or parts.query:
            raise ValueError("options are stored with the run: name a key's variable in api_key_env instead")
        return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no usable answer, and the reason of its last attempt."""

    reason: str


class _Passing(Exception):  # noqa: N818  # never leaves this module
    """An attempt failed in a way that another may not."""

    def __init__(self, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class _Unreachable(_Passing):
    """Nobody accepted the connection."""


class _Lasting(Exception):  # noqa: N818  # never leaves this module
    """This request will never succeed."""


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
            MissingExtraError: httpx is not installed.
        """
        require_httpx(self._user)
        return _run(self._post_all(path, bodies, read))

    async def _post_all(
        self, path: str, bodies: Sequence[Any], read: Callable[[Any], T]
    ) -> list[T | Failure]:
        import httpx

        slots = asyncio.Semaphore(self._settings.max_concurrent)
        limits = httpx.Limits(max_connections=None)  # the slots are the limit

        async def one(body: Any) -> T | Failure:
            async with slots:
                return await self._post(client, url, body, read)

        url = f"{self._settings.base_url}/{path}"
        async with httpx.AsyncClient(headers=self._headers(), timeout=None, limits=limits) as client:
            tasks = [asyncio.ensure_future(one(body)) for body in bodies]
            try:
                return await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _post(self, client: Any, url: str, body: Any, read: Callable[[Any], T]) -> T | Failure:
        """Ask until there is an answer or no attempt is left."""
        for attempt in range(self._settings.max_retries + 1):
            try:
                answer = await self._attempt(client, url, body, read)
            except _Lasting as failure:
                return Failure(str(failure))
            except _Passing as failure:
                last = failure
            else:
                self._failures_in_a_row = 0
                return answer
            if isinstance(last, _Unreachable) and not self._has_answered:
                break
            if attempt < self._settings.max_retries:
                await pause(max(self._backoff_s(attempt), last.retry_after_s))
        return self._given_up(last)

    async def _attempt(self, client: Any, url: str, body: Any, read: Callable[[Any], T]) -> T:
        import httpx

        try:
            async with asyncio.timeout(self._settings.timeout_s):
                response = await client.post(url, json=body)
        except TimeoutError:
            raise _Passing(f"no answer within {self._settings.timeout_s:g} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Unreachable(f"{type(error).__name__}: {error}") from None
        except httpx.HTTPError as error:
            raise _Passing(f"{type(error).__name__}: {error}") from None
        self._has_answered = True
        self._check_status(response)
        try:
            return read(response.json())
        except Exception as error:  # whatever a foreign server's answer makes of ours
            raise _Passing(
                f"an answer that cannot be read ({type(error).__name__}: {error}): {self._quoted(response)}"
            ) from None

    def _check_status(self, response: Any) -> None:
        """Sort an answer that is no success by what helps."""
        status = response.status_code
        if response.is_success:
            return
        said = f"status {status}: {self._quoted(response)}"
        if status in _PASSING or status >= 500:
            raise _Passing(said, retry_after_s(response.headers.get("retry-after")))
        if status in (401, 403):
            how = (
                f"Check the key in ${self._settings.api_key_env}."
                if self._settings.api_key_env
                else "Name the variable that holds the key in 'api_key_env'."
            )
            raise VerifierError(f"{self._user}: {self._settings.base_url} refuses access ({said}). {how}")
        if status == 404:
            raise VerifierError(
                f"{self._user}: {response.url} knows no such path or model '{self._settings.model}' ({said}). "
                "Correct 'base_url' (it usually ends in /v1) or 'model'."
            )
        raise _Lasting(said)

    def _given_up(self, last: _Passing) -> Failure:
        """Count a request without an answer, or stop where asking on makes no sense.

        Raises:
            VerifierError: Nobody listens, or nothing has been answered for long.
        """
        if isinstance(last, _Unreachable):
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

    def _backoff_s(self, attempt: int) -> float:
        """Double the pause with every attempt; the random half keeps clients from coming back together."""
        return float(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt) * self._random.uniform(0.5, 1.0))

    def _headers(self) -> dict[str, str]:
        key = self._key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _key(self) -> str | None:
        name = self._settings.api_key_env
        if name is None:
            return None
        key = os.environ.get(name, "").strip()
        if not key:
            raise VerifierError(f"{self._user}: the environment variable '{name}' (api_key_env) is not set.")
        return key

    def _quoted(self, response: Any) -> str:
        """Return the beginning of an answer in one line, without the key, should the server echo it."""
        text = " ".join(response.text[: 10 * _SHOWN].split())
        key = self._key()
        return (text.replace(key, "[key]") if key else text)[:_SHOWN]


async def pause(seconds: float) -> None:
    """Wait before another attempt."""
    await asyncio.sleep(seconds)


def retry_after_s(header: str | None) -> float:
    """Read a ``Retry-After`` header: seconds or a date (RFC 9110, section 10.2.3); 0 where it says nothing.

    >>> retry_after_s("7")
    7.0
    """
    if header is None:
        return 0.0
    seconds = 0.0
    try:
        seconds = float(header)
    except ValueError:
        with suppress(ValueError, TypeError):
            when = parsedate_to_datetime(header)
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
            seconds = (when - datetime.now(UTC)).total_seconds()
    return min(seconds, _LONGEST_RETRY_AFTER_S) if seconds > 0 else 0.0  # not a number counts as nothing


def require_httpx(user: str) -> None:
    """Raise `MissingExtraError` unless httpx is importable."""
    try:
        import httpx  # noqa: F401  # the test is the import
    except ImportError:
        raise MissingExtraError(f"{user} needs the 'openai' extra: pip install 'ttscale[openai]'") from None


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where an event loop (a notebook's) runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
