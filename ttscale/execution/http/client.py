"""JSON over HTTP, one attempt at a time.

aiohttp and not httpx: on one core against a server that answers at once, aiohttp asked 3,100 to 3,800 times a
second with 16 to 256 requests in flight, httpx 400 down to 160.
"""

import json
import os
import resource
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ttscale.errors import MissingExtraError, printable
from ttscale.execution.http.failures import (
    FailedAttempt,
    LastingFailure,
    PassingFailure,
    TimedOut,
    Unreachable,
    failure_of_status,
)
from ttscale.execution.http.pausing import LONGEST_RETRY_AFTER_S, retry_after_s
from ttscale.execution.http.secrets import redacted

_CONNECT_S = 30.0
_LOOK_S = 30.0
"""Time for a `get`: they only look something up."""
_SPARE_FILES = 128
"""Open files that are left to others, where the limit is low."""
LARGEST_ANSWER, _LARGEST_OTHER = 1 << 30, 32 << 20
"""Bytes of an answer with samples, and of errors and what is looked up."""
_SHOWN = 300
_SHOWN_HEADER = 40
_USER_AGENT = "ttscale"


class ApiKey:
    """A key that is read from the environment and shows itself to nobody.

    Args:
        variable: The environment variable that holds it; None: no key.
    """

    def __init__(self, variable: str | None) -> None:
        self.variable = variable
        self._value = os.environ.get(variable, "").strip() if variable else ""

    @property
    def is_missing(self) -> bool:
        """Whether a variable is named that holds nothing."""
        return bool(self.variable) and not self._value

    def headers(self) -> dict[str, str]:
        """Return the header that carries it."""
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def removed_from(self, text: str) -> str:
        """Return the text without the key, should a server echo it in whatever form: see `ttscale.execution.http.secrets`."""
        return redacted(text, self._value)

    def __repr__(self) -> str:
        return f"ApiKey({self.variable!r})"


class JsonClient:
    """Posts JSON and reads JSON. Used inside ``async with``, or between `open` and `close`, in one event loop.

    Args:
        key: Sent with every request.
        timeout_s: Wall time of an attempt, from connecting to the last byte.
    """

    def __init__(self, key: ApiKey, timeout_s: float) -> None:
        self._key = key
        self._timeout_s = timeout_s
        self._session: Any = None
        self._proxies: dict[str, str | None] = {}

    async def open(self) -> None:
        """Open the session, in the event loop that will use it."""
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_most_connections()),
            headers={"User-Agent": _USER_AGENT} | self._key.headers(),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> "JsonClient":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def get(self, url: str) -> Any:
        """Get a JSON document; fails as `post` does."""
        return await self._ask("GET", url, None, min(_LOOK_S, self._timeout_s))

    async def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """Post a JSON document and return the answer's.

        Raises:
            FailedAttempt: One of its kinds; which one says what helps.
        """
        return await self._ask("POST", url, json.dumps(body).encode(), self._timeout_s)

    def unreadable(self, found: object, error: Exception) -> PassingFailure:
        """Return the failure that an answer is which `error` says cannot be read."""
        return PassingFailure(
            f"an answer that cannot be read ({type(error).__name__}: {error}): {self.shown(str(found))}",
            status=200,
        )

    def shown(self, text: str) -> str:
        """Return the beginning of what a server said, in one line and without the key."""
        return printable(self._key.removed_from(" ".join(text[: 10 * _SHOWN].split())))[:_SHOWN]

    async def _ask(self, method: str, url: str, data: bytes | None, timeout_s: float) -> Any:
        import aiohttp

        # No exception of aiohttp is chained: each carries the request, and with it the key.
        failure: FailedAttempt
        try:
            async with self._session.request(
                method,
                url,
                data=data,
                headers={"Content-Type": "application/json"} if data is not None else None,
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=_CONNECT_S),
                allow_redirects=False,
                proxy=self._proxy(url),
            ) as response:
                status, headers = response.status, response.headers
                content = await _read(response, _most_bytes(method, status))
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as error:
            failure = Unreachable(self.shown(f"{type(error).__name__}: {error}"))
        except TimeoutError:
            failure = TimedOut(f"no answer within {timeout_s:g} s")
        except aiohttp.InvalidURL:
            failure = LastingFailure("the URL is not valid")
        except _TooLargeError as error:
            failure = LastingFailure(str(error), status=status)
        except (aiohttp.ClientError, ConnectionError, ValueError) as error:
            failure = PassingFailure(self.shown(f"{type(error).__name__}: {error}"))
        else:
            return self._parsed(status, headers, content)
        raise failure from None

    def _parsed(self, status: int, headers: Mapping[str, str], content: bytes) -> Any:
        if not 200 <= status < 300:
            asked = headers.get("Retry-After")
            wait_s = retry_after_s(asked)
            complaint = self._complaint(status, headers, content)
            if wait_s >= LONGEST_RETRY_AFTER_S:
                complaint += f"; Retry-After: {self.shown(str(asked))[:_SHOWN_HEADER]}, of which {wait_s:g} s are heeded"
            raise failure_of_status(status, complaint, retry_after_s=wait_s)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            said = self.shown(content.decode(errors="replace"))
            failure = PassingFailure(
                f"an answer that cannot be read ({type(error).__name__}: {error}): {said}", status=status
            )
        raise failure

    def _complaint(self, status: int, headers: Mapping[str, str], content: bytes) -> str:
        if 300 <= status < 400:
            return self.shown(f"status {status}: it moved to {headers.get('Location')}")
        return f"status {status}: {self.shown(_message_of(content))}"

    def _proxy(self, url: str) -> str | None:
        """Return the proxy that the environment names for a host; looked up once, because looking is slow."""
        host = urlsplit(url).netloc
        if host not in self._proxies:
            bypassed = proxy_bypass(urlsplit(url).hostname or "")
            self._proxies[host] = None if bypassed else getproxies().get(urlsplit(url).scheme)
        return self._proxies[host]


class _TooLargeError(Exception):
    """An answer has more bytes than anything that was asked for can have."""


async def _read(response: Any, most: int) -> bytes:
    """Read an answer, unpacked, as long as it is no larger than it may be: a few bytes may unpack to gigabytes."""
    content = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        content += chunk
        if len(content) > most:
            raise _TooLargeError(
                f"an answer of more than {most / 1e6:,.0f} MB; ask for fewer samples at once (sampling.request_size)"
            )
    return bytes(content)


def _most_bytes(method: str, status: int) -> int:
    return LARGEST_ANSWER if method == "POST" and 200 <= status < 300 else min(_LARGEST_OTHER, LARGEST_ANSWER)


def _most_connections() -> int:
    """Return how many connections the process may hold; the caller bounds what is in flight below that."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else max(1, soft - _SPARE_FILES)


def _message_of(content: bytes) -> str:
    """Return the message inside an error answer of the usual shapes, or all of it."""
    text = content.decode(errors="replace")
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        error = json.loads(text)
        error = error.get("error", error)
        return str(error if isinstance(error, str) else error["message"])
    return text


def require_aiohttp(user: str) -> None:
    """Raise `MissingExtraError` unless aiohttp is importable."""
    try:
        import aiohttp  # noqa: F401  # the test is the import
    except ImportError:
        raise MissingExtraError(f"{user} needs the 'openai' extra: pip install 'ttscale[openai]'") from None
