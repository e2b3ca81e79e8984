"""An HTTP server on this machine that answers, and misbehaves, as a function of the request says."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What the server does with one request."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    deed: str = ""
    """"" or "drop", "truncate", "hang", "drip"."""


@dataclass
class Loopback:
    """A running server and what it saw."""

    url: str
    seen: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    most_at_once: int = 0


def chat(text: str | None) -> Answer:
    return Answer({"choices": [{"message": {"role": "assistant", "content": text}}]})


@contextmanager
def serve(answer: Callable[[dict[str, Any], int], Answer]) -> Iterator[Loopback]:
    """Serve on a free port; `answer` gets the request's body and how often that body was seen before."""
    stop = threading.Event()
    attempts: Counter[str] = Counter()
    lock = threading.Lock()
    active = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            nonlocal active
            raw = self.rfile.read(int(self.headers["content-length"]))
            body = json.loads(raw)
            with lock:
                active += 1
                state.most_at_once = max(state.most_at_once, active)
                state.seen.append(body)
                state.headers.append(dict(self.headers))
                state.paths.append(self.path)
                attempt = attempts[raw.decode()]
                attempts[raw.decode()] += 1
            try:
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.reply(answer(body, attempt))
            finally:
                with lock:
                    active -= 1

        def reply(self, found: Answer) -> None:
            self.close_connection = found.deed != ""
            if found.deed == "drop":
                return
            if found.deed == "hang":
                stop.wait()
                return
            data = found.body if isinstance(found.body, bytes) else json.dumps(found.body).encode()
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if found.deed == "drip":
                for byte in data:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    if stop.wait(0.1):
                        return
            self.wfile.write(data[: len(data) // 2] if found.deed == "truncate" else data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = Loopback(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
