"""Servers that answer in every way but the agreed one: a failure of one attempt in one line, in time, without the key, in little memory."""

import asyncio
import base64
import gzip
import json
import resource
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest

from ttscale.errors import printable
from ttscale.execution.http import client as client_module
from ttscale.execution.http.client import ApiKey, JsonClient
from ttscale.execution.http.failures import FailedAttempt, LastingFailure, PassingFailure, TimedOut
from ttscale.execution.http.pausing import LONGEST_RETRY_AFTER_S, retry_after_s

KEY = "sk-Proj/4fQ+9z_TtSc-aLe=7Kx2Wm"
TIMEOUT_S = 2.0
Deed = Callable[[socket.socket, threading.Event], None]


def said(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode(errors="surrogateescape") + body


def sends(*parts: bytes) -> Deed:
    """Return a server that sends parts and closes."""

    def deed(peer: socket.socket, stop: threading.Event) -> None:
        for part in parts:
            peer.sendall(part)

    return deed


def then_waits(*parts: bytes) -> Deed:
    """Return a server that sends parts and then nothing, its connection open."""

    def deed(peer: socket.socket, stop: threading.Event) -> None:
        for part in parts:
            peer.sendall(part)
        stop.wait()

    return deed


def without_end(head: bytes, part: bytes) -> Deed:
    """Return a server that never comes to an end."""

    def deed(peer: socket.socket, stop: threading.Event) -> None:
        peer.sendall(head)
        while not stop.is_set():
            peer.sendall(part)

    return deed


@contextmanager
def serving(deed: Deed) -> Iterator[str]:
    """Serve on a free port whatever is asked."""
    stop = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listening.accept()
                with peer, suppress(OSError):
                    peer.recv(1 << 16)
                    deed(peer, stop)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stop.set()
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def asked(deed: Deed, monkeypatch: pytest.MonkeyPatch, *, timeout_s: float = TIMEOUT_S) -> Any:
    """Ask such a server once; return its answer or the failure."""
    monkeypatch.setenv("THE_KEY", KEY)

    async def ask(url: str) -> Any:
        async with JsonClient(ApiKey("THE_KEY"), timeout_s) as client:
            try:
                return await client.post(f"{url}/v1/chat/completions", {"n": 1})
            except FailedAttempt as failure:
                return failure

    with serving(deed) as url:
        return asyncio.run(ask(url))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b"[" + b"0," * (40 << 20) + b"0]")
