"""A program with its tests in one process, as most harnesses run them: what they do with each other is what they would do anywhere.

Nothing that comes of it can be trusted: the program sees the tests, and may say what it likes. It serves to tell a wrong program from
one that the tests could not follow from outside (`...inside.doubt`).
"""

from __future__ import annotations

import json
import os
import random
import sys
import types

from ttscale.verifiers.code.inside.as_script import remember_source
from ttscale.verifiers.code.inside.errors import text_of

SEED = 20210707
"""HumanEval's random tests are the same on every run."""
PASSED = "passed"


def run_beside(source: str, tests: str, told: int, *, leaves_file: bool) -> int:
    """Run a program and its tests; tell how it went, and return the exit code.

    Args: source: The program. tests: JSON: texts to run before it, and after it. told: Descriptor of where to tell.
        leaves_file: Whether the program stands in a file, too.
    """
    before, after = json.loads(tests)
    path = remember_source(source, leaves_file=leaves_file)
    module = types.ModuleType("candidate")
    sys.modules["candidate"], module.__file__ = module, path
    random.seed(SEED)
    try:
        for name, text in [("before.py", before), (path, source), ("tests.py", after)]:
            exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)
    except BaseException as error:  # SystemExit and the like are failures, too
        os.write(told, f"{type(error).__name__}: {text_of(error)}".encode("utf-8", "replace"))
        return 1
    os.write(told, PASSED.encode())
    return 0
