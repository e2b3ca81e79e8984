"""Words in mathematical answers: those that are the answer, and those that stand around a value without changing it.

Words that change a value ("or more", "squared", "not", "at least", another number) are never taken off: an answer with one of
them that nothing here understands stays a text.
"""

import re
from decimal import Decimal
from fractions import Fraction

_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_LETTERS_ONLY = re.compile(r"[^\W\d_]+(?:[\s\-'’.,/&]+[^\W\d_]+)*[.!]?")

_CHANGING = """
or and nor not no more less fewer greater larger smaller above below under over up down least most minimum maximum if when where
unless except besides plus minus divided times multiplied squared cubed factorial mod modulo base to through until between than half
halves third thirds quarter quarters fourth fourths fifth fifths sixth sixths eighth eighths tenth tenths hundredth hundredths
thousandth thousandths remainder negative bc bce approaching mixed either both neither any all every only for with without given wrong
incorrect but instead power root hundred hundreds thousand thousands million millions billion billions trillion trillions dozen dozens
pi theta sqrt sin cos tan log ln exp infinity infty inf oo
"""
CHANGING = frozenset(_CHANGING.split())
"""Words behind a number that may make it another, or no answer at all."""

_UNIT_WORD = r"(?:[A-Za-z°µμΩ][A-Za-z°µμΩ'’.\-]*)(?:\s*\^\s*\{?-?[0-9]\}?)?"
_UNIT = rf"{_UNIT_WORD}(?:\s*(?:/|\*|·|\\cdot)?\s*{_UNIT_WORD})*"
_TEXT_UNIT = r"\\text\s*\{[^{}]*\}(?:\s*\^\s*\{?-?[0-9]\}?)?"
_BEHIND = re.compile(
    rf"(?P<core>.*?[0-9A-Za-z)}}\]!|.%])\s*(?P<unit>(?:/?\s*{_TEXT_UNIT}\s*/?\s*)+)(?:\^\s*\{{?-?[0-9]\}}?)?",
    re.DOTALL,
)
_PLAIN_BEHIND = re.compile(rf"(?P<core>.*[0-9)}}!.])\s*(?P<unit>{_UNIT})")
_REMARK = re.compile(
    r"(?P<core>.*\S)\s*(?:\\text\s*\{\s*\((?P<text>[^{}()]*)\)\s*\}|\(\s*\\text\s*\{(?P<inner>[^{}()]*)\}\s*\)|\((?P<plain>[A-Za-z][A-Za-z\s,]{2,})\))"
)
_SCALES = {
    "hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "mn": 6, "bn": 9,
}  # fmt: skip
_SCALED = re.compile(
    r"(?P<number>[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)\s*(?:\\text\s*\{\s*)?"
    rf"(?P<scale>{'|'.join(_SCALES)})(?P<behind>[A-Za-z ]*)\}}?",
    re.IGNORECASE,
)

_LEADING_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_CAPTION = re.compile(
    r"(?P<words>[A-Za-z][A-Za-z\s'\-]*?)\s*(?P<end>:|=|\bis\b|\bare\b)\s*(?P<rest>\S.*)", re.DOTALL
)
_OPENING = re.compile(r"(?P<word>[A-Za-z]+)[\s,]+(?P<rest>\S.*)", re.DOTALL)
_HARMLESS_WORDS = """
about approximately roughly around exactly precisely simply just nearly ca circa answer the so thus hence therefore total
"""
_HARMLESS = frozenset(_HARMLESS_WORDS.split())
"""Words before a value that say nothing about it, colon or not."""
_TELLING_WORDS = """
not option choice case part step question problem row column if when except figure table chapter section
"""
_TELLING = frozenset(_TELLING_WORDS.split())
"""Words whose number is a name, or that turn the statement around."""


CURRENCY = re.compile(
    r"^(-?)\s*(?:\\text\s*\{\s*)?(?:US|A|C)?(?:\\?[$]|[€£¥₹₽₩]|USD|EUR|GBP|Rs\.?|INR)\s*\}?\s*(?=[-0-9.\\])|(?<=[0-9)])\s*(?:\\?[$]|[€£¥₹₽₩])$"
)
PERCENT = re.compile(
    r"\s*(?:\\?%|\\text\s*\{\s*(?:\\?%|per\s?cent|percentage|pct)\s*\}|\b(?:per\s?cent|percentage|pct)\b)\s*$"
)
DEGREE = re.compile(r"\s*\^\s*\{?\s*\\circ\s*\}?\s*(?:\\text\s*\{\s*)?[CF]?\s*\}?\s*$")
TRIGONOMETRIC = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)(?![a-z])")


