"""A program that knows nothing of its task and leaves marks for the next sample does not come to be right by that.

It answers yes or no by guessing, and takes the arrival of a next call for the word that its last guess was right.
"""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from ttscale.execution.sandbox import find_sandbox
from ttscale.types import Outcome, Problem, Sample
from ttscale.verifiers.code import CodeOptions, CodeVerifier
from ttscale.verifiers.contract import Candidate

needs_sandbox = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")

RIGHT = [True, False, False, True, False, True, True]
SAMPLES = 10
CHECK = "def check(candidate):\n" + "".join(
    f"    assert candidate({n}) == {each}\n" for n, each in enumerate(RIGHT)
)
METADATA: dict[str, dict[str, Any]] = {
    "check": {"test": CHECK, "entry_point": "judge"},
    "check in a loop": {"test": f"def check(candidate):\n    for n, each in enumerate({RIGHT}):\n        assert candidate(n) == each", "entry_point": "judge"},
    "asserts": {"tests": [f"assert judge({n}) == {each}" for n, each in enumerate(RIGHT)]},
    "inputs": {"inputs": [[n] for n in range(len(RIGHT))], "canonical_solution": f"def judge(n): return {RIGHT}[n]", "entry_point": "judge"},
}  # fmt: skip

CHANNELS = {
    "files": """
        def leave(n): open(f"FOLDER/mark{n}", "w").close()
        def left(n): return os.path.exists(f"FOLDER/mark{n}")
        """,
    "keys": """
        def leave(n): libc.syscall(ctypes.c_long(248), b"user", b"FOLDER-%d" % n, b"x", ctypes.c_long(1), ctypes.c_long(-4))
        def left(n): return libc.syscall(ctypes.c_long(250), ctypes.c_long(10), ctypes.c_long(-4), b"user", b"FOLDER-%d" % n, ctypes.c_long(0)) > 0
        """,
    "ports": """
        def leave(n):
            with socket.create_server(("127.0.0.1", 47300 + n)) as server, socket.create_connection(("127.0.0.1", 47300 + n)) as client:
                server.accept()[0].close()
                client.recv(1)
        def left(n):
            try: socket.socket().bind(("127.0.0.1", 47300 + n))
            except OSError as error: return error.errno == 98
        """,
    "System V": """
        def leave(n): libc.shmget(0x747400 + n, 9, 0o1666)
        def left(n): return libc.shmget(0x747400 + n, 9, 0) >= 0
        """,
}  # fmt: skip
_GUESSING = """
import ctypes, os, socket
libc = ctypes.CDLL(None)
CHANNEL
calls = answer = 0
def quietly(action, n):
    try: return action(n)
    except OSError: return False
def judge(_):
    global calls, answer
    if calls: quietly(leave, 200 + 2 * calls + answer)  # the guess before was right
    calls += 1
    is_known = [quietly(left, 200 + 2 * calls + each) for each in (0, 1)]
    answer = int(is_known[1] or (not is_known[0] and not quietly(left, 2 * calls + 1)))
    quietly(leave, 2 * calls + answer)  # tried
    return bool(answer)
"""


def guessing(channel: str, folder: Path) -> str:
    source = dedent(CHANNELS[channel]).replace("FOLDER", str(folder))
    return _GUESSING.replace("CHANNEL", source)


def outcomes(options: CodeOptions, program: str, metadata: dict[str, Any]) -> list[Outcome]:
    verifier = CodeVerifier(options)
    found = []
    for number in range(SAMPLES):
        sample = Sample(
            problem_id="p", sample_index=number, completion=f"{program}# {number}", finish_reason="stop", prompt_tokens=0, completion_tokens=0
        )  # fmt: skip
        (verdict,) = verifier.verify(
            [Candidate(Problem(problem_id="p", prompt="", metadata=metadata), sample)]
        )
        found.append(verdict.outcome)
    verifier.close()
    return found


@needs_sandbox
@pytest.mark.parametrize("channel", CHANNELS)
def test_guessing_does_not_come_to_be_right_in_a_sandbox(channel: str, tmp_path: Path) -> None:
    options = CodeOptions(timeout_s=20.0, workers=1, extraction="whole")
    found = outcomes(options, guessing(channel, tmp_path), METADATA["check"])
    assert found == [Outcome.INCORRECT] * SAMPLES


@pytest.mark.parametrize("kind", METADATA)
def test_guessing_does_not_come_to_be_right_even_where_marks_stay(kind: str, tmp_path: Path) -> None:
    options = CodeOptions(timeout_s=20.0, workers=1, extraction="whole", unsafe_no_sandbox=True)
    found = outcomes(options, guessing("files", tmp_path), METADATA[kind])
    assert len(list(tmp_path.glob("mark*"))) >= len(RIGHT)  # it did leave marks
    assert found == [Outcome.INCORRECT] * SAMPLES


@pytest.mark.parametrize("channel", ["files"])
def test_guessing_comes_to_be_right_where_tests_stop_and_marks_stay(channel: str, tmp_path: Path) -> None:
    program = f"{guessing(channel, tmp_path)}\n{CHECK}\ncheck(judge)\n"
    codes = [subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode for _ in range(SAMPLES)]  # fmt: skip
    assert codes[0] != 0
    assert 0 in codes


@pytest.mark.parametrize("kind", METADATA)
def test_a_wrong_program_is_asked_all_that_a_right_one_is(kind: str, tmp_path: Path) -> None:
    asked = {}
    for name, answer in {"right": f"{RIGHT}[n]", "wrong": "None", "raising": "1 / 0"}.items():
        log = tmp_path / name
        program = f"def judge(n):\n    print(n, file=open({str(log)!r}, 'a'))\n    return {answer}\n"
        options = CodeOptions(timeout_s=20.0, workers=1, extraction="whole", unsafe_no_sandbox=True)
        assert outcomes(options, program, METADATA[kind])[0] is (
            Outcome.CORRECT if name == "right" else Outcome.INCORRECT
        )
        asked[name] = log.read_text()
    assert asked["right"].split() == [str(n) for n in range(len(RIGHT))] * SAMPLES
    assert asked["wrong"] == asked["raising"] == asked["right"]
