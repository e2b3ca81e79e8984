r"""Reading an answer as a whole: what kind of thing it is, and its name.

An answer is taken apart where it is a list, a tuple, an interval, a set, an equation, an inequality or a matrix; its smallest
parts are formulas, which latex2sympy reads, or words. What stands around a value without changing it goes: a caption
("Total:"), a unit or words behind it, a currency sign, a remark in brackets. Nothing else does: an answer that cannot be read to its
end is a text, equal to the same text alone. No number is ever taken out of it.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sympy

from ttscale.verifiers.formulas.naming import equation_name, formula_name, is_constant
from ttscale.verifiers.formulas.numerals import (
    BASED,
    THOUSANDS,
    TIME,
    based,
    numeral,
    time_of_day,
    ungrouped,
    without_separators,
)
from ttscale.verifiers.formulas.parsing import UnreadableError, formula
from ttscale.verifiers.formulas.readings import (
    Reading,
    flat,
    keeps_name,
    list_of,
    matrix_of,
    value_of,
    variable_name,
)
from ttscale.verifiers.formulas.sets import (
    as_set,
    bounded,
    by_parts,
    interval_of,
    interval_set,
    joined,
    named_set,
    relations,
    set_of,
)
from ttscale.verifiers.formulas.splitting import PLUS_MINUS, enclosed, signed, split_top
from ttscale.verifiers.formulas.words import (
    CURRENCY,
    DEGREE,
    PERCENT,
    TRIGONOMETRIC,
    as_words,
    behind_caption,
    is_prose,
    without_condition,
    without_unit,
)
from ttscale.verifiers.notation import normalized


def read_answer(text: str) -> Reading:
    r"""Read an answer.

    >>> read_answer(r"x = \frac{1}{2}").name, read_answer("n = 3k, k > 2").kind, read_answer("18 dollars").name
    ('0.5', 'list', '18')
    """
    plain = without_condition(normalized(text))
    reading = _Reader(folds_case=not _has_both_cases(plain)).read(plain)
    if reading.also is None and _DIGITS.fullmatch(plain):
        return replace(reading, also=Reading("digits", plain.lstrip("0")))
    return reading


def _has_both_cases(text: str) -> bool:
    letters = set(re.sub(r"\\text\{[^{}]*\}|\\[A-Za-z]+|[A-Za-z]{3,}", " ", text))
    return any(letter.isupper() and letter.lower() in letters for letter in letters)


_COMMA = re.compile(r"[,;，；、]")
_SPACED_COMMA = re.compile(r"[,;，；、](?=\s)|;|(?<![0-9]),|,(?![0-9]{3}(?![0-9]))")
_CONNECTOR = re.compile(
    r"\s*(?:\\text\s*\{\s*(?:,?\s*(?:and|or)|,)\s*\}|,?\s*\b(?:and|or)\b(?=\s|\\|[0-9(])|\\(?:wedge|vee|quad)(?![a-z])|\\\\(?![a-z\\]))\s*"
)
_OR = re.compile(r"\\text\s*\{\s*or\s*\}|\bor\b|\\vee")
_UNION = re.compile(r"\\(?:cup|bigcup)(?![a-z])|(?<=[)\]}])\s*U\s*(?=[(\[\\])")
_MINUS = re.compile(r"\\setminus(?![a-z])|(?<=\})\s*-\s*(?=\\\{)")
_EQUALS = re.compile(r"(?<![<>!:\\])=+(?!=)|:=")
_APPROXIMATELY = re.compile(r"\\approx(?![a-z])|≈")
_ELEMENT = re.compile(r"\\in(?![a-z])")
_ORDER = re.compile(r"\\(?:le|ge|ne)(?![a-z])|[<>]")
_ALL_TEXT = re.compile(r"\\text\s*\{([^{}]*(?:[0-9,]|\b(?:and|or)\b)[^{}]*)\}")
_RATIO = re.compile(r"\s*:\s*")
_OPTION = re.compile(r"(?:\\text\s*\{\s*\(?([A-J])\)\s*\}|\(([A-J])\))\s*(?:[.:]\s*)?(?=[^\s,;])(.+)")
_MATRIX = re.compile(
    r"\\begin\{(?:p|b|B|small|v)?(?:matrix|array)\}(?:\{[clr|\s]*\})?(.*)\\end\{(?:p|b|B|small)?(?:matrix|array)\}",
    re.DOTALL,
)
_CASES = re.compile(r"\\begin\{cases\}(.*)\\end\{cases\}", re.DOTALL)
_ROW = re.compile(r"\\\\(?:\[[^\]]*\])?|\\cr(?![a-z])")
_DIGITS = re.compile(r"(?=.*[0-9])(?=.*[A-F])[0-9A-F]+")
_NAMES = re.compile(r"\(\s*([A-Za-z](?:\s*,\s*[A-Za-z])+)\s*\)")
_SIMPLE_NAME = re.compile(
    r"\\?[A-Za-z]+(?:_\{?[A-Za-z0-9+\-]+\}?)?'*(?:\([^()=]*\))?|\|[A-Za-z]+\||\\(?:angle|overline|triangle|text|hat|vec|bar)\b.*"
    r"|[A-Za-z](?:\s*[-+]?\s*[A-Za-z])*|[A-Z][A-Z]+|[A-Za-z](?::[A-Za-z])+|\|\\?[a-z]+\|"
)


class _Reader:
    """Reads the parts of one answer.

    Args:
        folds_case: Whether upper and lower case name one variable: not where both stand in the answer.
    """

    def __init__(self, *, folds_case: bool) -> None:
        self._folds_case = folds_case

    def read(self, text: str) -> Reading:
        """Read a text as a whole: the first kind that fits decides."""
        text = ungrouped(text.strip())
        for rule in (self._special, self._caption, self._structure, self._unit, self._word, self._value):
            reading = rule(text)
            if reading is not None:
                return reading
        return Reading("text", "text:" + _squeezed(text))

    def _special(self, text: str) -> Reading | None:
        """Read what has a grammar of its own: numerals with a base, times, ratios, options."""
        if whole := _ALL_TEXT.fullmatch(text):
            return self.read(normalized(whole.group(1)))
        text = CURRENCY.sub(r"\1", text).strip()
        if (number := numeral(text)) is not None:
            return number
        if found := BASED.fullmatch(text):
            return based(found)
        if found := TIME.fullmatch(text):
            return time_of_day(found)
        if option := _OPTION.fullmatch(text):
            return self._option(option)
        return None

    def _option(self, match: re.Match[str]) -> Reading | None:
        letter = match.group(1) or match.group(2)
        value = self.read(match.group(3))
        if match.group(2) and value.kind == "text":
            return None
        return replace(value, also=Reading("words", f"word:{letter.lower()}"))

    def _caption(self, text: str) -> Reading | None:
        rest = behind_caption(text)
        return self.read(rest) if rest is not None else None

    def _unit(self, text: str) -> Reading | None:
        """Read a value with a unit, a currency, a percent or degree sign, or words behind it."""
        patterns = (CURRENCY, PERCENT) if TRIGONOMETRIC.search(text) else (CURRENCY, PERCENT, DEGREE)
        for pattern in patterns:
            rest = pattern.sub(r"\1" if pattern is CURRENCY else "", text).strip()
            if rest not in (text, ""):
                reading = self.read(rest)
                return replace(reading, is_percent=True) if pattern is PERCENT else reading
        core = without_unit(text)
        if core is None:
            return None
        reading = self.read(core)
        return reading if reading.kind not in ("text", "words") else None

    def _word(self, text: str) -> Reading | None:
        words = as_words(text)
        return Reading("words", f"word:{words}") if words is not None else None

    # ---- structure ----

    def _structure(self, text: str) -> Reading | None:
        rules = (
            self._alternatives, self._approximation, self._equation, self._membership, self._order, self._listed,
            self._union, self._enclosed, self._rows, self._ratio, self._plus_minus,
        )  # fmt: skip
        return next((reading for rule in rules if (reading := rule(text)) is not None), None)

    def _alternatives(self, text: str) -> Reading | None:
        """Read what "and" and "or" connect, commas between the first of them included."""
        parts = split_top(text, _CONNECTOR)
        if len(parts) < 2 or not all(part.strip(" ,") for part in parts):
            return None
        items = [item for part in parts for item in split_top(part.strip(" ,"), _SPACED_COMMA)]
        return self._collected(items, joins="or" if _OR.search(text) else "and")

    def _listed(self, text: str) -> Reading | None:
        if THOUSANDS.fullmatch(text):
            return None
        spaced = re.search(r",\s", text) is not None
        items = split_top(text, _SPACED_COMMA if spaced else _COMMA)
        return self._collected(items, joins=",") if len(items) > 1 else None

    def _collected(self, items: Sequence[str], *, joins: str) -> Reading | None:
        """Make a list of items, or one set of intervals of one variable."""
        readings = [self.read(item) for item in items if item.strip()]
        if len(readings) < len(items) or any(reading.kind == "text" for reading in readings):
            return None
        if all(
            reading.kind in ("interval", "set") and isinstance(reading.expr, sympy.Set)
            for reading in readings
        ):
            return joined(readings, joins=joins)
        return list_of(flat(readings))

    def _approximation(self, text: str) -> Reading | None:
        parts = split_top(text, _APPROXIMATELY)
        if len(parts) < 2:
            return None
        first = self.read(parts[0]) if parts[0].strip() else None
        last = self.read(parts[-1])
        if first is None or _SIMPLE_NAME.fullmatch(parts[0].strip()):
            return last
        return replace(first, also=last)

    def _equation(self, text: str) -> Reading | None:
        sides = [side.strip() for side in split_top(text, _EQUALS)]
        n_items = len(split_top(text, _COMMA))
        if len(sides) < 2 or split_top(text, _ORDER)[1:] or (n_items > 1 and len(sides) > 2):
            return None
        if not sides[0]:
            return self.read(sides[-1])
        if names := _NAMES.fullmatch(sides[0]):
            return self._named_tuple(re.split(r"\s*,\s*", names.group(1)), self.read(sides[-1]))
        if _SIMPLE_NAME.fullmatch(sides[0]):
            is_chain = all(self._formula(side) is not None for side in sides[1:-1])
            return self._assigned(sides[0], self.read(sides[-1])) if is_chain else None
        return self._chain(sides) if n_items == 1 else None

    def _assigned(self, name: str, value: Reading) -> Reading | None:
        if value.kind == "text":
            return None
        variable = variable_name(name, folds_case=self._folds_case)
        equation = None
        if value.kind == "value":
            left = self._formula(name)
            equation = equation_name(left, value.expr) if left is not None else None
        shown = value.name if not keeps_name(variable, value) else f"{variable} = {value.name}"
        return replace(value, name=shown, variable=variable, equation=equation)

    def _named_tuple(self, names: Sequence[str], whole: Reading) -> Reading | None:
        """Read ``(x, y) = (2, 3)`` as x = 2, y = 3."""
        if whole.kind != "tuple" or len(whole.parts) != len(names):
            return None
        pairs = zip(names, whole.parts, strict=True)
        return list_of(
            [replace(part, variable=variable_name(name, folds_case=self._folds_case)) for name, part in pairs]
        )

    def _chain(self, sides: Sequence[str]) -> Reading | None:
        """Read ``3 + 4 = 7`` and ``a + b = 3 + 4 = 7`` as 7, and what remains as an equation."""
        formulas = [self._formula(side) for side in sides]
        if any(each is None for each in formulas):
            return None
        last = formulas[-1]
        if is_constant(last) and (len(sides) > 2 or all(is_constant(each) for each in formulas)):
            return value_of(last, sides[-1])
        if len(sides) > 2:
            return None
        return Reading("relation", equation_name(formulas[0], last))

    def _membership(self, text: str) -> Reading | None:
        sides = split_top(text, _ELEMENT)
        if len(sides) != 2 or not re.fullmatch(r"\s*\\?[A-Za-z]+(?:_\{?\w+\}?)?(?:\([a-z]\))?\s*", sides[0]):
            return None
        within = self.read(sides[1])
        if within.kind not in ("interval", "set", "list", "value"):
            return None
        variable = variable_name(sides[0].strip(), folds_case=self._folds_case)
        return replace(
            within,
            name=within.name if not keeps_name(variable, within) else f"{variable}: {within.name}",
            variable=variable,
        )

    def _order(self, text: str) -> Reading | None:
        """Read an inequality; one of a single variable and constants is the interval that it says."""
        operators = _ORDER.findall(text)
        sides = [side.strip() for side in split_top(text, _ORDER)]
        if len(sides) < 2 or len(operators) != len(sides) - 1 or len(split_top(text, _COMMA)) > 1:
            return None
        formulas = [self._formula(side) for side in sides]
        if any(each is None for each in formulas):
            return None
        return bounded(operators, sides, formulas, folds_case=self._folds_case) or relations(
            operators, formulas
        )

    def _union(self, text: str) -> Reading | None:
        for pattern, combine in ((_UNION, sympy.Union), (_MINUS, sympy.Complement)):
            parts = split_top(text, pattern)
            if len(parts) > 1:
                readings = [self.read(part) for part in parts]
                sets = [as_set(reading) for reading in readings]
                if all(each is not None for each in sets):
                    return set_of(combine(*sets))
                return by_parts(readings, is_union=pattern is _UNION)
        return None

    def _enclosed(self, text: str) -> Reading | None:
        found = enclosed(text)
        if found is None:
            return named_set(text)
        opening, inner, closing = found
        if not inner:
            return set_of(sympy.S.EmptySet) if opening == r"\{" else None
        items = split_top(inner, _SPACED_COMMA if re.search(r",\s", inner) else _COMMA)
        if opening == r"\{":
            return self._braced(items)
        if len(items) == 1:
            reading = self.read(inner)
            return reading if reading.kind != "text" else None
        return self._tuple(opening, items, closing)

    def _braced(self, items: Sequence[str]) -> Reading | None:
        readings = [self.read(item) for item in items if item.strip()]
        if len(readings) < len(items) or any(reading.kind == "text" for reading in readings):
            return None
        return list_of(flat(readings))

    def _tuple(self, opening: str, items: Sequence[str], closing: str) -> Reading | None:
        if any(PLUS_MINUS.search(item) for item in items):
            variants = [
                self._tuple(opening, [signed(item, sign) for item in items], closing) for sign in (1, -1)
            ]
            return list_of([each for each in variants if each is not None]) if all(variants) else None
        parts = [self.read(item) for item in items]
        if any(part.kind == "text" for part in parts):
            return None
        if len(parts) == 2 and (opening, closing) != ("(", ")") and opening != r"\langle":
            return interval_of(opening, parts, closing)
        name = "(" + ", ".join(part.name for part in parts) + ")"
        pair = interval_set("(", parts, ")") if len(parts) == 2 else None
        return Reading("tuple", name, expr=pair, parts=tuple(parts))

    def _rows(self, text: str) -> Reading | None:
        if cases := _CASES.fullmatch(text):
            return self._collected(
                [row.replace("&", "") for row in _ROW.split(cases.group(1)) if row.strip()], joins="and"
            )
        found = _MATRIX.fullmatch(text)
        if found is None or text.startswith(r"\begin{v"):
            return None
        rows = [
            [self.read(entry) for entry in row.split("&")]
            for row in _ROW.split(found.group(1))
            if row.strip()
        ]
        if len({len(row) for row in rows}) != 1 or any(entry.kind == "text" for row in rows for entry in row):
            return None
        return matrix_of(len(rows), [entry for row in rows for entry in row])

    def _ratio(self, text: str) -> Reading | None:
        parts = split_top(text, _RATIO)
        if len(parts) < 2:
            return None
        formulas = [self._formula(part) for part in parts]
        if any(each is None for each in formulas) or formulas[0] == 0:
            return None
        if len(parts) == 2:
            return value_of(formulas[0] / formulas[1], "")
        return Reading(
            "tuple", "ratio (" + ", ".join(formula_name(each / formulas[0]) for each in formulas) + ")"
        )

    def _plus_minus(self, text: str) -> Reading | None:
        if not PLUS_MINUS.search(text) or split_top(text, _EQUALS)[1:]:
            return None
        both = [self.read(signed(text, sign)) for sign in (1, -1)]
        return list_of(both) if all(reading.kind == "value" for reading in both) else None

    # ---- values ----

    def _value(self, text: str) -> Reading | None:
        expr = self._formula(text)
        if expr is None:
            return None
        if isinstance(expr, sympy.Set):
            return set_of(expr)
        return value_of(expr, text)

    def _formula(self, text: str) -> Any:
        """Return the expression that a text states, None where it states none."""
        text = text if TRIGONOMETRIC.search(text) else DEGREE.sub("", text)
        text = without_separators(CURRENCY.sub(r"\1", text.strip()).strip())
        if not text or is_prose(text):
            return None
        try:
            expr = formula(text, folds_case=self._folds_case)
        except UnreadableError:
            return None
        return expr if isinstance(expr, sympy.Expr | sympy.Set | sympy.MatrixBase) else None


def _squeezed(text: str) -> str:
    return re.sub(r"\s+|\\text|[{}]", "", text).lower()
