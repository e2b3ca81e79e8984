"""What a problem says of its tests: the contract between code tasks and code verifiers.

A task puts one of these into ``Problem.hidden`` (or ``metadata``, where any verifier may see them); the first that
is present is used, in this order:

* ``stdin_tests``: list of ``{"input": str, "output": str}``. The program is a script. Optional ``output_rule`` says how
  printed text is compared ("decimals" by default: see `ttscale.verifiers.code.inside.printed`),
  ``output_tolerance`` how far numbers may be off (absolute or relative, default 0).
* ``test`` and ``entry_point``: source of a function ``check(candidate)`` full of assertions (HumanEval).
* ``inputs``, ``canonical_solution`` and ``entry_point``: lists of arguments; the reference solution says what
  they should give (EvalPlus: ``base_input`` and ``plus_input`` joined). Optional ``atol`` (float) and
  ``judge`` (source of a function ``judge(output, arguments, expected) -> bool`` for problems with several
  right answers).
* ``tests``: list of assert statements about functions of the program (MBPP). Optional ``test_setup`` (source
  run before them), and ``entry_points`` (names the program must define, needed only where one shadows a
  builtin).

And with any of them:

* ``limits``: what the benchmark itself allows a program: any of ``timeout_s``, ``memory_mb``, ``processes``,
  ``output_mb``, and ``timeout_each: true`` where every assert statement has that time for itself. An option of the
  verifier goes before them.
* ``code_prompt``: source that the completion continues (a signature with its docstring). Its other functions
  are helpers that the tests may use: they are taken from here, never from the program.
"""

import ast
import builtins
import hashlib
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ttscale.errors import InvalidInputError
from ttscale.types import Problem

Suite = dict[str, Any]
"""A suite of tests as it is sent to the tester: plain data with a `kind`."""

OUTPUT_RULES = ("lines", "decimals", "livecodebench", "tokens")
_NEEDED = "stdin_tests, test, inputs with canonical_solution, or tests"


def suite_of(problem: Problem) -> Suite:
    """Return the tests of a problem.

    Raises:
        InvalidInputError: The metadata holds no tests, or incomplete ones.
    """
    metadata = {**problem.metadata, **problem.hidden}
    if metadata.get("stdin_tests"):
        return _stdin_suite(problem, metadata)
    if metadata.get("test"):
        return {
            "kind": "check",
            "setup": metadata.get("code_prompt", ""),
            "test": metadata["test"],
            "entry_point": _entry_point(problem),
        }
    if metadata.get("inputs") and "canonical_solution" in metadata:
        return {
            "kind": "inputs",
            "reference": metadata.get("code_prompt", "") + metadata["canonical_solution"],
            "inputs": [list(arguments) for arguments in metadata["inputs"]],
            "entry_point": _entry_point(problem),
            "atol": float(metadata.get("atol", 0.0)),
            "judge": metadata.get("judge"),
        }
    if metadata.get("tests"):
        return asserts_suite(
            metadata["tests"],
            setup=metadata.get("test_setup", ""),
            entry_points=metadata.get("entry_points", ()),
            timeout_each=bool(limits_of(problem).get("timeout_each")),
        )
    raise InvalidInputError(
        f"Problem '{problem.problem_id}' has no tests for the code verifier: its metadata needs {_NEEDED}, "
        f"but holds {', '.join(sorted(metadata)) or 'nothing'}."
    )


def _stdin_suite(problem: Problem, metadata: Mapping[str, Any]) -> Suite:
    rule, tolerance = metadata.get("output_rule", "decimals"), metadata.get("output_tolerance", 0.0)
    if rule not in OUTPUT_RULES:
        raise InvalidInputError(
            f"Problem '{problem.problem_id}' has the output_rule {rule!r}. Known: {', '.join(OUTPUT_RULES)}."
        )
    tests = [dict(test) for test in metadata["stdin_tests"]]
    return {"kind": "stdin", "tests": tests, "rule": rule, "tolerance": float(tolerance)}


DEFAULT_LIMITS: dict[str, float] = {"timeout_s": 10.0, "memory_mb": 1024, "processes": 40, "output_mb": 16}
"""What a program may use where neither the verifier's options nor its problem say."""


def limits_of(problem: Problem) -> dict[str, float]:
    """Return the limits that a problem's benchmark gives its programs, where it does.

    Raises:
        InvalidInputError: They are none.
    """
    given = {**problem.metadata, **problem.hidden}.get("limits") or {}
    known = {*DEFAULT_LIMITS, "timeout_each"}
    if (
        not isinstance(given, Mapping)
        or set(given) - known
        or not all(_is_limit(each) for each in given.values())
    ):
        raise InvalidInputError(
            f"Problem '{problem.problem_id}' has the limits {given!r:.200}; they should be numbers above 0 by name: {', '.join(sorted(known))}."
        )
    return dict(given)


def _is_limit(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")


def _entry_point(problem: Problem) -> str:
    name = problem.metadata.get("entry_point")
    if not name:
        raise InvalidInputError(
            f"Problem '{problem.problem_id}' has tests but no entry_point in its metadata."
        )
    return str(name)


def names_tested(suite: Suite) -> tuple[str, ...]:
    """Return the names of the program that the tests use; none where it is a script."""
    return (suite["entry_point"],) if "entry_point" in suite else tuple(suite.get("names", ()))


def asserts_suite(
    tests: Sequence[str], *, setup: str = "", entry_points: Sequence[str] = (), timeout_each: bool = False
) -> Suite:
    """Return a suite of assert statements; names that nothing defines are functions of the program.

    >>> asserts_suite(["assert double(len('ab')) == 4"])["names"]
    ['double']
    """
    tree = parse_quietly("\n".join([setup, *tests]))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | _defined(tree)
    free = {node.id for node in names} - bound
    dotted = {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    modules = (free & dotted & sys.stdlib_module_names) - set(entry_points)
    remote = {name for name in free if not hasattr(builtins, name)} - modules | set(entry_points)
    return {
        "kind": "asserts",
        "tests": list(tests),
        "setup": setup,
        "names": sorted(remote),
        "modules": sorted(modules),
        "timeout_each": timeout_each,
    }


def parse_quietly(source: str) -> ast.Module:
    """Parse foreign source without passing on Python's warnings about it, such as odd escapes in its strings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _defined(tree: ast.Module) -> set[str]:
    """Return the names that the tests bind by definition, import or parameter."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found


def suite_key(problem: Problem, suite: Mapping[str, Any]) -> str:
    """Return a key under which a tester remembers the suite."""
    text = json.dumps(suite, sort_keys=True, default=str)
    return f"{problem.problem_id}:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
