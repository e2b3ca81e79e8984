"""The report of runs that are still going: analyzed again when something new is stored, served to this machine only.

The server listens on 127.0.0.1 and answers nobody who calls it by another name: a page elsewhere whose name
is pointed at this machine (DNS rebinding) gets nothing. It has three addresses: the page, its state, and the samples
of a problem, asked for by places in the page.
"""

import json
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ttscale.analysis.budget.runs import price_runs
from ttscale.analysis.reading.cell import RunReader
from ttscale.analysis.run.analyze import Depth, analyze_run
from ttscale.analysis.run.samples import sample_groups
from ttscale.errors import StoreError, TtscaleError, TtscaleWarning
from ttscale.report.cells import page_cells
from ttscale.report.following import RunProgress, fingerprint, first_error, progress_of
from ttscale.report.html import render_html
from ttscale.report.page import LiveState
from ttscale.report.samples import columns_of, problem_samples
from ttscale.store.run import RunStore

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
_LEAST_PAUSE_S = 1.0
_PAUSE_PER_WORK = 3.0
"""Rest three times as long as the last analysis took: the run itself needs the machine."""


@dataclass(frozen=True, slots=True)
class _PageProblems:
    """The problems of a cell of the page, row by row."""

    store: RunStore
    cell: str
    problem_ids: tuple[str, ...]


class LiveReport:
    """The current page of some runs, and what makes the next one.

    Args:
        stores: The runs.
    """

    def __init__(self, stores: Sequence[RunStore]) -> None:
        self._stores = list(stores)
        self._lock = threading.Lock()
        self._seen: tuple[str, Depth] | None = None
        self._number = 0
        self._page = b""
        self._problems: dict[str, _PageProblems] = {}
        self._state: dict[str, Any] = {"token": "0", "phase": "going", "words": "Reading the run."}

    def page(self) -> bytes:
        """Return the page, UTF-8."""
        with self._lock:
            return self._page

    def state(self) -> dict[str, Any]:
        """Return the token of the page, the phase of the runs and how far they are, in words."""
        with self._lock:
            return dict(self._state)

    def samples(self, cell: str, row: int) -> list[list[Any]]:
        """Return the samples of a problem, in columns, by the ids of the page that is shown.

        Raises:
            StoreError: No such cell or row, or its samples cannot be read just now.
        """
        with self._lock:
            found = self._problems.get(cell)
        if found is None or not 0 <= row < len(found.problem_ids):
            raise StoreError(f"This page has no row {row} in '{cell}'.")
        reader = RunReader(found.store).cell(found.cell, verifiers=None)
        return columns_of(problem_samples(sample_groups(reader, [found.problem_ids[row]])))

    def refresh(self) -> bool:
        """Look at the runs; where something changed, make the page again.

        Forecasts and comparisons are made once nobody writes any more: they take seconds.

        Returns:
            Whether there is a new page.
        """
        try:
            progress = progress_of(self._stores)
            depth: Depth = "glance" if progress.phase == "going" else "full"
            seen = (fingerprint(self._stores), depth)
            if seen == self._seen:
                self._tell(progress)
                return False
            page, problems = self._made(progress, depth)
        except (TtscaleError, OSError) as error:  # the writer may move a file at this very moment
            with self._lock:
                self._state |= {"words": first_error(error)}
            return False
        with self._lock:
            self._page, self._problems, self._seen = page, problems, seen
        self._tell(progress)
        return True

    def _made(self, progress: RunProgress, depth: Depth) -> tuple[bytes, dict[str, "_PageProblems"]]:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", TtscaleWarning
            )  # a segment may be half renamed: the next look has it
            results = [analyze_run(store, depth=depth, allow_empty=True) for store in self._stores]
            budget = price_runs([store.path for store in self._stores]) if depth == "full" else None
        self._number += 1
        state = LiveState(token=str(self._number), words=str(progress))
        problems = {
            one.id: _PageProblems(
                self._stores[one.run], one.result.cell, tuple(one.result.problems["problem_id"])
            )
            for one in page_cells(results)
        }
        return render_html(results, budget=budget, live=state).encode(), problems

    def _tell(self, progress: RunProgress) -> None:
        with self._lock:
            self._state = {"token": str(self._number), "phase": progress.phase, "words": str(progress)}


def follow(report: LiveReport, stop: threading.Event) -> None:
    """Refresh a report until told to stop."""
    while not stop.is_set():
        started = time.monotonic()
        report.refresh()
        stop.wait(max(_LEAST_PAUSE_S, _PAUSE_PER_WORK * (time.monotonic() - started)))


def make_server(report: LiveReport, port: int) -> ThreadingHTTPServer:
    """Return a server of a report on 127.0.0.1; `serve_forever` starts it.

    Args:
        report: What is served.
        port: Where; 0 takes any free port.

    Raises:
        StoreError: The port is taken.
    """

    class Handler(_Handler):
        live = report

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
    live: LiveReport
    server_version = "ttscale"
    sys_version = ""
    timeout = 20  # seconds until a silent connection is closed

    def do_GET(self) -> None:
        """Answer the page or its state."""
        if not self._is_called_by_its_name():
            self._answer(HTTPStatus.FORBIDDEN, b"Open http://127.0.0.1 or http://localhost.\n", "text/plain")
        elif self.path == "/":
            self._answer(HTTPStatus.OK, self.live.page(), "text/html; charset=utf-8")
        elif self.path == "/state":
            self._answer(HTTPStatus.OK, json.dumps(self.live.state()).encode(), "application/json")
        elif self.path.startswith("/samples?"):
            self._answer_samples()
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"Only /, /state and /samples are here.\n", "text/plain")

    do_HEAD = do_GET  # noqa: N815 - the base class finds it by this name

    def _answer_samples(self) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        try:
            found = self.live.samples(asked.get("cell", ""), int(asked.get("row", "-1")))
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
