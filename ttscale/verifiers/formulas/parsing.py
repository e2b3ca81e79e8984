r"""From the text of one formula to a SymPy expression, by way of latex2sympy.

latex2sympy reads a text to its end or fails. What it does not know, or reads otherwise than people mean it, is rewritten
before: program notation (``3*pi*r``), arguments without braces (``\frac12``, ``\sqrt[3]5``), mixed numbers, repeating decimals,
trigonometric functions of degrees.
"""

import re
from fractions import Fraction
from typing import Any

import sympy
from latex2sympy2_extended.latex2sympy2 import ConversionConfig, latex2sympy

_CONVERSION = ConversionConfig(interpret_as_mixed_fractions=False, lowercase_symbols=False)

_LONGEST = 1500


class UnreadableError(Exception):
    """A text is no formula."""


def formula(text: str, *, folds_case: bool = True) -> Any:
    r"""Return the expression that a text states.

    Args:
        text: A normalized formula.
        folds_case: Whether ``R`` and ``r`` are one variable.

    Raises:
        UnreadableError: It is no formula, or not one to its end.

    >>> formula(r"3*pi*r"), formula(r"\frac12"), formula(r"0.\overline{3}")
    (3*pi*r, 1/2, 1/3)
    """
    if len(text) > _LONGEST:
        raise UnreadableError("too long")
    latex = as_latex(text)
    if _TWO_NUMBERS.search(latex):
        raise UnreadableError("two numbers side by side")
    try:
        expr = latex2sympy(
            latex,
            is_real=True,
            convert_degrees=False,
            normalization_config=None,
            conversion_config=_CONVERSION,
        )
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # latex2sympy raises plain exceptions for what it cannot read
        raise UnreadableError(str(error)) from error
    return _with_known_symbols(expr, folds_case=folds_case)


_TWO_NUMBERS = re.compile(r"[0-9]\s+[0-9.]|[0-9]\s*\\frac\{[0-9]")


def _with_known_symbols(expr: Any, *, folds_case: bool) -> Any:
    """Put in the imaginary unit, and one case for each variable."""
    if not isinstance(expr, sympy.Basic | sympy.MatrixBase):
        raise UnreadableError(f"{type(expr).__name__} is no expression")
    symbols = {symbol.name: symbol for symbol in expr.free_symbols if isinstance(symbol, sympy.Symbol)}
    # With j or k beside it, i is a unit vector or an index.
    new = {symbols["i"]: sympy.I} if "i" in symbols and not {"j", "k"} & symbols.keys() else {}
    new |= {
        symbol: sympy.Symbol(name.lower(), real=True)
        for name, symbol in symbols.items()
        if folds_case and symbol not in new and name != name.lower()
    }
    return expr.subs(new) if new else expr


# ---- other spellings ----------------------------------------------------------------------------