def behind_caption(text: str) -> str | None:
    r"""Return what stands behind a caption ("Total:", "Area =", "approximately"), or None where there is none.

    >>> behind_caption(r"\text{Total: } 36"), behind_caption(r"\text{at least } 9"), behind_caption(r"\approx 5")
    ('36', None, '5')
    """
    if text.startswith((r"\approx", r"\boxed", "=", "~")):
        return re.sub(r"^(?:\\approx|\\boxed|[=~])\s*", "", text).strip() or None
    text = _LEADING_TEXT.sub(r"\1 ", text, count=1) if text.startswith(r"\text") else text
    found = _CAPTION.fullmatch(text)
    if found is not None:
        words = found.group("words").lower().split()
        is_name = len(words) == 1 and len(words[0]) < (3 if found.group("end") == "=" else 2)
        return None if is_name or _TELLING.intersection(words) else found.group("rest").strip()
    opening = _OPENING.fullmatch(text)
    if opening is None or opening.group("word").lower() not in _HARMLESS:
        return None
    return opening.group("rest").strip()


def without_unit(text: str) -> str | None:
    r"""Return a value without the unit, words or remark behind it, or None where nothing of the kind is there.

    >>> without_unit("14 square units"), without_unit(r"5 \text{ hours}"), without_unit("9 or more"), without_unit("2 pi")
    ('14', '5', None, None)
    """
    for pattern in (_REMARK, _BEHIND, _PLAIN_BEHIND):
        found = pattern.fullmatch(text)
        if found is None:
            continue
        part = found.groupdict()
        words = part.get("unit") or part.get("text") or part.get("inner") or part.get("plain") or ""
        if not _is_harmless_behind(words, part["core"], is_plain=pattern is _PLAIN_BEHIND):
            return None
        return part["core"].rstrip(" /\\").strip() or None
    return None


def _is_harmless_behind(words: str, core: str, *, is_plain: bool) -> bool:
    spoken = re.sub(r"\^\s*\{?-?[0-9]\}?", "", _TEXT.sub(r" \1 ", words))
    tokens = re.findall(r"[^\W\d_]+", spoken)
    if re.search(r"[0-9]", spoken) or r"\text" in core or any(token.lower() in CHANGING for token in tokens):
        return False
    if not is_plain:
        return True
    if len(tokens) == 1 and len(tokens[0]) < 3:  # "5x" and "3 ab" are products
        return tokens[0] in _KNOWN_SHORT
    return not re.search(r"(?<!\\)\b[a-z]\b", re.sub(r"\\[A-Za-z]+", " ", core)) or len(tokens) > 1


_KNOWN_SHORT_WORDS = """
cm mm km kg mg ml mL ft in yd mi hr hz Hz kN Pa eV ms ns mph pm am cc dm lb oz
"""
_KNOWN_SHORT = frozenset(_KNOWN_SHORT_WORDS.split())


def spelled_out(text: str) -> Fraction | None:
    """Return the value of "1.5 million", None for anything else.

    >>> spelled_out("1.5 million dollars"), spelled_out("1.5 millionths")
    (Fraction(1500000, 1), None)
    """
    found = _SCALED.fullmatch(text.strip())
    if found is None or any(word in CHANGING for word in found.group("behind").lower().split()):
        return None
    if found.group("behind") and not found.group("behind").startswith(" "):
        return None
    number = Fraction(Decimal(found.group("number").replace(",", "")))
    return number * Fraction(10) ** _SCALES[found.group("scale").lower()]


_CONDITION = re.compile(
    r"(?:\s*[,;(]\s*|\s*\\quad\s*|\s+)(?:\\text\s*\{\s*(?:where|for|with|and)?\s*\}\s*)?(?:where\s+|for\s+|with\s+)?"
    r"(?P<names>[a-z](?:\s*,\s*[a-z])*)\s*(?:\\in\s*(?:\\mathbb\{Z\}|Z\b|\\text\{\s*integers?\s*\})|\\text\s*\{\s*(?:is|are)?\s*(?:an?|any)?\s*integers?\s*\}|is an integer)\s*\)?\s*$"
)
_FOR_ALL = re.compile(
    r"\s*,?\s*(?:\\text\s*\{\s*for\s+all\s*\}|\bfor all\b|\\forall)\s*\\?[a-z](?:\s*\\in\s*\\mathbb\{R\})?\s*$"
)