ANSWERS: dict[str, Deed] = {
    "nothing": sends(),
    "half a status line": sends(b"HTTP/1.1 2"),
    "half-closed after the head": sends(HEAD + b"Content-Length: 100\r\n\r\n{"),
    "no HTTP at all": sends(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "HTTP/0.9": sends(b'{"choices": []}'),
    "a status of no meaning": sends(said(b"{}", status="999 What")),
    "a status that is no number": sends(said(b"{}", status="OK OK")),
    "only informational": sends(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "no content": sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "switching protocols": sends(said(b"", "Upgrade: websocket", "Connection: Upgrade", status="101 Switching Protocols")),
    "a negative length": sends(HEAD + b"Content-Length: -5\r\n\r\n{}"),
    "a length of 10^18": sends(HEAD + b"Content-Length: 1000000000000000000\r\n\r\n{}"),
    "two lengths": sends(HEAD + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}"),
    "a chunk size that is none": sends(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk larger than it says": sends(CHUNKED + b"1\r\n{}\r\n0\r\n\r\n"),
    "a chunk of 2^63": sends(CHUNKED + b"8000000000000000\r\n{}\r\n"),
    "chunks without an end": sends(CHUNKED + b"2\r\n{}\r\n"),
    "a header of 1 MB": sends(b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n{}"),
    "10,000 headers": sends(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\n{}"),
    "control characters in a header": sends(b"HTTP/1.1 500 \x1b[31mred\r\nX: \x1b]0;t\x07\r\nContent-Length: 0\r\n\r\n"),
    "gzip that is none": sends(said(b"{}", "Content-Encoding: gzip")),
    "gzip cut short": sends(said(gzip.compress(b"{}" * 999)[:-9], "Content-Encoding: gzip")),
    "deflate that is none": sends(said(b"\x00\x01", "Content-Encoding: deflate")),
    "an unknown encoding": sends(said(b"\x1f\x9d\x90", "Content-Encoding: compress")),
    "gzip twice": sends(said(gzip.compress(gzip.compress(b"{}")), "Content-Encoding: gzip, gzip")),
    "SSE instead of JSON": sends(said(b'data: {"choices": []}\n\ndata: [DONE]\n\n', "Content-Type: text/event-stream")),
    "SSE comments": sends(said(b": keep-alive\n\n" * 99, "Content-Type: text/event-stream")),
    "HTML with a status of success": sends(said(b"<html><script>alert(1)</script>", "Content-Type: application/json")),
    "UTF-16": sends(said("﻿{".encode("utf-16"), "Content-Type: application/json; charset=utf-8")),
    "a charset that there is not": sends(said(b"{", "Content-Type: application/json; charset=klingon")),
    "half of a character": sends(said(b'"\xe2\x82')),
    "a lone surrogate": sends(said(b'"\\ud800')),
    "brackets in brackets": sends(said(b"[" * 200_000)),
    "objects in objects": sends(said(b'{"a":' * 200_000)),
    "a number of 100,000 digits": sends(said(b"9" * 100_000)),
    "two documents": sends(said(b"{} {}")),
    "an error as a list": sends(said(b'[{"error": 1}]', status="500 No")),
    "an error as a number": sends(said(b"3", status="500 No")),
    "an error as null": sends(said(b"null", status="400 No")),
    "an error as a text": sends(said(b'"no"', status="400 No")),
    "an error without a message": sends(said(b'{"error": {"code": 7}}', status="400 No")),
    "an error whose message is an object": sends(said(b'{"error": {"message": {"a": []}}}', status="422 No")),
    "an error in brackets": sends(said(b"[" * 200_000, status="500 No")),
    "an error of escapes": sends(said(b'{"error": "\\u001b[2J\\u0007\\u202e\\n\\n"}', status="500 No")),
    "an error of 5 MB": sends(said(b"x" * (5 << 20), status="500 No")),
    "a redirect to itself": sends(said(b"", "Location: /v1/chat/completions", status="307 Moved")),
    "a redirect elsewhere": sends(said(b"", "Location: http://169.254.169.254/latest", status="302 Moved")),
    "a redirect to no address": sends(said(b"", "Location: file:///etc/passwd\x01", status="308 Moved")),
    "a redirect to nowhere": sends(said(b"", status="301 Moved")),
    "an odd cookie": sends(said(b"x", "Set-Cookie: a=\x01; Max-Age=1e999; Expires=never")),
}  # fmt: skip
ENDLESS: dict[str, Deed] = {
    "a length that is never sent": then_waits(HEAD + b"Content-Length: 9\r\n\r\n{"),
    "a head without an end": then_waits(HEAD),
    "chunks that never end": without_end(CHUNKED, b"4000\r\n" + b" " * 0x4000 + b"\r\n"),
    "a body that never ends": without_end(HEAD + b"\r\n", b" " * 0x4000),
    "a head that never ends": without_end(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "informational answers that never end": without_end(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "an error that never ends": without_end(b"HTTP/1.1 500 No\r\n\r\n", b"e" * 0x4000),
    "a gzip bomb": sends(said(BOMB, "Content-Encoding: gzip")),
    "a deflate bomb": sends(said(zlib.compress(b"0" * (80 << 20)), "Content-Encoding: deflate")),
}


def require_failure(found: Any) -> None:
    assert isinstance(found, FailedAttempt)
    assert found.reason == printable(found.reason)
    assert "\n" not in found.reason
    assert 0 < len(found.reason) < 500
    assert found.__cause__ is None  # an exception of the library carries the request, and with it the key


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_no_answer_is_a_failure_of_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_failure(asked(ANSWERS[name], monkeypatch))


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_left_in_time_and_in_little_memory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "LARGEST_ANSWER", 1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    found = asked(ENDLESS[name], monkeypatch, timeout_s=0.7)
    assert time.monotonic() - began < 10
    require_failure(found)
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10
    )  # kB: the bombs are of 80 MB


def test_a_large_answer_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "x" * (9 << 20)
    body = gzip.compress(json.dumps({"choices": [text]}).encode(), 1)
    assert asked(sends(said(body, "Content-Encoding: gzip")), monkeypatch, timeout_s=60) == {
        "choices": [text]
    }


@pytest.mark.parametrize("status", ["200 OK", "401 No", "500 No", "307 Moved"])
@pytest.mark.parametrize(
    "echo",
    [
        KEY, KEY.upper(), " ".join(KEY), "\n".join(KEY), KEY[:14] + "..." + KEY[14:], quote(KEY, safe=""), quote(quote(KEY, safe=""), safe=""),
        base64.b64encode(KEY.encode()).decode(), base64.b64encode(f"Bearer {KEY}".encode()).decode(), base64.b32encode(KEY.encode()).decode(),
        base64.b64encode(f"x{KEY}".encode()).decode(), base64.b64encode(f"xy{KEY}".encode()).decode(), KEY.encode().hex(), KEY[::-1],
        "".join(f"\\u{ord(c):04x}" for c in KEY), "".join(f"&#{ord(c)};" for c in KEY), "".join(f"&#x{ord(c):x};" for c in KEY), KEY[2:17], KEY[-12:],
        "".join(f"\\{ord(c):o}" for c in KEY), "\u200b".join(KEY), "".join(chr(ord(c) + 0xFEE0) for c in KEY), KEY.encode("utf-16").hex(),
        json.dumps(list(KEY)), repr([ord(c) for c in KEY]), " ".join(f"{ord(c):08b}" for c in KEY), KEY.swapcase(), base64.b32encode(f"xyz{KEY}".encode()).decode(),
    ],
)  # fmt: skip
def test_a_key_comes_back_in_no_form(status: str, echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"error": {"message": f"Incorrect key {echo} given"}}, ensure_ascii=False).encode()
    body = body if status != "200 OK" else body[:-1]
    header = f"Location: /{quote(echo)}" if status.startswith("3") else "X: y"
    found = asked(sends(said(body, header, status=status)), monkeypatch)
    require_failure(found)
    letters = "".join(filter(str.isalnum, KEY.lower()))
    shown = "".join(filter(str.isalnum, found.reason.lower()))
    assert not any(letters[at : at + 8] in shown for at in range(len(letters) - 7))
    plain = "".join(filter(str.isalnum, echo.lower()))
    if len(plain) >= 8 and not status.startswith("3"):
        assert not any(plain[at : at + 24] in shown for at in range(max(1, len(plain) - 23)))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (format_datetime(datetime.now(UTC) + timedelta(days=30_000), usegmt=True), LONGEST_RETRY_AFTER_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER_S),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST_RETRY_AFTER_S),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", 0),
        ("Fri, 99 Foo 2026 99:99:99 GMT", 0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("Sun Nov  6 08:49:37 1994", 0),
        ("1e400", LONGEST_RETRY_AFTER_S), ("-1e400", 0), ("nan", 0), ("inf", LONGEST_RETRY_AFTER_S), ("-inf", 0), ("-5", 0), ("-0", 0), ("0x10", 0), ("", 0),
        (" 2 ", 2), ("2,5", 0), ("2.5", 2.5), ("1_0", 10), ("٣", 3), ("9" * 5000, LONGEST_RETRY_AFTER_S), ("7, 9", 0), ("\x00", 0), ("+3", 3),
        ("2026-11-29T00:00:00Z", 0), ("PT5S", 0), ("5s", 0), (",", 0), (":" * 99, 0), ("0" * 99_999, 0),
    ],
)  # fmt: skip
def test_any_wish_to_be_left_alone_is_a_bounded_number(header: str, seconds: float) -> None:
    assert retry_after_s(header) == seconds


@pytest.mark.parametrize("status", ["429 Slow", "503 Away", "529 Full"])
def test_a_failure_tells_how_long_the_server_wants_to_be_left_alone(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = asked(sends(said(b"{}", "Retry-After: 99999999999", status=status)), monkeypatch)
    assert found.retry_after_s == LONGEST_RETRY_AFTER_S
    assert "99999999999, of which 600 s are heeded" in found.reason


def test_time_and_kind_of_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(asked(ENDLESS["a head without an end"], monkeypatch, timeout_s=0.2), TimedOut)
    assert isinstance(asked(ANSWERS["a redirect elsewhere"], monkeypatch), LastingFailure)
    assert isinstance(asked(ANSWERS["nothing"], monkeypatch), PassingFailure)
