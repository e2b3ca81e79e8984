"""Programs that start as many processes as they can, and honest ones that start some, confined in each way that there is.

Run as a script with the name of a way (`confined_ways.confine_as`), it prints what was found as JSON.
"""

import json
import sys
from pathlib import Path
from textwrap import dedent

from confined_ways import confine_as

MOST = 40
"""Processes and threads of a program: the verifier's default."""

_HEAD = f"""
import ctypes, os, signal, threading, time
STOP = {15 * MOST}  # where nothing else stops it
def tell(alive):
    print("bounded" if alive <= {MOST} else alive, flush=True)
    os._exit(0)
"""
BOMBS = {
    "forks": """
        alive = 1
        try:
            while alive < STOP:
                if os.fork() == 0: signal.pause()
                alive += 1
        except OSError: pass
        tell(alive)
        """,
    "forks of forks": """
        first, (there, here) = os.getpid(), os.pipe()
        for _ in range(9):
            try:
                if os.fork() == 0: os.write(here, b".")
            except OSError: pass
        if os.getpid() != first: signal.pause()
        time.sleep(1)
        os.write(here, b".")
        tell(len(os.read(there, 1 << 16)))
        """,
    "threads": """
        alive = 1
        try:
            while alive < STOP:
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
                alive += 1
        except RuntimeError: pass
        tell(alive)
        """,
    "orphans in sessions of their own": """
        there, here = os.pipe()
        for _ in range(STOP):
            try:
                if os.fork() == 0:
                    os.setsid()
                    if os.fork(): os._exit(0)
                    os.write(here, b".")
                    signal.pause()
            except OSError: os._exit(0) if os.getpid() != 1 else None
            try: os.waitpid(-1, os.WNOHANG)
            except OSError: pass
        time.sleep(1)
        os.write(here, b".")
        tell(len(os.read(there, 1 << 16)))
        """,
    "commands": """
        alive = 1
        try:
            while alive < STOP:
                os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
                alive += 1
        except OSError: pass
        tell(alive)
        """,
}
"""Each prints "bounded", or how many processes were alive at once."""

HONEST = {
    "32 threads": "ts = [threading.Thread(target=time.sleep, args=(0.3,)) for _ in range(32)]\n[t.start() for t in ts]\n[t.join() for t in ts]\ntell(1)",
    "pool": "from multiprocessing import Pool\nwith Pool(8) as pool: tell(sum(pool.map(abs, range(9))))",
    "executor": "from concurrent.futures import ProcessPoolExecutor\nwith ProcessPoolExecutor(8) as pool: tell(sum(pool.map(abs, range(9))))",
    "many, one after another": "for _ in range(200):\n    if os.fork() == 0: os._exit(0)\n    os.wait()\ntell(1)",
}


def program_of(body: str) -> str:
    """Return a script that prints "bounded" where it has been given no more than it may have."""
    return f"{_HEAD}\n{dedent(body)}"


def _found() -> dict[str, str]:
    from ttscale.execution.sandbox import find_sandbox
    from ttscale.types import Problem, Sample
    from ttscale.verifiers.code import CodeOptions, CodeVerifier
    from ttscale.verifiers.contract import Candidate

    if not find_sandbox().available:
        return {"sandbox": find_sandbox().detail}
    problem = Problem(problem_id="p", prompt="", hidden={"stdin_tests": [{"input": "", "output": "bounded"}]})
    verifier = CodeVerifier(CodeOptions(timeout_s=20.0, workers=1, extraction="whole"))
    found = {}
    for name, body in {**BOMBS, **HONEST}.items():
        sample = Sample(
            problem_id="p", sample_index=0, completion=program_of(body), finish_reason="stop", prompt_tokens=0, completion_tokens=0
        )  # fmt: skip
        (verdict,) = verifier.verify([Candidate(problem, sample)])
        found[name] = f"{verdict.outcome} {verdict.detail or ''}"
    verifier.close()
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    confine_as(sys.argv[1])
    print(json.dumps(_found()))
