"""Runs below a folder: all of them are found, each is shown by its own address, and a bundle is files that link."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from stored_runs import draw, make_run

from ttscale.errors import StoreError
from ttscale.report.folder import RunsBelow, runs_below, write_bundle
from ttscale.report.serving import Site, make_server
from ttscale.store.run import RunStore


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs at different depths, one without verdicts, and folders that are none."""
    folder = tmp_path_factory.mktemp("shelf")
    make_run(folder / "b", n=4, n_problems=5)
    (folder / "deep" / "down").mkdir(parents=True)
    make_run(folder / "a", n=4, n_problems=6).path.rename(folder / "deep" / "down" / "a <b>")
    RunStore(folder / "empty")
    (folder / ".hidden").mkdir()
    (folder / "notes").mkdir()
    (folder / "notes" / "config.yaml").write_text("name: x")
    return folder


@contextmanager
def served(site: Site) -> Iterator[int]:
    server = make_server(site, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def get(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_every_run_is_found_once_however_deep(shelf: Path) -> None:
    found = runs_below([shelf])
    assert found == [shelf / "b", shelf / "deep" / "down" / "a <b>"]
    assert runs_below([shelf / "b", shelf]) == found


def test_a_folder_without_runs_is_told_so(shelf: Path) -> None:
    with pytest.raises(StoreError, match=r"notes is not a run directory, and none is below it"):
        runs_below([shelf / "notes"])


def test_a_link_in_a_circle_is_not_followed(tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "one", n=2, n_problems=2)
    (tmp_path / "runs" / "again").symlink_to(tmp_path / "runs", target_is_directory=True)
    assert runs_below([tmp_path]) == [tmp_path / "runs" / "one"]


def test_each_run_has_its_page_its_state_and_its_samples(shelf: Path) -> None:
    with served(RunsBelow(shelf)) as port:
        status, index = get(port, "/")
        links = re.findall(r'href="(run/\d+/)"', index)
        assert (status, links) == (200, ["run/0/", "run/1/"])
        assert "deep/down/a &lt;b&gt;" in index
        for link, n_problems in zip(links, (5, 6), strict=True):
            status, page = get(port, f"/{link}")
            assert status == 200
            assert f"{n_problems} problems × 4 samples" in page
            assert json.loads(get(port, f"/{link}state")[1])["phase"] in ("done", "stopped")
            texts, *_, alike = json.loads(get(port, f"/{link}samples?cell=cell-0&row=0")[1])
            assert len(texts) >= 1
            assert sum(alike) == 4
        for wrong in ("/run/2/", "/run/x/", "/run/0/../../etc/passwd", "/b/report.html", "/state"):
            assert get(port, wrong)[0] == 404, wrong


def test_a_run_that_begins_later_is_added_and_keeps_the_others_in_place(tmp_path: Path) -> None:
    make_run(tmp_path / "m", n=2, n_problems=2)
    site = RunsBelow(tmp_path)
    first = site.index().decode()
    make_run(tmp_path / "a", n=2, n_problems=2)
    second = site.index().decode()
    assert re.findall(r'href="(run/\d+/)">([^<]+)', first) == [("run/0/", "m")]
    assert re.findall(r'href="(run/\d+/)">([^<]+)', second) == [("run/0/", "m"), ("run/1/", "a")]


def test_an_open_run_is_followed_while_somebody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_run(tmp_path / "m", n=2, asked=4, n_problems=3)
    monkeypatch.setattr("ttscale.report.live._pause_after", lambda _: 0.0)
    with served(RunsBelow(tmp_path)) as port:
        get(port, "/")
        assert "3 problems × 2 samples" in get(port, "/run/0/")[1]
        before = json.loads(get(port, "/run/0/state")[1])["token"]
        draw(store, store.cells()[0], range(2, 4))
        assert json.loads(get(port, "/run/0/state")[1])["token"] != before
        assert "3 problems × 4 samples" in get(port, "/run/0/")[1]


def test_a_bundle_is_a_page_for_each_run_and_an_index_that_says_what_was_found(
    shelf: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    runs = [*runs_below([shelf]), shelf / "b"]
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{")
    bundle = write_bundle([*runs, broken], tmp_path / "site", tell=told.append)
    index = bundle.index.read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]+report\.html)"', index)
    assert links == ["b/report.html", "a-b/report.html", "b-2/report.html"]
    assert [tmp_path / "site" / link for link in links] == list(bundle.pages)
    assert all(page.is_file() for page in bundle.pages)
    assert list(bundle.failed) == [broken]
    assert "One sample solves" in index
    assert "6 problems" in (tmp_path / "site" / "a-b" / "report.html").read_text(encoding="utf-8")
    assert len(told) == 4
    assert not re.search(r'(src|href)="(https?:)?//', index)


def test_a_bundle_of_nothing_but_broken_runs_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="No run can be reported"):
        write_bundle([tmp_path], tmp_path / "site")
