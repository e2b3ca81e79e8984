"""The server of `ttscale view`: a live report, or all runs below a folder, for this machine only.

It listens on 127.0.0.1 and answers nobody who calls it by another name: a page elsewhere whose name is pointed at this
machine (DNS rebinding) gets nothing. Of a report there are three addresses: the page, its state, and the samples of a
problem, asked for by places in the page. Of a folder there is its list, and the same three below each run's number.
"""

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from ttscale.errors import StoreError, TtscaleError
from ttscale.report.live import LiveReport

HOST = "127.0.0.1"
_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
"""How this machine calls itself; with a tunnel the port may differ, the name does not."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Site(Protocol):
    """What is served."""

    def index(self) -> bytes | None:
        """Return the list of what is here, None where there is one report only."""

    def report_at(self, path: str) -> tuple[LiveReport, str] | None:
        """Return the report that an address belongs to, and the rest of the address."""


class OneReport:
    """A site that is one report.

    Args:
        report: The report.
    """

    def __init__(self, report: LiveReport) -> None:
        self._report = report

    def index(self) -> bytes | None:
        """Return None: the report itself stands first."""
        return None

    def report_at(self, path: str) -> tuple[LiveReport, str] | None:
        """Return the report for every address."""
        return self._report, path.removeprefix("/")


def make_server(site: LiveReport | Site, port: int) -> ThreadingHTTPServer:
    """Return a server of a report, or of several, on 127.0.0.1; `serve_forever` starts it.

    Args:
        site: What is served.
        port: Where; 0 takes any free port.

    Raises:
        StoreError: The port is taken.
    """

    class Handler(_Handler):
        served = OneReport(site) if isinstance(site, LiveReport) else site

    try:
        return _Server((HOST, port), Handler)
    except OSError as error:
        raise StoreError(
            f"Port {port} of this machine cannot be listened on: {error.strerror or error}. Give another with "
            "--port, or --port 0 for any free one."
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # an open connection must not keep Ctrl-C waiting


class _Handler(BaseHTTPRequestHandler):
    served: Site
    server_version = "ttscale"
    sys_version = ""
    timeout = 20  # seconds until a silent connection is closed

    def do_GET(self) -> None:
        """Answer the page or its state."""
        if not self._is_called_by_its_name():
            self._answer(HTTPStatus.FORBIDDEN, b"Open http://127.0.0.1 or http://localhost.\n", "text/plain")
        elif self.path == "/" and (page := self.served.index()) is not None:
            self._answer(HTTPStatus.OK, page, "text/html; charset=utf-8")
        elif (found := self.served.report_at(self.path)) is not None:
            self._answer_report(*found)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"Only /, /state and /samples are here.\n", "text/plain")

    do_HEAD = do_GET  # noqa: N815 - the base class finds it by this name

    def _answer_report(self, live: LiveReport, rest: str) -> None:
        if rest == "":
            self._answer(HTTPStatus.OK, live.page(), "text/html; charset=utf-8")
        elif rest == "state":
            self._answer(HTTPStatus.OK, json.dumps(live.state()).encode(), "application/json")
        elif rest.startswith("samples?"):
            self._answer_samples(live)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"Only /, /state and /samples are here.\n", "text/plain")

    def _answer_samples(self, live: LiveReport) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        try:
            found = live.samples(asked.get("cell", ""), int(asked.get("row", "-1")))
        except (TtscaleError, OSError, ValueError) as error:
            self._answer(HTTPStatus.NOT_FOUND, f"{error}\n".encode(), "text/plain; charset=utf-8")
        else:
            self._answer(HTTPStatus.OK, json.dumps(found).encode(), "application/json")

    def _is_called_by_its_name(self) -> bool:
        try:
            return urlsplit(f"//{self.headers.get('Host', '')}").hostname in _NAMES
        except ValueError:
            return False

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a poll every two seconds is no news."""
