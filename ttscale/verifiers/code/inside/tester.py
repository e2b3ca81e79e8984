"""The trusted side: runs a problem's tests and asks the candidate's process for values, one call at a time.

The tests run here, in a sandbox of their own, with the benchmark's own helper functions. Where a test calls
the candidate it calls a `Remote`: the arguments cross as plain data, the answer comes back as plain data
(`wire`), and every comparison is between exact builtin values on this side. Nothing that the candidate does
to its interpreter can reach an assertion.
"""

from __future__ import annotations

import ast
import copy
import json
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import CodeType
from typing import Any

from ttscale.execution.inside.confine import (
    Limits,
    drop_privileges,
    filter_system_calls,
    limit_resources,
    own_uid,
)
from ttscale.verifiers.code.inside.ahead import asked_by, asked_by_check, asked_of
from ttscale.verifiers.code.inside.beside import PASSED, SEED
from ttscale.verifiers.code.inside.candidates import KINDS, ForkServer, kind_for
from ttscale.verifiers.code.inside.doubt import beside, is_plain, second_opinion, text_of
from ttscale.verifiers.code.inside.given import agrees
from ttscale.verifiers.code.inside.going_on import NAME, Failures, going_on
from ttscale.verifiers.code.inside.printed import agrees_with
from ttscale.verifiers.code.inside.proxies import Remote, UnsupportedError
from ttscale.verifiers.code.inside.remote import AstrayError, Session, is_beyond_a_stand_in, is_of_the_tests
from ttscale.verifiers.code.inside.streams import memory_file, read_to_the_end
from ttscale.verifiers.code.inside.wire import Channel, ChannelError, OutOfTimeError, allow_long_integers

_MAX_JOB = 1 << 30

Result = dict[str, Any]


class Tester:
    """Runs jobs: one program against one suite of tests.

    Attributes:
        went_astray: Whether the tests asked for something else than was asked ahead.
    """

    def __init__(self, server: ForkServer, settings: dict[str, Any]) -> None:
        self._server = server
        self._reply_bytes: int = settings["reply_bytes"]
        self._output_bytes = 0
        self._beside = "doubt"
        self._suites: dict[str, Any] = {}
        self._ahead: Sequence[dict[str, Any]] = ()
        self.went_astray = False

    def learn(self, key: str, suite: dict[str, Any]) -> None:
        """Prepare a suite: compile its tests and compute what it expects, once."""
        self._suites[key] = {**_PREPARE[suite["kind"]](suite), **_how_it_is_doubted(suite)}

    def run(self, key: str, program: str, limits: dict[str, Any], beside: str) -> Result:
        """Judge a program; the limit holds for all tests together, or for each where a suite says so."""
        suite = self._suites[key]
        self._beside = beside
        self._output_bytes = limits["output_bytes"]
        kind, self._ahead = kind_for(program), suite.get("ahead", ())
        while True:
            start = time.monotonic()
            self.went_astray = False
            self._server.begin(kind, limits)
            result = _RUN[suite["kind"]](self, suite, program, limits["wall_s"])
            if self.went_astray:
                self._ahead = ()
            elif self._server.wanted_more():
                kind = "offline"
            else:
                break
        doubt = result.pop("in_doubt", False)
        in_doubt = doubt or (doubt is False and not suite["is_plain"])
        if (
            in_doubt
            and suite["beside"]
            and result["outcome"] in ("failed", "error")
            and self._beside != "never"
        ):
            result = self._looked_at_again(result, suite, program, limits)
        return {**result, "seconds": time.monotonic() - start}

    def _looked_at_again(
        self, first: Result, suite: dict[str, Any], program: str, limits: dict[str, Any]
    ) -> Result:
        """Run a program beside its tests, to see whether it failed for being judged from outside."""
        texts = suite["beside"]
        kind = kind_for("\n".join((program, *texts)))
        self._server.begin("offline" if kind == "computing" else kind, limits)
        n_times = len(suite["tests"]) if suite.get("timeout_each") else 1
        second = _run_script(self, program, json.dumps(texts), n_times * limits["wall_s"], "beside")
        told = second.get("output", b"").decode(errors="replace")
        return second_opinion(first, told, passed=told == PASSED, trusts=self._beside == "trust")

    def clear(self) -> None:
        """See `ForkServer.clear`."""
        self._server.clear()

    @contextmanager
    def session(self, timeout_s: float, ended: dict[str, int]) -> Iterator[Session]:
        """Start a candidate process and load the program; the time runs from here."""
        self.clear()
        ours, theirs = socket.socketpair()
        with ours:
            deadline = time.monotonic() + timeout_s
            with self._server.process("serve", [theirs.detach()], ended):
                session = Session(Channel(ours, self._reply_bytes), deadline, self._ahead)
                yield session


