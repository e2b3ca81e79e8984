"""Tests that go on after a failure, so that the next call of a program tells it nothing of its last answer.

Tests that stopped at the first wrong answer would tell a program that each answer before was right: whoever could leave marks for the
next sample would find a right program by guessing, call by call. Here every program is asked all that a right one is asked. What decides
is the first failure, as it would have been. A program that hangs after it is cut off soon: it would cost as much as one that is right so
far. So one that stalls at every call could still tell, if it found a place for its marks.
"""

from __future__ import annotations

import ast
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

    from ttscale.verifiers.code.inside.remote import Session

NAME = "__ttscale_failures__"
"""What a `Failures` is called in the tests."""

LONGEST_AFTER_S = 0.1
"""How long a program is asked on after a failure; of CodeT's programs about 1 in 200 takes longer for all that is left."""


class Failures:
    """Takes note of the first failure in what it is a context for, and goes on, unless the program cannot be asked any more.

    Attributes:
        first: The failure, or None.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.first: Exception | None = None

    def __enter__(self) -> None:
        """Nothing to be done."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: TracebackType | None) -> bool:
        """Note a failure; let pass what ends the conversation."""
        if not isinstance(error, Exception):
            return False
        if self.first is None:
            self.first = self._session.failure or error
            self._session.deadline = min(self._session.deadline, time.monotonic() + LONGEST_AFTER_S)
        return self._session.failure is None


def going_on(source: str, name: str) -> ast.Module:
    """Return a module in whose function of this name every statement fails by itself, those of loops each time.

    What is inside ``try``, ``with`` and functions stays together: there, a failure may be what is expected.

    >>> print(ast.unparse(going_on("def check(f):\\n    for x in 1, 2:\\n        assert f(x)", "check")))
    def check(f):
        with __ttscale_failures__:
            for x in (1, 2):
                with __ttscale_failures__:
                    assert f(x)
    """
    module = ast.parse(source, "tests.py")
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            node.body = _each_by_itself(node.body)
    return ast.fix_missing_locations(module)


def _each_by_itself(statements: list[ast.stmt]) -> list[ast.stmt]:
    for each in statements:
        if isinstance(each, ast.For | ast.While | ast.If):
            each.body = _each_by_itself(each.body)
            each.orelse = _each_by_itself(each.orelse)
    return [ast.copy_location(_noting(each), each) for each in statements]


def _noting(statement: ast.stmt) -> ast.stmt:
    context = ast.withitem(context_expr=ast.Name(id=NAME, ctx=ast.Load()))
    return ast.With(items=[context], body=[statement])
