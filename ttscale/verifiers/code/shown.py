"""The examples that a statement shows, read as tests: doctests, and calls with what they give written behind them.

Read are ``>>> f(2)`` with the printed value below it, and a call of the function, however many lines it takes, with ``==``, ``=>``,
``==>``, ``->``, ``➞``, ``=``, ``returns``, ``should return`` or a comment of these before a literal that fills the rest of
its line. Everything else a statement may say ("For N = 150 the output is ...") is not read.
"""

import ast
import doctest
import re
from collections.abc import Iterator

from ttscale.verifiers.code.suite import Suite, asserts_suite, parse_quietly

_SETUP = """
from ttscale.verifiers.code.inside.given import agrees as _agrees

def _shown(output, call, expected):
    assert _agrees(output, expected, 1e-6), f"{call} gives {output!r:.200}, but the statement shows {expected!r:.200}"
"""
"""Floats agree to 1e-6: statements round."""

_BETWEEN = re.compile(
    r"[ \t]*(?:#[ \t]*)?(?:={1,3}>|==|=(?!=)|->|➞|→|should return\b|returns?\b)[ \t]*:?[ \t]*"
)
_BEHIND = re.compile(r"[ \t]*[.;,]?[ \t]*(?:#.*)?$")
_WORDS = {"true": "True", "false": "False", "none": "None", "null": "None"}
_MOST_LINES = 20


def shown_suite(text: str, entry_point: str | None = None) -> Suite | None:
    """Return the examples of a statement as a suite of tests; None where it shows none that can be read.

    Args:
        text: The statement, or the code whose docstring it is.
        entry_point: The function that is asked for; without it only doctests are read.

    >>> shown_suite("Double it.\\n>>> double(2)\\n4\\n\\ndouble(3) == 6", "double")["tests"]
    ["_shown(double(2), 'double(2)', 4)", "_shown(double(3), 'double(3)', 6)"]
    """
    found: dict[str, None] = {}
    for part in _statements(text):
        found.update(dict.fromkeys(_doctests(part, entry_point)))
        if entry_point:
            found.update(dict.fromkeys(_written_calls(part, entry_point)))
    names = (entry_point,) if entry_point else ()
    return asserts_suite(list(found), setup=_SETUP, entry_points=names) if found else None


def _statements(text: str) -> list[str]:
    """Return the texts in code, docstrings above all; a text that is no code is one."""
    tree = _parsed(text)
    parts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)] if tree else []
    return [part for part in parts if isinstance(part, str)] or [text]


def _doctests(text: str, entry_point: str | None) -> Iterator[str]:
    try:
        examples = doctest.DocTestParser().get_examples(text)
    except ValueError:  # a prompt without its space, an indentation that changes
        return
    for example in examples:
        expected = _literal(example.want.strip())
        call = example.source.strip()
        tree = _parsed(call)
        if expected is None or tree is None or not isinstance(tree.body[0], ast.Expr):
            continue
        if entry_point is None or entry_point in {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}:
            yield _test(ast.unparse(tree), expected)


def _written_calls(text: str, entry_point: str) -> Iterator[str]:
    defines = re.search(
        rf"\b{re.escape(entry_point)}\([a-z]\w*\)[ \t]*=[ \t]", text
    )  # f(n) = ...: a recurrence
    for match in re.finditer(rf"(?<![\w.]){re.escape(entry_point)}\(", text):
        call = _call_at(text, match.start())
        if call is None:
            continue
        between = _BETWEEN.match(text, match.start() + len(call))
        if between is None or (defines and between[0].strip() == "="):
            continue
        rest = text[between.end() :].split("\n", 1)[0]
        if (expected := _leading_literal(rest)) is not None:
            yield _test(ast.unparse(parse_quietly(call)), expected)


def _call_at(text: str, start: int) -> str | None:
    """Return the source of the call that begins there; None where no bracket closes it within some lines."""
    stop = start
    for _ in range(_MOST_LINES * 5):
        stop = text.find(")", stop) + 1
        if not stop or text.count("\n", start, stop) > _MOST_LINES:
            return None
        tree = _parsed(text[start:stop])
        if tree is not None and len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
            return text[start:stop] if _has_literal_arguments(tree.body[0].value) else None
    return None


def _has_literal_arguments(node: ast.expr) -> bool:
    """Tell whether a call says all that it is given: ``f(a)`` in prose is no example."""
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and names == {node.func.id}


def _leading_literal(rest: str) -> str | None:
    """Return the literal that a line is, up to a comment or a full stop behind it."""
    ends = [len(rest), *(match.start() for match in re.finditer(r"[ \t]*[.;,]?[ \t]*#|[.;,]?[ \t]*$", rest))]
    for end in sorted(set(ends), reverse=True):
        expected = _literal(rest[:end].strip())
        if expected is not None and _BEHIND.match(rest, end):
            return expected
    return None


def _literal(source: str) -> str | None:
    """Return a literal as Python writes it, or None."""
    try:
        return repr(ast.literal_eval(_WORDS.get(source, source)))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _parsed(source: str) -> ast.Module | None:
    try:
        tree = parse_quietly(source)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return tree if tree.body else None


def _test(call: str, expected: str) -> str:
    return f"_shown({call}, {call!r}, {expected})"