_PASSED: Result = {"outcome": "passed", "share": 1.0}


def _how_it_is_doubted(suite: dict[str, Any]) -> dict[str, Any]:
    """Return the tests as they are run beside a program, and whether they tell the same from outside."""
    texts = beside(suite)
    return {"beside": texts, "is_plain": texts is None or is_plain(*text_of(suite))}


def _run_tests(
    tester: Tester, program: str, timeout_s: float, tests: Callable[[Session, Failures], None]
) -> Result:
    """Load a program, run tests on it, and turn whatever happens into a result."""
    ended: dict[str, int] = {}
    with tester.session(timeout_s, ended) as session:
        failures = Failures(session)
        with suppress(Exception), failures:
            session.load(program)
            tests(session, failures)
        tester.went_astray |= isinstance(session.failure, AstrayError)
        failure = failures.first or session.failure
        if failure is None and time.monotonic() > session.deadline:
            failure = OutOfTimeError()
    if isinstance(failure, ChannelError):
        tester.clear()  # tells how it ended
    if failure is None:
        return dict(_PASSED)
    explained = _explained(failure, timeout_s, ended)
    in_doubt = explained["outcome"] == "error" or session.is_loose
    return {**explained, "in_doubt": None if session.judges_itself else in_doubt}


def _explained(failure: Exception, timeout_s: float, ended: dict[str, int]) -> Result:
    if isinstance(failure, OutOfTimeError):
        return {"outcome": "timeout", "detail": f"not done within {timeout_s:g} s"}
    if isinstance(failure, UnsupportedError):
        return {"outcome": "error", "detail": str(failure)}
    if is_of_the_tests(failure):
        return {
            "outcome": "error",
            "detail": f"the tests failed to run: {type(failure).__name__}: {failure}"[:500],
        }
    if is_beyond_a_stand_in(failure):
        said = f"the tests use an object of the program in a way that cannot be followed: {failure}"
        return {"outcome": "error", "detail": said[:500]}
    if isinstance(failure, ChannelError):
        return {"outcome": "failed", "detail": f"the program {failure}; {_how_it_ended(ended)}"}
    return {"outcome": "failed", "detail": f"{type(failure).__name__}: {failure}"[:500]}


def _how_it_ended(ended: dict[str, int]) -> str:
    status = ended.get("ended")
    if status is None:
        return "it was stopped"
    if os.WIFSIGNALED(status):
        return f"it was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"it ended with exit code {os.WEXITSTATUS(status)} before the tests were done"


# --- check: a function check(candidate) full of assertions (HumanEval) ---


def _prepare_check(suite: dict[str, Any]) -> dict[str, Any]:
    source = f"{suite['setup']}\n\n{suite['test']}\n"
    code = compile(going_on(source, "check"), "tests.py", "exec", dont_inherit=True)
    namespace: dict[str, Any] = {"__name__": "tests"}
    exec(code, namespace)
    if not callable(namespace.get("check")):
        raise TypeError("they define no function check(candidate)")
    return {**suite, "code": code, "ahead": asked_by_check(source, suite["entry_point"])}