_NAMED = "arcsin|arccos|arctan|arccot|asin|acos|atan|sinh|cosh|tanh|sin|cos|tan|cot|sec|csc|log|ln|exp|det|gcd|lcm|max|min"
_ALIAS = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_FUNCTION = re.compile(rf"(?<![\\A-Za-z])({_NAMED})(?=[\s(_^0-9\\{{A-Za-z])")
_CONSTANT = re.compile(
    r"(?<![\\A-Za-z])(pi|infinity|infty|inf|oo|theta|alpha|beta|phi|lambda|omega)(?![A-Za-z])|(?<=[0-9])(pi)(?![A-Za-z])"
)
_CONSTANTS = {"infinity": "infty", "inf": "infty", "oo": "infty"}
_IMAGINARY = re.compile(r"(?<![A-Za-z\\])I(?![A-Za-z])")
_EXPONENT_FORM = re.compile(
    r"(?<![A-Za-z0-9_])([0-9]+(?:\.[0-9]+)?|\.[0-9]+)[eE]([-+]?[0-9]+)(?![0-9A-Za-z.])"
)
_SHORT_FRACTION = re.compile(
    r"\\frac\s*(?:\{([^{}]*)\}|([0-9A-Za-z])|(\\[a-z]+))\s*(?:\{([^{}]*)\}|([0-9A-Za-z])|(\\[a-z]+))"
)
_SHORT_BASE = re.compile(r"\\log\s*_\s*([0-9])(?![0-9.]*\{)")
_SHORT_INDEX = re.compile(r"_\s*([0-9]+)")
_FACTOR_BEHIND = re.compile(r"(?<![A-Za-z])([0-9])\s*\(")
_SHORT_ROOT = re.compile(r"\\sqrt\s*(\[[^\[\]]*\])?\s*(?:([0-9]|[A-Za-z])|(\\[a-z]+(?![a-z{])))")
_WORD_ROOT = re.compile(r"(?<![\\A-Za-z])sqrt(?=\s*[\[({0-9A-Za-z\\])")
_SHORT_POWER = re.compile(r"\^\s*(-?[0-9]+(?:\.[0-9]+)?|-[A-Za-z])")
_MIXED = re.compile(
    r"(?<![\w.^}\])/*])(-?)\s*([0-9]+)\s*(?:\\text\{\s*and\s*\}\s*|and\s+)?(?:\\frac\s*\{\s*([0-9]+)\s*\}\s*\{\s*([0-9]+)\s*\}|(?<=[\s}])([0-9]+)\s*/\s*([0-9]+)(?![0-9]*[/A-Za-z]))"
)
_REPEATING = re.compile(
    r"(?P<whole>[0-9]*)\.(?P<fixed>[0-9]*)(?:\\(?:overline|bar)\s*(?:\{(?P<line>[0-9]+)\}|(?P<digit>[0-9]))"
    r"|\\dot\s*\{?(?P<dot>[0-9])\}?(?:(?P<between>[0-9]*)\\dot\s*\{?(?P<last>[0-9])\}?)?|\((?P<paren>[0-9]+)\)(?![\w(]))"
)
_DOTTED = re.compile(r"(?P<whole>[0-9]*)\.(?P<digits>[0-9]+)\s*(?:\.\.\.+|\\ldots(?![a-z]))")
_TRIGONOMETRIC = re.compile(r"\\(?:arc)?(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
_DEGREES = re.compile(r"([0-9]+(?:\.[0-9]+)?|\\theta|[a-z])\s*\^(?:\{\s*\\circ\s*\}|\s*\\circ)")


def as_latex(text: str) -> str:
    r"""Rewrite what latex2sympy does not read as people mean it.

    >>> as_latex("8 6/19"), as_latex("2^10"), as_latex(r"\sin 30^\circ")
    ('(8+\\frac{6}{19})', '2^{10}', '\\sin (\\frac{30\\pi}{180})')
    """
    text = _program_notation(text)
    text = _SHORT_INDEX.sub(r"_{\1}", _SHORT_BASE.sub(r"\\log_{\1}", text))
    text = _SHORT_FRACTION.sub(_braced_fraction, text)
    text = _SHORT_ROOT.sub(
        lambda match: rf"\sqrt{match.group(1) or ''}{{{match.group(2) or match.group(3)}}}", text
    )
    text = _SHORT_POWER.sub(r"^{\1}", text)
    text = _REPEATING.sub(_repeating, _DOTTED.sub(_dotted, text))
    if _TRIGONOMETRIC.search(text):
        text = _DEGREES.sub(r"(\\frac{\1\\pi}{180})", text)
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?", "", text)
    return _FACTOR_BEHIND.sub(r"\1 \\cdot (", _MIXED.sub(_mixed, text)).strip()


def _program_notation(text: str) -> str:
    text = text.replace("**", "^").replace("\\cdot", " \\cdot ")
    text = _EXPONENT_FORM.sub(r"(\1 \\cdot 10^{\2})", text)
    text = _FUNCTION.sub(lambda match: "\\" + _ALIAS.get(match.group(1), match.group(1)), text)
    text = _CONSTANT.sub(
        lambda match: (
            f"\\{_CONSTANTS.get(found, found)} " if (found := match.group(1) or match.group(2)) else ""
        ),
        text,
    )
    text = _IMAGINARY.sub("i", text) if re.search(r"\*\s*I\b|\bI\s*\*", text) else text
    text = _WORD_ROOT.sub(r"\\sqrt", text)
    text = re.sub(r"\\sqrt\s*(\[[^\[\]]*\])?\s*\(", lambda match: rf"\sqrt{match.group(1) or ''}(", text)
    return _braced_groups(text)


_GROUPED = re.compile(r"(\\sqrt(?:\[[^\[\]]*\])?|\^\s?)\(")


def _braced_groups(text: str) -> str:
    """Put the round brackets behind a root or a power sign into braces: ``2^(n+1)``, ``sqrt(2x)``."""
    while found := _GROUPED.search(text):
        start = found.end() - 1
        end = _end_of_group(text, start)
        if end < 0:
            break
        text = f"{text[: found.start()]}{found.group(1).strip()}{{{text[start + 1 : end]}}}{text[end + 1 :]}"
    return text


def _end_of_group(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at
    return -1


def _braced_fraction(match: re.Match[str]) -> str:
    over, under = (next(filter(None, match.groups()[at : at + 3]), "") for at in (0, 3))
    return rf"\frac{{{over}}}{{{under}}}"


def _mixed(match: re.Match[str]) -> str:
    sign, whole, *parts = match.groups()
    numerator, denominator = (parts[0], parts[1]) if parts[0] else (parts[2], parts[3])
    return rf"{sign}({whole}+\frac{{{numerator}}}{{{denominator}}})"


def _repeating(match: re.Match[str]) -> str:
    part = match.groupdict()
    period = (
        part["line"]
        or part["digit"]
        or part["paren"]
        or f"{part['dot']}{part['between'] or ''}{part['last'] or ''}"
    )
    return _as_fraction(repeating_decimal(part["whole"], part["fixed"], period))


def _dotted(match: re.Match[str]) -> str:
    """Read ``0.1666...`` by the shortest period that is written at least twice at its end, a single digit three times."""
    digits = match.group("digits")
    for length in range(1, len(digits) // 2 + 1):
        period = digits[-length:]
        if digits.endswith(period * (3 if length == 1 else 2)):
            fixed = digits[: len(digits) - length]
            return _as_fraction(repeating_decimal(match.group("whole"), fixed, period))
    return f"{match.group('whole')}.{digits}"


def repeating_decimal(whole: str, fixed: str, period: str) -> Fraction:
    """Return the fraction that a repeating decimal is.

    >>> repeating_decimal("0", "1", "6")
    Fraction(1, 6)
    """
    scale = 10 ** len(fixed)
    return Fraction(int((whole or "0") + fixed), scale) + Fraction(
        int(period), scale * (10 ** len(period) - 1)
    )


def _as_fraction(value: Fraction) -> str:
    return (
        str(value.numerator)
        if value.denominator == 1
        else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    )
