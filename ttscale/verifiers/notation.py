r"""One spelling for what is written in many: the step before any answer is read.

`plain_characters` spells signs, digits and spaces in ASCII, character for character. `normalized` goes further, to LaTeX as the
parsers know it: Unicode signs, fractions and powers become commands, what only dresses a text (bold, color, size, dollar
signs, spaces) goes, and one spelling stands for each symbol. Neither decides what an answer means.
"""

import re
import unicodedata
from collections.abc import Mapping

_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("−‒–—﹣－", "-"),
        **dict.fromkeys(
            "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
        ),
        **{
            chr(0xFF01 + offset): chr(0x21 + offset)
            for offset in range(94)
            if chr(0xFF01 + offset) not in "－"
        },
        **dict.fromkeys("⋅·∙", "×"),
        **dict.fromkeys("⁄∕", "/"),
        **dict.fromkeys("‘’ʼ′", "'"),
        **dict.fromkeys("“”", '"'),
        "٪": "%",
        "٫": ".",
        "٬": ",",
    }
)
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff\u00ad]")


def plain_characters(text: str) -> str:
    """Spell minus signs, spaces and the digits of every script in ASCII, character for character.

    >>> plain_characters("−４٣ ％")
    '-43 %'
    """
    if text.isascii():
        return text
    text = text.translate(_CHARACTERS)
    return text if text.isascii() else "".join(map(_digit, text))


def _digit(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


# ---- Unicode to LaTeX ---------------------------------------------------------------------------

_SIGNS: Mapping[str, str] = {
    "π": r"\pi ", "∞": r"\infty ", "°": r"^\circ ", "º": r"^\circ ", "˚": r"^\circ ", "℃": r"^\circ C", "÷": "/",
    "≤": r"\le ", "⩽": r"\le ", "≦": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≧": r"\ge ", "≠": r"\ne ", "≈": r"\approx ",
    "≃": r"\approx ", "≅": r"\approx ", "≡": r"\equiv ", "±": r"\pm ", "∓": r"\mp ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ",
    "∉": r"\notin ", "∅": r"\emptyset ", "⌀": r"\emptyset ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}",
    "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}", "∖": r"\setminus ", "⟨": r"\langle ", "⟩": r"\rangle ", "〈": r"\langle ",
    "〉": r"\rangle ", "…": r"\ldots ", "⋯": r"\ldots ", "×": r"\times ", "∗": "*", "√": r"\sqrt ", "∛": r"\sqrt[3]",
    "∜": r"\sqrt[4]", "∧": r"\wedge ", "∨": r"\vee ", "→": r"\to ", "△": r"\triangle ", "∆": r"\Delta ", "∠": r"\angle ",
    "⊥": r"\perp ", "∥": r"\parallel ", "∣": "|", "∫": r"\int ", "∑": r"\sum ", "ⅈ": "i", "ℯ": "e", "𝑖": "i", "∶": ":",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ", "∘": r"\circ ", "∂": r"\partial ",
    **{sign: rf"\{name} " for sign, name in zip(
        "αβγδεζηθικλμνξρστφχψωΓΔΘΛΞΠΣΦΨΩ",
        ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"], strict=True)},
}  # fmt: skip
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿˣ⁽⁾ⁱᵐᵏ", "0123456789+-nx()imk")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ₙₖₘ", "0123456789+-nkm")
_POWER = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿˣ⁽⁾ⁱᵐᵏ]+")
_INDEX = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋ₙₖₘ]+")
_ROOT_OF_WORD = re.compile(r"√\s*(?:\(([^()]*)\)|([0-9]+(?:\.[0-9]+)?|[^\W\d_]))")
_VULGAR = re.compile("(?P<whole>[0-9] ?)?(?P<sign>[¼½¾⅐-⅞↉])")


def _from_unicode(text: str) -> str:
    """Write Unicode signs as LaTeX commands."""
    if text.isascii():
        return text
    text = _INVISIBLE.sub("", text)
    text = _VULGAR.sub(_fraction, text)
    text = _POWER.sub(lambda match: f"^{{{match.group().translate(_RAISED)}}}", text)
    text = _INDEX.sub(lambda match: f"_{{{match.group().translate(_LOWERED)}}}", text)
    text = _ROOT_OF_WORD.sub(lambda match: rf"\sqrt{{{match.group(1) or match.group(2)}}}", text)
    text = _REPEATED_SIGN.sub(lambda match: rf"\overline{{{_INVISIBLE_MARKS.sub('', match.group(1))}}}", text)
    return "".join(_SIGNS.get(character, character) for character in plain_characters(_letters(text)))


_INVISIBLE_MARKS = re.compile("[\u0304\u0305\u0307]")
_REPEATED_SIGN = re.compile("((?:[0-9][\u0305\u0304])+|(?:[0-9]\u0307)+)")


def _letters(text: str) -> str:
    """Spell mathematical letters (𝑥, 𝐀) plainly, and compose accents; signs and digits stay."""
    return "".join(
        unicodedata.normalize("NFKC", character) if 0x1D400 <= ord(character) <= 0x1D7FF else character
        for character in text
    )