def _run_check(tester: Tester, suite: dict[str, Any], program: str, timeout_s: float) -> Result:
    def tests(session: Session, failures: Failures) -> None:
        candidate = Remote(session, suite["entry_point"])
        namespace: dict[str, Any] = {"__name__": "tests", NAME: failures}
        random.seed(SEED)
        exec(suite["code"], namespace)
        namespace[suite["entry_point"]] = candidate  # some tests call the function by its own name
        namespace["check"](candidate)

    return _run_tests(tester, program, timeout_s, tests)


# --- asserts: a list of statements about named functions (MBPP) ---


def _prepare_asserts(suite: dict[str, Any]) -> dict[str, Any]:
    tests = [compile(test, "tests.py", "exec", dont_inherit=True) for test in suite["tests"]]
    setup = compile(suite.get("setup", ""), "setup.py", "exec", dont_inherit=True)
    ahead: list[dict[str, Any]] = []
    if suite["kind"] == "asserts" and not suite["timeout_each"]:
        ahead = asked_by(ast.parse("\n".join(suite["tests"])).body, {name: name for name in suite["names"]})
    return {**suite, "codes": tests, "setup_code": setup, "ahead": ahead}


def _namespace(suite: dict[str, Any], session: Session) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "tests"}
    random.seed(SEED)
    for module in suite.get("modules", ()):
        namespace[module] = __import__(module)
    for name in suite["names"]:
        namespace[name] = Remote(session, name)
    exec(suite["setup_code"], namespace)
    return namespace


def _run_asserts(tester: Tester, suite: dict[str, Any], program: str, timeout_s: float) -> Result:
    def tests(session: Session, failures: Failures) -> None:
        namespace = _namespace(suite, session)
        for code in suite["codes"]:
            if suite["timeout_each"] and failures.first is None:
                session.deadline = time.monotonic() + timeout_s
            with failures:
                exec(code, namespace)

    return _run_tests(tester, program, timeout_s, tests)


# --- count: as asserts, but every statement counts by itself (model-written tests) ---


def _run_count(tester: Tester, suite: dict[str, Any], program: str, timeout_s: float) -> Result:
    """Say which statements hold. After one that hangs or kills the program, the next starts a new process."""
    passed: list[int] = []
    codes: list[CodeType] = suite["codes"]
    left = list(range(len(codes)))
    for _ in range(suite["max_restarts"] + 1):
        before = len(left)
        _run_tests(
            tester, program, timeout_s, lambda session, _: _count(session, suite, left, passed, timeout_s)
        )
        if not left or len(left) == before:  # all done, or the program does not even load
            break
    return {"outcome": "passed", "passed": passed, "share": len(passed) / max(1, len(codes))}


def _count(
    session: Session, suite: dict[str, Any], left: list[int], passed: list[int], timeout_s: float
) -> None:
    namespace = _namespace(suite, session)
    while left:
        number = left.pop(0)
        session.deadline = time.monotonic() + timeout_s
        try:
            exec(suite["codes"][number], dict(namespace))
            if session.failure is None:
                passed.append(number)
        except (OutOfTimeError, ChannelError):
            raise
        except Exception:
            if session.failure is not None:
                raise session.failure from None


# --- inputs: arguments, and a reference solution that says what they should give (EvalPlus) ---


def _prepare_inputs(suite: dict[str, Any]) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "reference"}
    exec(compile(suite["reference"], "reference.py", "exec", dont_inherit=True), namespace)
    reference = namespace[suite["entry_point"]]
    expected = [reference(*copy.deepcopy(arguments)) for arguments in suite["inputs"]]
    judge: Callable[..., bool] | None = None
    if suite.get("judge"):
        exec(compile(suite["judge"], "judge.py", "exec", dont_inherit=True), namespace)
        judge = namespace["judge"]
    ahead = asked_of(suite["entry_point"], suite["inputs"])
    return {**suite, "expected": expected, "judge": judge, "ahead": ahead}


