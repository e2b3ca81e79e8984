"""Which tests tell from outside what they would tell beside the program: those that call it and compare what it gives.

Tests that patch a module, read a file that the program wrote, or catch what it prints do so in their own process, where the program is
not. They fail for a right program, too. So where tests do more than call and compare, or got more than plain data, a failure is looked
at a second time, beside the program.
"""

from __future__ import annotations

import ast
from typing import Any

Texts = tuple[str, str]
"""What is run before a program, and after it."""

_NODES = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assert, ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign,
    ast.For, ast.While, ast.If, ast.Pass, ast.Break, ast.Continue, ast.Try, ast.ExceptHandler, ast.Raise,
    ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call,
    ast.keyword, ast.Starred, ast.Subscript, ast.Slice, ast.Attribute, ast.IfExp, ast.Lambda, ast.comprehension, ast.ListComp,
    ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.JoinedStr, ast.FormattedValue, ast.Import, ast.ImportFrom, ast.alias,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip
_PURE = frozenset(
    ("math", "cmath", "itertools", "functools", "operator", "collections", "string", "copy", "typing", "fractions", "decimal", "statistics")
)  # fmt: skip
"""Modules that change nothing and remember nothing."""
_METHODS = frozenset(
    name for kind in (str, bytes, int, float, complex, list, tuple, dict, set) for name in dir(kind) if not name.startswith("_")
)  # fmt: skip
_OTHERS = frozenset(
    [
        "open",
        "input",
        "print",
        "exec",
        "eval",
        "compile",
        "globals",
        "locals",
        "vars",
        "dir",
        "id",
        "type",
        "getattr",
        "setattr",
        "hasattr",
        "delattr",
        "callable",
        "super",
        "object",
        "memoryview",
        "issubclass",
        "breakpoint",
        "help",
        "exit",
        "quit",
        "hash",
        "iter",
        "__import__",
    ]
)


def is_plain(source: str, names: tuple[str, ...]) -> bool:
    """Say whether tests only call functions and compare what they give.

    >>> is_plain("assert f([2, 1]) == sorted([2, 1])", ("f",)), is_plain("assert f.__name__ == 'f'", ("f",))
    (True, False)
    """
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError):
        return False
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    return all(isinstance(node, _NODES) and _is_plain(node, called, names) for node in nodes)


def _is_plain(node: ast.AST, called: set[int], names: tuple[str, ...]) -> bool:
    if isinstance(node, ast.Name):
        return node.id not in _OTHERS and (
            node.id not in names or id(node) in called or isinstance(node.ctx, ast.Store)
        )
    if isinstance(node, ast.Attribute):
        of_module = isinstance(node.value, ast.Name) and node.value.id in _PURE
        return not node.attr.startswith("_") and (of_module or node.attr in _METHODS)
    if isinstance(node, ast.Import):
        return all(alias.name in _PURE for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module in _PURE
    if isinstance(node, ast.Compare):
        return all(_tells_values(op, to) for op, to in zip(node.ops, node.comparators, strict=True))
    return not isinstance(node, ast.FunctionDef) or not node.decorator_list


def _tells_values(op: ast.cmpop, to: ast.expr) -> bool:
    """Say whether a comparison is of values, not of which object it is; None, True and False are one each."""
    return not isinstance(op, ast.Is | ast.IsNot) or (
        isinstance(to, ast.Constant) and to.value in (None, True, False)
    )


def beside(suite: dict[str, Any]) -> Texts | None:
    """Return a suite's tests as they are run beside a program; None: they are data, which tell the same from anywhere."""
    if suite["kind"] == "check":
        return suite["setup"], f"{suite['test']}\n\ncheck({suite['entry_point']})\n"
    if suite["kind"] == "asserts":
        imports = (f"import {module}" for module in suite.get("modules", ()))
        return "", "\n".join([*imports, suite.get("setup", ""), *suite["tests"]])
    return None


def text_of(suite: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return the text of a suite's tests, and what they call the program's functions."""
    if suite["kind"] == "check":
        return suite["test"], ("candidate", suite["entry_point"])
    return "\n".join([suite.get("setup", ""), *suite["tests"]]), tuple(suite["names"])


_OF_THE_TESTS = ("ImportError", "ModuleNotFoundError", "NameError")


def second_opinion(first: dict[str, Any], told: str, *, passed: bool, trusts: bool) -> dict[str, Any]:
    """Return what to say of a program that failed from outside, after it was run beside its tests.

    Args: first: What was said. told: What became of the second run, in its own words. passed: Whether it went well.
        trusts: Whether that is believed.
    """
    if passed and trusts:
        return {
            "outcome": "passed",
            "share": 1.0,
            "detail": "the tests pass beside the program, which is trusted (beside: trust)",
        }
    if passed:
        said = f"the tests pass beside the program, which proves nothing, and not from outside: {first['detail']}"
        return {"outcome": "error", "detail": f"{said}; `beside: trust` believes them"[:700]}
    if first["outcome"] == "error" and not told.startswith(_OF_THE_TESTS):
        return {"outcome": "failed", "detail": told[:500] or "the program ended before its tests were done"}
    return first