def _fraction(match: re.Match[str]) -> str:
    numerator, _, denominator = unicodedata.normalize("NFKC", match.group("sign")).partition("⁄")
    return rf"{match.group('whole') or ''}\frac{{{numerator}}}{{{denominator}}}"


# ---- LaTeX --------------------------------------------------------------------------------------

_DRESS = (
    r"boldsymbol|mathbf|mathrm|mathit|mathsf|mathtt|mathcal|mathnormal|mathop|mathord|mathstrut|bm|pmb|textbf|textit|textrm|textsf"
    r"|texttt|textnormal|emph|underline|underbrace|hbox|mbox|textup|textsl|operatorname\*?|displaylines|cancel|ensuremath|fbox|boxed"
)
_DRESSING = re.compile(rf"\\({_DRESS})\s*(?=\{{)")
_TEXTUAL = frozenset([
    "textbf", "textit", "textrm", "textsf", "texttt", "textnormal", "emph", "hbox", "mbox", "textup", "textsl",
])  # fmt: skip
_COLORED = re.compile(r"\\(?:color|textcolor|colorbox)\s*\{[^{}]*\}|\\color\s+[a-z]+\b")
_SWITCH = re.compile(
    r"\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|bf|it|rm|sf|tt|sl|em|bfseries|itshape|large|Large|LARGE|huge|Huge|small"
    r"|tiny|normalsize|bigl?|bigr|Bigl?|Bigr|biggl?|biggr|Biggl?|Biggr|boldmath|centering|nonumber|noindent|hfill|mathstrut)(?![A-Za-z])\s*"
)
_DELIMITED = re.compile(r"\\m?(?:left|right|middle)(?![a-z])\s*\.?")
_SPACES = re.compile(
    r"(?<!\\)\\(?:[,;:!> ]|quad|qquad|enspace|thinspace|medspace|thickspace|nobreakspace|hspace\*?\{[^{}]*\})(?![A-Za-z])|~"
)
_ENVIRONMENT = re.compile(
    r"\\(?:begin|end)\{(?:aligned|align\*?|equation\*?|gathered|split|center|math|displaymath)\}"
)
_MARKDOWN = re.compile(r"(?<![\w*\\])(\*\*|__|_|\*|`)(?=\S)([^*`_]+?)(?<=\S)\1(?![\w*{])")
_SAME: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\(?:dfrac|tfrac|cfrac|nicefrac|sfrac)(?![a-z])", r"\\frac"),
        (r"\\(?:dbinom|tbinom)(?![a-z])", r"\\binom"),
        (r"\\(?:varnothing|O(?![A-Za-z])|emptyset)", r"\\emptyset "),
        (r"\\(?:leq(?:slant|q)?|le)(?![a-z])", r"\\le "),
        (r"\\(?:geq(?:slant|q)?|ge)(?![a-z])", r"\\ge "),
        (r"\\(?:neq?|not\s*=)(?![a-z])", r"\\ne "),
        (r"(?<![<>=!])<=(?!=)", r"\\le "),
        (r"(?<![<>=!])>=(?!=)", r"\\ge "),
        (r"!=(?!=)", r"\\ne "),
        (r"\\lt(?![a-z])", "<"),
        (r"\\gt(?![a-z])", ">"),
        (r"\\(?:lbrace|\{)(?![a-z])", r"\\{"),
        (r"\\(?:rbrace|\})(?![a-z])", r"\\}"),
        (r"\\(?:lbrack)(?![a-z])", "["),
        (r"\\(?:rbrack)(?![a-z])", "]"),
        (r"\\(?:lvert|rvert|vert|mid)(?![a-z])", "|"),
        (r"\\(?:dots[bcimo]?|cdots|hdots)(?![a-z])", r"\\ldots "),
        (r"\\(?:colon)(?![a-z])", ":"),
        (r"\\(?:backslash|smallsetminus)(?![a-z])", r"\\setminus "),
        (r"\\(?:imath|iota(?=\b)(?!\w))", "i"),
        (r"\\(?:degree|textdegree)(?![a-z])", r"^\\circ "),
        (r"\^\s*\{\s*\\circ\s*\}|\^\s*\\circ(?![a-z])|\\circ(?=\s*$)", r"^\\circ "),
        (r"\\(?:mathbb|Bbb|mathds)\s*\{?\s*([RZNQC])\s*\}?", r"\\mathbb{\1}"),
        (r"\\(?:Re|R|reals|real)(?![A-Za-z])", r"\\mathbb{R}"),
        (r"\\(?:thinspace|allowbreak|relax|phantom\{[^{}]*\}|hphantom\{[^{}]*\}|vphantom\{[^{}]*\})", ""),
        (r"\\(?:pounds|textsterling)(?![a-z])", "£"),
        (r"\\(?:euro|texteuro)(?![a-z])", "€"),
        (r"\\textdollar(?![a-z])", "$"),
        (r"\\(?:bmod|mod)(?![a-z])", r"\\bmod "),
        (r"\\(?:ast|star)(?![a-z])", "*"),
        (r"\\(?:div)(?![a-z])", "/"),
        (r"(?<=[0-9])\s*(?:\^\s*)?\{?\s*(?:\\text\s*\{\s*)?(?:st|nd|rd|th)\s*\}?\s*\}?$", ""),
        (r"\\text\s*\{\s*([:,;=<>])\s*\}", r"\1"),
        (r"\{?\s*([0-9A-Za-z]+)\s*\\choose\s*([0-9A-Za-z]+)\s*\}?", r"\\binom{\1}{\2}"),
        (r"\\(?:iff|Leftrightarrow|implies|Rightarrow|Longrightarrow|therefore)(?![a-z])", r"\\Rightarrow "),
        (r"\\(?:land|wedge)(?![a-z])", r"\\wedge "),
        (r"\\(?:lor|vee)(?![a-z])", r"\\vee "),
    )
)
_BROKEN = str.maketrans({"\x08": r"\b", "\x0c": r"\f", "\x07": r"\a", "\x0b": r"\v"})
"""Escapes that a careless JSON writer made of ``\boxed``, ``\frac``, ``\alpha``, ``\vec``."""