def _run_inputs(tester: Tester, suite: dict[str, Any], program: str, timeout_s: float) -> Result:
    def tests(session: Session, failures: Failures) -> None:
        candidate = Remote(
            session, suite["entry_point"], writes_back=False
        )  # the arguments serve the next program
        judge = suite["judge"]
        for arguments, expected in zip(suite["inputs"], suite["expected"], strict=True):
            with failures:
                output = candidate(*arguments)
                right = (
                    judge(output, arguments, expected) if judge else agrees(output, expected, suite["atol"])
                )
                if not right:
                    raise AssertionError(f"gave {output!r:.200} where {expected!r:.200} is right")

    return _run_tests(tester, program, timeout_s, tests)


# --- stdin: what a script prints for an input ---


def _run_stdin(tester: Tester, suite: dict[str, Any], program: str, timeout_s: float) -> Result:
    for number, test in enumerate(suite["tests"], 1):
        result = _run_script(tester, program, test["input"], timeout_s)
        if result["outcome"] != "passed":
            return {"outcome": result["outcome"], "detail": f"test {number}: {result['detail']}"}
        if not agrees_with(result["output"], test["output"], suite["rule"], suite["tolerance"]):
            shown = result["output"][:200].decode(errors="replace")
            return {"outcome": "failed", "detail": f"test {number}: printed {shown!r}"}
    return {"outcome": "passed", "share": 1.0}


def _run_script(tester: Tester, program: str, text: str, timeout_s: float, mode: str = "script") -> Result:
    tester.clear()
    reader, writer = os.pipe()
    fds = [memory_file(program), memory_file(text), writer]
    ended: dict[str, int] = {}
    deadline = time.monotonic() + timeout_s
    try:
        with tester._server.process(mode, fds, ended):
            output, why = read_to_the_end(
                reader, tester._server.control, deadline, tester._output_bytes, ended
            )
    finally:
        os.close(reader)
    if why:
        return {"outcome": "timeout" if why == "timeout" else "failed", "detail": why}
    status = ended["ended"]
    if not os.WIFEXITED(status) or os.WEXITSTATUS(status) != 0:
        return {"outcome": "failed", "detail": _how_it_ended({"ended": status}), "output": output}
    return {"outcome": "passed", "output": output}


_PREPARE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "check": _prepare_check,
    "asserts": _prepare_asserts,
    "count": _prepare_asserts,
    "inputs": _prepare_inputs,
    "stdin": dict,
}
_RUN: dict[str, Callable[[Tester, dict[str, Any], str, float], Result]] = {
    "check": _run_check,
    "asserts": _run_asserts,
    "count": _run_count,
    "inputs": _run_inputs,
    "stdin": _run_stdin,
}


def main() -> None:
    """Serve jobs until the host hangs up. argv: settings as JSON, the host's socket, and one to the fork server for each of `KINDS`."""
    settings = json.loads(sys.argv[1])
    limits = Limits(**settings["tester_limits"])
    if settings["namespaces"]:
        drop_privileges(own_uid() if settings["users"] else None)
    limit_resources(limits)
    filter_system_calls(settings["tester_filter"])
    sys.setrecursionlimit(3000)
    allow_long_integers()
    host = Channel(socket.socket(fileno=int(sys.argv[2])), _MAX_JOB)
    controls = (socket.socket(fileno=int(number)) for number in sys.argv[3:])
    server = ForkServer(dict(zip(KINDS, controls, strict=True)))
    tester = Tester(server, settings)
    server.await_ready()
    host.send("ready")
    while True:
        try:
            job = host.receive()
        except ChannelError:
            return
        try:
            if "suite" in job:
                tester.learn(job["key"], job["suite"])
            answer = tester.run(job["key"], job["program"], job["limits"], job["beside"])
        except Exception as error:  # the tests themselves are broken: neither right nor wrong
            answer = {
                "outcome": "error",
                "detail": f"the tests failed to run: {type(error).__name__}: {error}"[:500],
            }
        host.send(answer)


if __name__ == "__main__":
    main()
