"""A loopback server that speaks OpenAI's interface well, and misbehaves where a test says so.

Its text is a function of prompt and seed, so a test can tell which sample it got; without a seed it counts.
"""

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = dict[str, Any]


@dataclass
class Reply:
    """What goes over the wire."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    deed: str = ""
    """"" or "drop", "truncate", "hang"."""


Misbehave = Callable[[JSON, int], Reply | None]
"""Gets a request's body and its number; None: answer it well."""


@dataclass
class FakeServer:
    """A running server, what it does and what it saw."""

    url: str
    models: list[JSON] | None
    misbehave: Misbehave
    chat: bool = True
    honors_n: int = 1 << 30
    counts: bool = True
    logprobs: bool = True
    drawn_logprobs: tuple[float, ...] = (-0.5,)
    """Log-probabilities of the drawn tokens, in turn."""
    most_listed: int = 1 << 30
    pages: dict[str, JSON] = field(default_factory=dict)
    busy: Callable[[], Reply | None] = lambda: None
    seen: list[JSON] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    fresh: Iterator[int] = field(default_factory=itertools.count)

    def answer(self, path: str, body: JSON) -> Reply:
        """Serve as a good server would."""
        if path.endswith("/chat/completions"):
            if not self.chat:
                return Reply({"error": {"message": "Not Found"}}, 404)
            prompt = body["messages"][-1]["content"]
        elif path.endswith("/completions"):
            prompt = body["prompt"]
        else:
            return Reply({"error": {"message": "Not Found"}}, 404)
        n = min(body.get("n", 1), self.honors_n)
        choices = [self.choice(path, body, prompt, j) for j in range(n)]
        found: JSON = {"object": "x", "choices": choices}
        if self.counts:
            found["usage"] = {
                "prompt_tokens": len(prompt),
                "completion_tokens": sum(choice.pop("tokens") for choice in choices),
                "prompt_tokens_details": {"cached_tokens": len(prompt) // 2},
            }
        return Reply(found)

    def choice(self, path: str, body: JSON, prompt: str, j: int) -> JSON:
        text = text_of(prompt, body["seed"] + j) if "seed" in body else f"{prompt}#{next(self.fresh)}"
        choice: JSON = {"index": j, "finish_reason": "stop", "tokens": len(text)}
        wanted = body.get("logprobs", False) is not False and self.logprobs
        logprobs = list(itertools.islice(itertools.cycle(self.drawn_logprobs), len(text))) if wanted else None
        if path.endswith("/chat/completions"):
            choice["message"] = {"role": "assistant", "content": text}
            choice["logprobs"] = logprobs and {
                "content": [
                    {"token": "t", "logprob": x, "top_logprobs": self.listed(x, body.get("top_logprobs", 0))}
                    for x in logprobs
                ]
            }
        else:
            choice["text"] = text
            choice["logprobs"] = logprobs and {
                "token_logprobs": logprobs,
                "top_logprobs": [
                    {entry["token"]: entry["logprob"] for entry in self.listed(x, body["logprobs"])}
                    for x in logprobs
                ],
            }
        return choice

    def listed(self, drawn: float, k: int) -> list[JSON]:
        """List k tokens; a vLLM server's list begins with the drawn one and is cut at its end."""
        most_probable = [-0.1 * rank for rank in range(1, 10)]
        values = [drawn, *(x for x in most_probable if x != drawn)] if self.lists_drawn else most_probable
        return [{"token": f"t{x}", "logprob": x} for x in values[: min(k, self.most_listed)]]

    @property
    def lists_drawn(self) -> bool:
        """Whether it is of the kind that does so."""
        return bool(self.models) and self.models is not None and self.models[0].get("owned_by") == "vllm"


def text_of(prompt: str, seed: int) -> str:
    """The one completion of a prompt and a seed."""
    return f"{prompt}@{seed}"


def well(body: JSON, number: int) -> Reply | None:
    return None


@contextmanager
def openai_server(
    misbehave: Misbehave = well,
    *,
    owned_by: str | None = "vllm",
    model: str = "m",
    port: int = 0,
    **traits: Any,
) -> Iterator[FakeServer]:
    """Serve on a free port of this machine.

    Args:
        misbehave: What goes wrong.
        owned_by: What the list of models says; None: there is no such list.
        model: The model's name.
        port: 0 for any.
        traits: Fields of `FakeServer`.
    """
    stop = threading.Event()
    lock = threading.Lock()
    numbers = itertools.count()
    connections: list[socket.socket] = []
    active = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with lock:
                connections.append(self.connection)

        def do_GET(self) -> None:
            with lock:
                server.headers.append(dict(self.headers))
            if self.path == "/v1/models" and server.models is not None:
                self.send(server.busy() or Reply({"data": server.models}))
            elif self.path in server.pages:
                self.send(Reply(server.pages[self.path]))
            else:
                self.send(Reply({"error": "Not Found"}, 404))

        def do_POST(self) -> None:
            nonlocal active
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            is_probe = "1+1=" in json.dumps(body)
            with lock:
                active += 1
                server.most_at_once = max(server.most_at_once, active)
                server.headers.append(dict(self.headers))
                number = -1 if is_probe else next(numbers)
                if not is_probe:
                    server.seen.append(body)
            if body.get("model", model) != model:
                reply = Reply({"error": {"message": f"The model {body.get('model')} does not exist."}}, 404)
            else:
                reply = server.misbehave(body, number) or server.answer(self.path, body)
            with lock:  # before the answer: after it, the next request may be here already
                active -= 1
            with suppress(OSError):
                self.send(reply)

        def send(self, reply: Reply) -> None:
            self.close_connection = reply.deed != ""
            if reply.deed == "drop":
                return
            if reply.deed == "hang":
                stop.wait()
                return
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if reply.deed == "truncate" else data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Threads(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    listening = Threads(("127.0.0.1", port), Handler)
    models = None if owned_by is None else [{"id": model, "owned_by": owned_by}]
    server = FakeServer(f"http://127.0.0.1:{listening.server_port}/v1", models, misbehave, **traits)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        stop.set()
        listening.shutdown()
        listening.server_close()
        thread.join()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
