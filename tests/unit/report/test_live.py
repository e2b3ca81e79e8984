"""A live report: new when something new is stored, told to this machine only, and never in a writer's way."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import polars as pl
import pytest
from stored_runs import draw, make_run

from ttscale.errors import StoreError
from ttscale.report import following
from ttscale.report.following import fingerprint, is_written, progress_of
from ttscale.report.live import LiveReport
from ttscale.report.serving import make_server
from ttscale.store.inventory import delete
from ttscale.store.run import RunStore

CELL = "demo-arithmetic-arithmetic"


@contextmanager
def served(report: LiveReport) -> Iterator[int]:
    server = make_server(report, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        assert server.server_address[0] == "127.0.0.1"
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def get(
    port: int, path: str = "/", *, host: str | None = None, method: str = "GET"
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", f"127.0.0.1:{port}" if host is None else host)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.fixture(scope="module")
def going(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """Return a run with 4 of 8 samples of each problem, one cell of two verified."""
    store = make_run(
        tmp_path_factory.mktemp("live") / "run", cells={CELL: {}, "late": {}}, n=4, asked=8, n_problems=6
    )
    for path in store.path.glob("verdicts/*/late"):
        delete([path])
    return store


def test_the_page_comes_to_those_who_call_the_machine_by_its_name(going: RunStore) -> None:
    report = LiveReport([going])
    with going.writing():  # a glance: no forecasts while the run is going
        assert report.refresh()
    with served(report) as port:
        for host in (
            f"127.0.0.1:{port}",
            f"localhost:{port}",
            "localhost:9999",
            f"[::1]:{port}",
            "LOCALHOST",
        ):
            answer, body = get(port, host=host)
            assert answer.status == 200, host
            assert b"data-live=" in body
        for host in (
            "evil.example",
            f"evil.example:{port}",
            "127.0.0.1.evil.example",
            "",
            "localhost.",
            "[",
            "0.0.0.0",
        ):
            for path in ("/", "/state"):
                answer, body = get(port, path, host=host)
                assert answer.status == 403, host
                assert b"demo-arithmetic" not in body


def test_headers_keep_the_page_to_itself_and_other_paths_are_not_there(going: RunStore) -> None:
    report = LiveReport([going])
    with going.writing():
        report.refresh()
    with served(report) as port:
        answer, body = get(port)
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert b"connect-src &#39;self&#39;" in body
        assert get(port, "/../manifest.json")[0].status == 404
        assert get(port, "/config.yaml")[0].status == 404
        head, empty = get(port, method="HEAD")
        assert (head.status, empty) == (200, b"")
        assert get(port, method="POST")[0].status == 501


def test_a_report_is_made_again_only_when_something_is_stored(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=3, asked=6, n_problems=5)
    report = LiveReport([store])
    with store.writing():
        assert report.refresh()
        first = report.state()
        assert first["phase"] == "going"
        assert "15 of 30 samples (50.0%)" in first["words"]
        assert not report.refresh()
        assert report.state()["token"] == first["token"]
    draw(store, CELL, range(3, 6))
    with store.writing():
        assert report.refresh()
        assert report.state()["token"] != first["token"]
        assert b"5 problems \xc3\x97 6 samples" in report.page()
        assert b"Laws and forecast" not in report.page()
    assert report.refresh()  # nobody writes any more: now with forecasts
    assert report.state()["phase"] == "done"
    assert report.state()["words"].startswith("Done: 30 of 30 samples")
    assert b"Laws and forecast" in report.page()


def test_a_run_without_anything_yet_has_a_page_that_says_so(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=2, n_problems=3, verified=False)
    report = LiveReport([store])
    assert report.refresh()
    assert b"No cell has verified samples yet" in report.page()
    assert report.state()["phase"] == "stopped"


def test_a_run_that_cannot_be_read_keeps_the_last_page_and_says_why(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=2, n_problems=3)
    report = LiveReport([store])
    with store.writing():
        report.refresh()
    page = report.page()
    (tmp_path / "run" / "manifest.json").rename(tmp_path / "elsewhere")
    assert not report.refresh()
    assert report.page() == page
    assert "Cannot be read just now" in report.state()["words"]
    (tmp_path / "elsewhere").rename(tmp_path / "run" / "manifest.json")
    report.refresh()
    assert "Cannot be read" not in report.state()["words"]


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the kernel lists no locks here")
def test_a_writer_is_seen_without_touching_its_lock(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=2, n_problems=3)
    assert not is_written(store.path)
    with store.writing():
        assert is_written(store.path)
    assert not is_written(store.path)
    assert not is_written(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("changes", "phase"),
    [
        ({}, "done"),
        ({"samples": 39}, "stopped"),
        ({"verified_exact": 39}, "stopped"),
        ({"verified_other_cell": 0}, "done"),
        ({"samples": 20, "verified_exact": 20, "stopped": "width 0.02", "done": "100.0%"}, "done"),
        ({"samples": 20, "verified_exact": 20, "stopped": None, "done": "50.0%"}, "stopped"),
        ({"asked": None, "done": None}, "done"),
        ({"samples": 0, "verified_exact": 0}, "stopped"),
    ],
)
def test_a_run_is_done_when_everything_is_drawn_or_its_rule_stopped_it_and_all_is_verified(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changes: dict[str, object], phase: str
) -> None:
    row = {"samples": 40, "asked": 40, "done": "100.0%", "stopped": None, "verified_exact": 40} | changes
    monkeypatch.setattr(following, "status_rows", lambda _: [row])
    assert progress_of([RunStore(tmp_path)]).phase == phase


def test_the_fingerprint_follows_samples_and_verdicts(tmp_path: Path) -> None:
    store = make_run(tmp_path / "run", n=2, n_problems=3, verified=False)
    seen = {fingerprint([store])}
    draw(store, CELL, range(2, 3), verified=False)
    seen.add(fingerprint([store]))
    draw(store, CELL, range(3, 4))
    seen.add(fingerprint([store]))
    assert len(seen) == 3
    assert fingerprint([store]) in seen
    assert progress_of([store]).samples == 12


def test_a_taken_port_is_one_clear_error(going: RunStore) -> None:
    report = LiveReport([going])
    with served(report) as port, pytest.raises(StoreError, match=f"Port {port}.*--port"):
        make_server(report, port)


def test_the_state_is_json(going: RunStore) -> None:
    with served(LiveReport([going])) as port:
        state = json.loads(get(port, "/state")[1])
    assert set(state) == {"token", "phase", "words"}


def test_all_samples_of_a_problem_are_served_by_their_place_in_the_page(going: RunStore) -> None:
    report = LiveReport([going])
    report.refresh()
    problems = [problem.problem_id for problem in going.problems(CELL)]
    with served(report) as port:
        answer, body = get(port, "/samples?cell=cell-0&row=2")
        stored = going.samples(CELL).collect()
        texts, *_, alike = json.loads(body)
        assert answer.status == 200
        own = stored.filter(pl.col("problem_id") == problems[2])
        assert Counter(dict(zip(texts, alike, strict=True))) == Counter(own["completion"].to_list())
        for wrong in (
            "cell=cell-0&row=99",
            "cell=cell-7&row=0",
            "cell=cell-0&row=x",
            "cell=../..&row=-1",
            "row",
        ):
            answer, body = get(port, f"/samples?{wrong}")
            assert answer.status == 404, wrong
            assert b"Traceback" not in body
        assert get(port, "/samples?cell=cell-0&row=2", host="evil.example")[0].status == 403
