"""What tests will ask of a program whatever it answers: calls with constant arguments, in assertions that each make one.

Read off the tests' text alone, so that no program's answer is in it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Sequence
from typing import Any

from ttscale.verifiers.code.inside.remote import call_request
from ttscale.verifiers.code.inside.wire import encode

_MOST_BYTES = 1 << 18
"""Of all requests: more is asked one by one."""

Requests = list[dict[str, Any]]


def asked_by(statements: Sequence[ast.stmt], names: dict[str, str]) -> Requests:
    """Return the calls that statements will make of functions, or none where that depends on anything.

    Args: statements: The tests. names: What the functions are called there, and in the program.

    >>> asked_by(ast.parse("assert f(1) == 2; assert f([3]) == 4").body, {"f": "g"})
    [{'do': 'call', 'args': [1], 'kwargs': {}, 'name': 'g'}, {'do': 'call', 'args': [[3]], 'kwargs': {}, 'name': 'g', 'back': [0]}]
    >>> asked_by(ast.parse("assert f(f(1)) == 2").body, {"f": "g"})
    []
    """
    try:
        return _bounded([_request(call, names) for each in statements for call in _calls(each, names)])
    except ValueError:
        return []


def asked_by_check(source: str, entry_point: str) -> Requests:
    """Return what a function ``check(candidate)`` asks whatever it is answered."""
    checks = [
        each for each in ast.parse(source).body if isinstance(each, ast.FunctionDef) and each.name == "check"
    ]
    if len(checks) != 1 or len(checks[0].args.args) != 1:
        return []
    return asked_by(checks[0].body, {checks[0].args.args[0].arg: entry_point, entry_point: entry_point})


def asked_of(name: str, inputs: Iterable[Sequence[Any]]) -> Requests:
    """Return the calls of a function with these arguments, in this order."""
    return _bounded(
        [call_request(_plain, {"name": name}, arguments, {}, writes_back=False) for arguments in inputs]
    )


def _calls(statement: ast.stmt, names: dict[str, str]) -> list[ast.Call]:
    named = [node for node in ast.walk(statement) if isinstance(node, ast.Name) and node.id in names]
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call) and node.func in named]
    is_simple = isinstance(statement, ast.Assert) and not any(map(_may_leave_out, ast.walk(statement)))
    if named and (len(named) > 1 or len(calls) != 1 or not is_simple):
        raise ValueError("more than one call, or one that may be left out")
    if not named and not isinstance(statement, ast.Assert | ast.Expr | ast.Pass):
        raise ValueError("a statement that may change what is asked")
    return calls


def _may_leave_out(node: ast.AST) -> bool:
    """Say whether what is inside may be evaluated never, or more than once."""
    kinds = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    return isinstance(node, (*kinds, ast.NamedExpr)) or (isinstance(node, ast.Compare) and len(node.ops) > 1)


def _request(call: ast.Call, names: dict[str, str]) -> dict[str, Any]:
    args = [_constant(each) for each in call.args]
    kwargs = {str(each.arg): _constant(each.value) for each in call.keywords if each.arg}
    if len(kwargs) < len(call.keywords):
        raise ValueError("arguments by a dict")
    name = next(names[node.id] for node in [call.func] if isinstance(node, ast.Name))
    return call_request(_plain, {"name": name}, args, kwargs, writes_back=True)


def _constant(node: ast.expr) -> Any:
    """Return the value of an expression of constants."""
    allowed = (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp, ast.BinOp)
    if not all(
        isinstance(each, (*allowed, ast.operator, ast.unaryop, ast.expr_context)) for each in ast.walk(node)
    ):
        raise ValueError("not a constant")
    try:
        return eval(compile(ast.Expression(node), "tests.py", "eval"))
    except Exception as error:
        raise ValueError("not a constant") from error


def _plain(value: Any) -> Any:
    def refuse(_: Any) -> int:
        raise ValueError("not plain data")

    return encode(value, refuse)


def _bounded(requests: Requests) -> Requests:
    """Return the requests where they are not too long; with a NaN, which equals nothing, they would not be recognized."""
    written = json.dumps(requests)
    return requests if len(written) <= _MOST_BYTES and json.loads(written) == requests else []
