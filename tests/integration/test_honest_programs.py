"""Programs that are right and odd: what Python gives a script of its own, and what it does when the script ends."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from ttscale.execution.sandbox import find_sandbox
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.code import CodeOptions, CodeVerifier
from ttscale.verifiers.contract import Candidate

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")

RIGHT: dict[str, tuple[str, str, str]] = {
 "devstdin": ("print(2*int(open('/dev/stdin').read()))","4\n","8\n"),
 "fileinput": ("import fileinput\nfor l in fileinput.input(): print(2*int(l))","4\n","8\n"),
 "atexit": ("import atexit\natexit.register(lambda: print(8))","4\n","8\n"),
 "atexit_exit": ("import atexit, sys\natexit.register(lambda: print(8))\nsys.exit()","4\n","8\n"),
 "thread": ("import threading,time\ndef f():\n    time.sleep(.2)\n    print(8)\nthreading.Thread(target=f).start()","4\n","8\n"),
 "daemon": ("import threading,time\ndef f():\n    time.sleep(5)\n    print(9)\nthreading.Thread(target=f,daemon=True).start()\nprint(8)","4\n","8\n"),
 "dunder_stdout": ("import sys\nsys.__stdout__.write('8\\n')","4\n","8\n"),
 "dunder_stdin": ("import sys\nprint(2*int(sys.__stdin__.read()))","4\n","8\n"),
 "stderr": ("import sys\nprint('x',file=sys.stderr)\nsys.__stderr__.write('y')\nprint(8)","4\n","8\n"),
 "out5mb": ("print('a'*5_000_000)","","a"*5_000_000),
 "in20mb": ("import sys\nprint(len(sys.stdin.read()))","a"*20_000_000,"20000000"),
 "getsource": ("import inspect\ndef f(): return 1\nprint('return 1' in inspect.getsource(f))","","True"),
 "file": ("import os\nprint(os.path.basename(__file__))","","candidate.py"),
 "argv": ("import sys\nprint(len(sys.argv))","","1"),
 "subprocess": ("import subprocess,sys\nprint(subprocess.run([sys.executable,'-c','print(8)'],capture_output=True,text=True).stdout.strip())","","8"),
 "subprocess_inherit": ("import subprocess,sys\nsubprocess.run([sys.executable,'-c','print(8)'])","","8"),
 "pool": ("from multiprocessing import Pool\ndef f(x): return 2*x\nif __name__=='__main__':\n    with Pool(2) as p: print(sum(p.map(f,[1,3])))","","8"),
 "process": ("from multiprocessing import Process, Queue\ndef f(q): q.put(8)\nif __name__=='__main__':\n    q=Queue()\n    p=Process(target=f,args=(q,)); p.start(); print(q.get()); p.join()","","8"),
 "futures": ("from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(32) as e: print(sum(e.map(lambda x: x, range(5)))-2)","","8"),
 "pfutures": ("from concurrent.futures import ProcessPoolExecutor\ndef f(x): return x\nif __name__=='__main__':\n    with ProcessPoolExecutor(2) as e: print(sum(e.map(f,[3,5])))","","8"),
 "threads32": ("import threading,time\nts=[threading.Thread(target=time.sleep,args=(.3,)) for _ in range(32)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(8)","","8"),
 "recursion": ("import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return 0 if n==0 else 1+f(n-1)\nprint(f(20000))","","20000"),
 "mem700": ("a=bytearray(700<<20)\nprint(8)","","8"),
 "main_import": ("import __main__\nx=8\nprint(__main__.x)","","8"),
 "pickle": ("import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)","","True"),
 "dataclass": ("from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nprint(A(8).x)","","8"),
 "typing": ("import typing\nclass A:\n    x: 'int'\nprint(typing.get_type_hints(A)['x'].__name__)","","int"),
 "input_prompt": ("n=int(input(''))\nprint(2*n)","4\n","8"),
 "readlines": ("import sys\nprint(2*int(sys.stdin.readlines()[0]))","4","8"),
 "osread": ("import os\nprint(2*int(os.read(0,100)))","4","8"),
 "closed": ("import sys\nprint(8)\nsys.stdout.close()","","8"),
 "flush": ("import sys\nprint(8,flush=True)\nsys.stdout.buffer.flush()","","8"),
 "tmpfile": ("open('a.txt','w').write('8')\nprint(open('a.txt').read())","","8"),
 "tempfile": ("import tempfile\nf=tempfile.TemporaryFile('w+')\nf.write('8');f.seek(0);print(f.read())","","8"),
 "signal": ("import signal\nsignal.alarm(5)\nprint(8)","","8"),
 "gc": ("import gc\ngc.collect()\nprint(8)","","8"),
 "resource": ("import resource\nprint(8 if resource.getrusage(0).ru_maxrss else 0)","","8"),
 "random_seed": ("import random\nrandom.seed(1)\nprint(random.randint(1,1)*8)","","8"),
 "locale": ("import locale\nprint(8)","","8"),
 "memory": ("import os\nprint(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') >> 20, os.sysconf('SC_NPROCESSORS_ONLN') > 0)","","1024 True"),
 "server": ("import http.server, threading, urllib.request as u\ns = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\nthreading.Thread(target=s.serve_forever, daemon=True).start()\nprint(u.urlopen(f'http://127.0.0.1:{s.server_port}/').status)","","200"),
 "manager": ("from multiprocessing import Manager\nif __name__ == '__main__':\n    d = Manager().dict()\n    d[1] = 8\n    print(d[1])","","8"),
 "database": ("import sqlite3\nc = sqlite3.connect('x.db')\nc.execute('create table t(a)')\nc.execute('insert into t values(8)')\nc.commit()\nprint(*c.execute('select a from t').fetchone())","","8"),
 "lock": ("import fcntl\nf = open('l', 'w')\nfcntl.flock(f, fcntl.LOCK_EX)\nprint(8)","","8"),
 "ctx": ("import multiprocessing as mp\nl=mp.Lock()\nwith l: print(8)","","8"),
 "own module": ("open('mod.py', 'w').write('x = 8')\nimport mod\nprint(mod.x)","","8"),
 "user": ("import getpass\nprint(8 if getpass.getuser() else 0)","","8"),
 "finally": ("def g():\n    try: yield 1\n    finally: print(8)\nx = g()\nnext(x)","","8"),
 "finalizer": ("import sys\nclass A:\n    def __del__(self): sys.stdout.write('8\\n')\n    def me(self): return A\na = A()\nb = [a]\nb.append(b)","","8"),
 "value": ("import multiprocessing as mp\nv=mp.Value('i',8)\nprint(v.value)","","8"),
}  # fmt: skip
"""name -> program, input, output."""


ONE_USER: dict[str, tuple[str, str, str]] = {
 **{name: RIGHT[name] for name in ("pool", "process", "pfutures", "manager", "server")},
 "lines": ("import asyncio\nasync def main():\n    async def serve(r, w):\n        w.writelines([b'8', b'', b'\\n'])\n        await w.drain()\n        w.close()\n    s = await asyncio.start_server(serve, '127.0.0.1', 0)\n    r, w = await asyncio.open_connection(*s.sockets[0].getsockname()[:2])\n    print((await r.read()).decode())\nasyncio.run(main())","","8"),
 "parts": ("import socket\na, b = socket.socketpair()\na.sendmsg([b'8', bytearray(b' '), memoryview(b'8')])\nprint(b.recv(9).decode())","","8 8"),
 "datagram": ("import socket\na = socket.socket(type=socket.SOCK_DGRAM)\na.bind(('127.0.0.1', 0))\nsocket.socket(type=socket.SOCK_DGRAM).sendmsg([b'8'], [], 0, a.getsockname())\nprint(a.recv(9).decode())","","8"),
 "start": ("import multiprocessing as mp\ndef f(q): q.put(8)\nif __name__ == '__main__':\n    mp.set_start_method('spawn')\n    q = mp.Queue()\n    mp.Process(target=f, args=(q,)).start()\n    print(q.get())","","8"),
}  # fmt: skip
"""Where all programs are one user, none can send descriptors: programs of libraries that would, or that send by the same call."""


@pytest.fixture(scope="module")
def verifier_of_one_user() -> Iterator[CodeVerifier]:
    made = CodeVerifier(CodeOptions(timeout_s=20.0, workers=1, extraction="whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ttscale.execution.sandbox._kinds", lambda _: [("in a user namespace", False, False)])
        patch.setattr("ttscale.execution.sandbox._BOUNDED", "print(42)")  # root's processes are not limited
        find_sandbox.cache_clear()
        if not find_sandbox().available:
            pytest.skip(find_sandbox().detail)
        judge(made, "print(8)", "", "8")  # how programs are confined is settled now
    find_sandbox.cache_clear()
    yield made
    made.close()


@pytest.mark.parametrize("name", ONE_USER)
def test_what_sends_no_descriptors_works_where_none_can_be_sent(
    name: str, verifier_of_one_user: CodeVerifier
) -> None:
    verdict = judge(verifier_of_one_user, *ONE_USER[name])
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


def test_descriptors_are_sent_where_each_program_is_a_user_of_its_own(verifier: CodeVerifier) -> None:
    if not find_sandbox().users:
        pytest.skip("only root can run programs as users of their own")
    program = "import socket\na, b = socket.socketpair()\nsocket.send_fds(a, [b'8'], [0])\nprint(socket.recv_fds(b, 9, 1)[0].decode())"
    assert judge(verifier, program, "", "8").outcome is Outcome.CORRECT


@pytest.fixture(scope="module")
def verifier() -> Iterator[CodeVerifier]:
    made = CodeVerifier(CodeOptions(timeout_s=20.0, workers=1, extraction="whole"))
    yield made
    made.close()


def judge(verifier: CodeVerifier, program: str, given: str, expected: str) -> Verdict:
    problem = Problem(
        problem_id="p", prompt="", hidden={"stdin_tests": [{"input": given, "output": expected}]}
    )
    sample = Sample(
        problem_id="p",
        sample_index=0,
        completion=program,
        finish_reason="stop",
        prompt_tokens=0,
        completion_tokens=0,
    )
    (verdict,) = verifier.verify([Candidate(problem, sample)])
    return verdict


@pytest.mark.parametrize("name", RIGHT)
def test_an_honest_script_is_correct(name: str, verifier: CodeVerifier) -> None:
    verdict = judge(verifier, *RIGHT[name])
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


def test_a_function_that_turns_out_to_do_more_than_compute_is_run_again_from_its_start(
    verifier: CodeVerifier,
) -> None:
    program = "calls = []\ndef f(x):\n    calls.append(x)\n    write = globals()['__built' + 'ins__']['op' + 'en'] if x == 3 else str\n"
    program += (
        "    if x == 3:\n        with write('mark', 'w') as file: file.write('8')\n    return len(calls)"
    )
    tests = {"tests": ["assert f(1) == 1", "assert f(3) == 2", "assert f(5) == 3"]}
    assert judged(verifier, program, {}, **tests).outcome is Outcome.CORRECT
    wrong = {"tests": [*tests["tests"], "assert f(3) == 5"]}
    assert judged(verifier, program, {}, **wrong).outcome is Outcome.INCORRECT


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("def f(x): return iter([x])", Outcome.CORRECT),
        ("class C(list):\n    def __len__(self): return 1\ndef f(x): return C([x])", Outcome.CORRECT),
        ("class C:\n    def __init__(self, x): self.x = x\n    def __iter__(self): return iter([self.x])\ndef f(x): return C(x)", Outcome.CORRECT),
        ("class C:\n    made = []\n    def __init__(self, x): C.made.append(x)\n    def __iter__(self): return iter(C.made[-1:])\ndef f(x): return C(x)", Outcome.CORRECT),
        ("class C:\n    made = []\n    def __init__(self, x): C.made.append(x)\n    def __iter__(self): return iter(C.made[:1])\ndef f(x): return C(x)", Outcome.INCORRECT),
    ],
)  # fmt: skip
def test_an_object_of_the_program_is_asked_before_the_next_call(
    program: str, outcome: Outcome, verifier: CodeVerifier
) -> None:
    tests = {"tests": ["assert list(f(1)) == [1]", "assert list(f(2)) == [2]", "assert list(f(3)) == [3]"]}
    assert judged(verifier, program, {}, **tests).outcome is outcome


def test_arguments_changed_in_place_are_those_of_their_own_call(verifier: CodeVerifier) -> None:
    tests = {"tests": ["assert f([3, 1]) is None", "a = [2, 1]; f(a); assert a == [1, 2]"]}
    assert judged(verifier, "def f(a): a.sort()", {}, **tests).outcome is Outcome.CORRECT
    assert judged(verifier, "def f(a): return sorted(a)", {}, **tests).outcome is Outcome.INCORRECT


@pytest.mark.parametrize(
    "program",
    ["import atexit\natexit.register(lambda: print(9))\nprint(8)", "import threading\nthreading.Thread(target=print, args=(9,)).start()\nprint(8)",
     "print(8)\nraise SystemExit(3)", "import sys\nprint(8)\nsys.exit('no')", "import os\nprint(8, flush=True)\nos._exit(2)"],
)  # fmt: skip
def test_what_a_script_does_at_its_end_counts(program: str, verifier: CodeVerifier) -> None:
    assert judge(verifier, program, "", "8").outcome is Outcome.INCORRECT


def test_shared_memory_of_one_program_is_not_there_for_the_next(verifier: CodeVerifier) -> None:
    leave = "open('/dev/shm/x', 'w').write('y')\nprint(8)"
    look = "import os\nprint(9 if os.path.exists('/dev/shm/x') else 8)"
    for program in (leave, look, leave, look):
        assert judge(verifier, program, "", "8").outcome is Outcome.CORRECT


def test_inspect_and_file_work_in_a_function(verifier: CodeVerifier) -> None:
    program = (
        "import inspect, os\ndef f(): return 'return' in inspect.getsource(f), os.path.basename(__file__)"
    )
    problem = Problem(problem_id="f", prompt="", hidden={"tests": ["assert f() == (True, 'candidate.py')"]})
    sample = Sample(
        problem_id="f",
        sample_index=0,
        completion=program,
        finish_reason="stop",
        prompt_tokens=0,
        completion_tokens=0,
    )
    (verdict,) = verifier.verify([Candidate(problem, sample)])
    assert verdict.outcome is Outcome.CORRECT, verdict.detail


NEEDS: dict[str, tuple[str, dict[str, float]]] = {
    "memory": ("a = bytearray(1500 << 20)\nprint(8)", {"memory_mb": 3000}),
    "time": ("import time\ntime.sleep(1.5)\nprint(8)", {"timeout_s": 20}),
    "processes": (
        "import threading, time\nts = [threading.Thread(target=time.sleep, args=(0.5,)) for _ in range(60)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nprint(8)",
        {"processes": 80},
    ),
    "output": ("print('8' + ' ' * (20 << 20))", {"output_mb": 32}),
}
"""What a benchmark may allow: programs that need it."""


@pytest.mark.parametrize("name", NEEDS)
def test_a_benchmark_says_what_its_programs_may_use(name: str) -> None:
    program, limits = NEEDS[name]
    tight = {"memory_mb": 900, "timeout_s": 1.0, "processes": 40, "output_mb": 16}
    outcomes = {}
    with contextlib.closing(CodeVerifier(CodeOptions(workers=1, extraction="whole"))) as verifier:
        for how, given in {
            "allowed": {"timeout_s": 20, **limits},
            "tight": {**tight, "timeout_s": 20} if name != "time" else tight,
            "nothing said": {},
        }.items():
            outcomes[how] = judged(verifier, program, given).outcome
    assert outcomes["allowed"] is Outcome.CORRECT
    assert outcomes["tight"] is (Outcome.TIMEOUT if name == "time" else Outcome.INCORRECT)
    assert (outcomes["nothing said"] is Outcome.CORRECT) == (name == "time")  # 10 s, 1024 MiB, 40, 16 MiB


def test_what_the_options_say_goes_before_the_benchmark() -> None:
    program, limits = NEEDS["memory"]
    with contextlib.closing(
        CodeVerifier(CodeOptions(workers=1, extraction="whole", memory_mb=900))
    ) as verifier:
        assert judged(verifier, program, {"timeout_s": 20, **limits}).outcome is Outcome.INCORRECT
    with contextlib.closing(
        CodeVerifier(CodeOptions(workers=1, extraction="whole", memory_mb=3000))
    ) as verifier:
        assert judged(verifier, program, {"timeout_s": 20, "memory_mb": 900}).outcome is Outcome.CORRECT


def test_each_statement_may_have_the_time_for_itself() -> None:
    tests = {"tests": ["assert f(1) == 1", "assert f(2) == 2", "assert f(3) == 3"]}
    program = "import time\ndef f(x):\n    time.sleep(1.2)\n    return x"
    with contextlib.closing(CodeVerifier(CodeOptions(workers=1, extraction="whole"))) as verifier:
        for each, outcome in ((True, Outcome.CORRECT), (False, Outcome.TIMEOUT)):
            limits = {"timeout_s": 3.0, "timeout_each": each} if each else {"timeout_s": 3.0}
            assert judged(verifier, program, limits, **tests).outcome is outcome


@pytest.mark.parametrize("limits", [{"memory": 3}, {"memory_mb": 0}, {"timeout_s": -1}, {"timeout_s": "10"}, {"output_mb": float("inf")}, [3]])  # fmt: skip
def test_limits_that_are_none_are_an_error_that_says_which_there_are(limits: Any) -> None:
    with contextlib.closing(CodeVerifier(CodeOptions(workers=1, extraction="whole"))) as verifier:
        verdict = judged(verifier, "print(8)", limits)
    assert verdict.outcome is Outcome.ERROR
    assert "memory_mb" in str(verdict.detail)


def judged(verifier: CodeVerifier, program: str, limits: Any, **tests: Any) -> Verdict:
    hidden = {**(tests or {"stdin_tests": [{"input": "", "output": "8"}]}), "limits": limits}
    sample = Sample(
        problem_id="p", sample_index=0, completion=program, finish_reason="stop", prompt_tokens=0, completion_tokens=0
    )  # fmt: skip
    (verdict,) = verifier.verify([Candidate(Problem(problem_id="p", prompt="", hidden=hidden), sample)])
    return verdict