def without_condition(text: str) -> str:
    r"""Take off "k is an integer" behind a formula with k, and "for all x": neither tells answers apart.

    >>> without_condition(r"x = 2\pi k, k\in\mathbb{Z}"), without_condition(r"f(x) = x \text{ for all } x")
    ('x = 2\\pi k', 'f(x) = x')
    """
    found = _CONDITION.search(text)
    while found:  # of "2 k, k is an integer" the first match takes both for names
        if re.search(rf"(?<![A-Za-z]){found.group('names')[0]}(?![A-Za-z])", text[: found.start()]):
            text = text[: found.start()]
            break
        found = _CONDITION.search(text, found.start() + 1)
    return _FOR_ALL.sub("", text)


# ---- words that are the answer ------------------------------------------------------------------

_SYNONYMS = {"dne": "does not exist", "no solutions": "no solution", "undef": "undefined"}
_SHORT_WORDS_WORDS = """
no up in on it is of at if or by we he me go to an am as be do my so us
"""
_SHORT_WORDS = frozenset(_SHORT_WORDS_WORDS.split())
_POINTS = re.compile(
    r"\\(?:triangle|angle|overline|overrightarrow|widehat|square)\s*\{?\s*([A-Z]{2,})\s*\}?|([A-Z]{2,})"
)


def as_words(text: str) -> str | None:
    r"""Return the words that an answer consists of, in one spelling; None where it is no words alone.

    Letters stand as a word and not as a product of variables where they are in a text, spell points (ABC), or are three and
    more and no neighbors in the alphabet (abc).

    >>> as_words(r"\text{Right Triangle}"), as_words("odd"), as_words("abc"), as_words("x"), as_words("(A)")
    ('right triangle', 'odd', None, 'x', 'a')
    """
    if points := _POINTS.fullmatch(text.strip()):
        return _one_spelling(points.group(1) or points.group(2))
    plain = re.sub(r"^[\s(\"']+|[\s)\"'.]+$", "", _TEXT.sub(r" \1 ", text))
    if text in ("i", "e") or plain in ("oo", "inf", "infty", "infinity"):
        return None
    if re.fullmatch(r"[A-Za-z]", plain):
        return plain.lower()
    is_formula = r"\text" not in text and (
        _is_product(plain) or all(len(part) == 1 for part in plain.split())
    )
    return _one_spelling(plain) if _LETTERS_ONLY.fullmatch(plain) and not is_formula else None


def _one_spelling(words: str) -> str:
    words = " ".join(re.sub(r"[\s\-]+", " ", words.strip(" .!")).lower().split())
    words = re.sub(r"^(?:the|an?) (?!and\b|or\b)(?=\S{2})", "", words)
    return _SYNONYMS.get(words, words)


def _is_product(letters: str) -> bool:
    if not letters.isascii() or not letters.islower() or len(set(letters)) < len(letters) or len(letters) > 4:
        return False
    if len(letters) == 2:
        return letters not in _SHORT_WORDS
    ordered = sorted(map(ord, letters))
    return ordered[-1] - ordered[0] == len(letters) - 1 or not set(letters) & set("aeiou")


_WORD_RUN = re.compile(
    r"(?<![\\A-Za-z])[A-Za-z]{3,}(?![A-Za-z])|(?<![\\A-Za-z0-9])[A-Za-z]{2}(?=\s+[A-Za-z]{2})"
)
_KNOWN_RUNS_WORDS = """
sin cos tan cot sec csc arcsin arccos arctan asin acos atan sinh cosh tanh log ln exp sqrt det gcd lcm max min lim mod inf
infinity theta alpha beta phi lambda omega matrix pmatrix bmatrix vmatrix array
"""
_KNOWN_RUNS = frozenset(_KNOWN_RUNS_WORDS.split())


def is_prose(text: str) -> bool:
    r"""Return whether a text holds words, so that it is no formula.

    >>> is_prose("all even n"), is_prose("2abc + sin x"), is_prose(r"\frac{1}{2}\text{ or so}")
    (True, False, True)
    """
    if r"\text" in text:
        return True
    plain = re.sub(r"\\(?:begin|end)\{[a-z]+\}|\\[A-Za-z]+", " ", text)
    return any(run not in _KNOWN_RUNS and not _is_product(run) for run in _WORD_RUN.findall(plain))
