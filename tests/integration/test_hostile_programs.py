"""Hostile programs neither pass, nor harm the machine, nor disturb the programs after them."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path

import pytest
from hostile_programs import HOSTILE

from ttscale.execution.sandbox import find_sandbox
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.code import CodeOptions, CodeVerifier
from ttscale.verifiers.contract import Candidate

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")

CHECK = "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(41) == 42\n    assert candidate(-1) == 0\n"
PROBLEM = Problem(problem_id="add_one", prompt="", metadata={"test": CHECK, "entry_point": "add_one"})
PAIRS = 4
GOOD = "def add_one(x):\n    return x + 1\n"


def candidate(program: str) -> Candidate:
    sample = Sample(
        problem_id="add_one", sample_index=0, completion=program, finish_reason="stop", prompt_tokens=0, completion_tokens=0
    )  # fmt: skip
    return Candidate(PROBLEM, sample)


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture(scope="module", params=["as this user is served", "in a user namespace"])
def confined(request: pytest.FixtureRequest) -> Iterator[None]:
    """In both ways that there are, where root runs the tests."""
    if os.geteuid() != 0 and request.param != "as this user is served":
        pytest.skip("other users have this way alone")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "in a user namespace":
            patch.setattr("ttscale.execution.sandbox.os.geteuid", lambda: 1000)
            find_sandbox.cache_clear()
            if not find_sandbox().available:
                pytest.skip(find_sandbox().detail)
        yield
    find_sandbox.cache_clear()


@pytest.fixture(scope="module")
def verdicts(listener: socket.socket, confined: None) -> Iterator[dict[str, Verdict]]:
    """Every hostile program, each followed by an honest one, on a few pairs of sandboxes: many only use up their time."""
    port = str(listener.getsockname()[1])
    programs = [(name, source.replace("CANARY_PORT", port)) for name, source in HOSTILE.items()]
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with ThreadPoolExecutor(PAIRS) as pairs:
            found = dict(
                chain.from_iterable(pairs.map(on_one_pair, (programs[i::PAIRS] for i in range(PAIRS))))
            )
        found["bystander lives"] = Verdict(
            outcome=Outcome.CORRECT if bystander.poll() is None else Outcome.INCORRECT
        )
        yield found
    finally:
        bystander.communicate(b"\n")


def on_one_pair(programs: list[tuple[str, str]]) -> list[tuple[str, Verdict]]:
    """Run programs one after the other, and an honest one after each."""
    patient = CodeOptions(timeout_s=30.0, workers=1, extraction="whole", memory_mb=512)
    hasty = patient.model_copy(update={"timeout_s": 0.5})
    found = list[tuple[str, Verdict]]()
    with closing(CodeVerifier(hasty)) as verifier:
        for name, source in programs:
            for key, options, program in (
                (name, hasty, source),
                (f"after {name}", patient, f"{GOOD}# after {name}"),
            ):
                verifier.options = options
                found += [(key, verdict) for verdict in verifier.verify([candidate(program)])]
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_program_does_not_pass(name: str, verdicts: dict[str, Verdict]) -> None:
    assert verdicts[name].outcome in (Outcome.INCORRECT, Outcome.TIMEOUT), verdicts[name]


@pytest.mark.parametrize("name", HOSTILE)
def test_honest_program_after_it_passes(name: str, verdicts: dict[str, Verdict]) -> None:
    assert verdicts[f"after {name}"].outcome is Outcome.CORRECT, verdicts[f"after {name}"]


def test_processes_outside_live_on(verdicts: dict[str, Verdict]) -> None:
    assert verdicts["bystander lives"].outcome is Outcome.CORRECT


def test_nobody_reached_the_network_of_the_host(
    verdicts: dict[str, Verdict], listener: socket.socket
) -> None:
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_nothing_was_written_outside(verdicts: dict[str, Verdict]) -> None:
    places = ("/canary", "/usr/canary", "/etc/canary", "/dev/canary", "/root/canary", "/var/tmp/canary")
    assert not [place for place in places if os.access(place, os.F_OK)]
    assert not [*Path("/tmp").glob("ttscale_left_behind"), *Path("/tmp").glob("ttscale_for_the_next")]
    assert not [*Path("/tmp").glob("ttscale_fill*"), *Path("/tmp").glob("ttscale_big")]


def test_there_are_at_least_forty_of_them() -> None:
    assert len(HOSTILE) >= 40
