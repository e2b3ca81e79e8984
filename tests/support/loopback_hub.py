"""A hub of data sets and models on 127.0.0.1: as much of Hugging Face's interface as is used to load one."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
"""What ``main`` points to in every repository."""

Repositories = Mapping[str, Mapping[str, bytes]]
"""Repository -> file -> content. Every commit of it holds the same files."""


@contextmanager
def loopback_hub(
    repositories: Repositories, gated: frozenset[str] = frozenset()
) -> Iterator[tuple[str, list[str]]]:
    """Serve repositories; yield the address and the list of paths that were asked for."""
    asked: list[str] = []

    class Hub(_Handler):
        files = repositories
        closed = gated
        log = asked

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    files: Repositories
    closed: frozenset[str]
    log: list[str]

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.log.append(path)
        named = path.removeprefix("/api").removeprefix("/datasets").removeprefix("/models").removeprefix("/")
        parts = named.split("/", 4)
        repository, verb = "/".join(parts[:2]), parts[2] if len(parts) > 2 else ""
        revision = parts[3] if len(parts) > 3 else "main"
        rest = parts[4] if len(parts) > 4 else ""
        commit = COMMIT if revision == "main" else revision
        if repository in self.closed:
            self._send(b"Access to this repository is restricted", commit, 401, {"X-Error-Code": "GatedRepo"})
        elif repository not in self.files:
            self._send(b"", commit, 404, {"X-Error-Code": "RepoNotFound"})
        else:
            self._answer(self.files[repository], verb, rest, commit, repository)

    do_HEAD = do_POST = do_GET  # noqa: N815 - http.server's names

    def _answer(self, files: Mapping[str, bytes], verb: str, rest: str, commit: str, repository: str) -> None:
        if verb in ("", "revision"):
            names = [{"rfilename": name} for name in files]
            about = {
                "id": repository,
                "sha": commit,
                "private": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
            }
            self._send_json(about | {"siblings": names}, commit)
        elif verb == "tree":
            found = [_entry(name, files[name]) for name in files if name.startswith(rest)]
            folders = sorted({name.rpartition("/")[0] for name in files} - {""}) if not rest else []
            self._send_json([*found, *map(_folder, folders)], commit)
        elif verb == "paths-info":
            wanted = self._wanted_paths()
            self._send_json([_entry(name, files[name]) for name in wanted if name in files], commit)
        elif verb == "resolve" and rest in files:
            tag = hashlib.sha1(files[rest]).hexdigest()
            self._send(files[rest], commit, 200, {"ETag": f'"{tag}"'})
        else:
            self._send(b"", commit, 404, {"X-Error-Code": "EntryNotFound"})

    def _wanted_paths(self) -> list[str]:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        return json.loads(body)["paths"] if body.startswith("{") else parse_qs(body)["paths"]

    def _send_json(self, value: Any, commit: str) -> None:
        self._send(json.dumps(value).encode(), commit, 200, {"Content-Type": "application/json"})

    def _send(self, body: bytes, commit: str, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "X-Repo-Commit": commit, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "oid": hashlib.sha1(content).hexdigest(), "size": len(content), "path": name}


def _folder(name: str) -> dict[str, Any]:
    return {"type": "directory", "oid": "0" * 40, "path": name}