def unbroken(text: str) -> str:
    r"""Undo what happens to LaTeX in a string whose backslashes were read as escapes: backspace + "oxed" was ``\boxed``."""
    if not any(character in text for character in "\x08\x0c\x07\x0b\t"):
        return text
    return re.sub(r"\t(?=(?:ext|imes|frac|heta|an|riangle)(?![a-z]))", r"\\t", text.translate(_BROKEN))


def normalized(text: str) -> str:
    r"""Return a short text in one spelling.

    >>> normalized("2√7"), normalized(r"\color{blue}{\mathbf{12}}."), normalized("**36**")
    ('2\\sqrt{7}', '12', '36')
    >>> normalized(r"\dfrac{5}{3}\, \leqslant x"), normalized("70°"), normalized("−½")
    ('\\frac{5}{3}  \\le  x', '70^\\circ', '-\\frac{1}{2}')
    """
    text = _undressed(_from_unicode(unbroken(text)))
    for pattern, replacement in _SAME:
        text = pattern.sub(replacement, text)
    return _trimmed(text)


def _undressed(text: str) -> str:
    """Take off what dresses a text: fonts, colors, sizes, Markdown, spaces, dollar signs around formulas."""
    text = _THOUSANDS_SPACE.sub(r"\1", _MARKDOWN.sub(r"\2", text))
    if "\\" not in text:
        return text
    text = _SWITCH.sub("", _COLORED.sub("", _ENVIRONMENT.sub("", text)))
    text = _without_dressing(text)
    text = _SPACES.sub(" ", text)
    return _DELIMITED.sub("", text)


_THOUSANDS_SPACE = re.compile(r"([0-9])(?:\\[,!;: ]|\{,\}\\?!?|,\\!\s*|\\,|~)(?=[0-9]{3}(?![0-9]))")


def _without_dressing(text: str) -> str:
    """Replace each dressing command by what it dresses: words stay words, all else stays in braces."""
    while command := _DRESSING.search(text):
        start, end = command.end(), _closing(text, command.end())
        if end < 0:
            return text
        inner = text[start + 1 : end]
        if command.group(1) in _TEXTUAL or _ROMAN_WORD.fullmatch(inner):
            inner = rf"\{inner}" if inner in _FUNCTIONS else rf"\text{{{inner}}}"
        elif len(inner) > 1:
            inner = f"{{{inner}}}"
        text = text[: command.start()] + inner + text[end + 1 :]
    return text


_ROMAN_WORD = re.compile(r"[\s~]*[A-Za-z]{2,}[A-Za-z\s./]*")
_FUNCTIONS = frozenset([
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log", "ln",
    "exp", "det", "gcd", "lcm", "max", "min",
])  # fmt: skip

_AROUND = re.compile(
    r"^(?:\s|\\\\|\\[\[(]|\$(?!\s*[0-9.])|&)+|(?:\s|\\\\|\\[\])]|\\?\$|&|\\(?=\s*$)|(?<![0-9.])\.(?!\.)|(?<=[0-9])\.|[,;。，])+$"
)


def _trimmed(text: str) -> str:
    """Cut off white space, dollar signs, line breaks and full stops around a text, and braces around all of it."""
    previous = None
    while previous != text:
        previous = text
        text = _AROUND.sub("", text).strip()
        if text.startswith("{") and _closing(text, 0) == len(text) - 1:
            text = text[1:-1]
    return text


def _closing(text: str, start: int) -> int:
    """Return where the brace opened at `start` closes, or -1."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "{}" and (at == 0 or text[at - 1] != "\\"):
            depth += 1 if text[at] == "{" else -1
            if depth == 0:
                return at
    return -1
