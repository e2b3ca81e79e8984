"""A fitted law in words: its formula, and its parameters with their intervals."""

import math

from ttscale.analysis.run.results import CellResult
from ttscale.showing.numbers import Prose, parameter, said
from ttscale.stats.laws.fitting import LawFit

_FORMULAS = {
    "exponentiated-power-law": ("exp(a k^b)", "exp(a kᵇ)"),
    "log-log": ("exp(-a k^-b)", "exp(−a k⁻ᵇ)"),
    "power-law-plus-constant": ("exp(-a k^-b - e)", "exp(−a k⁻ᵇ − e)"),
}
"""Law -> its right-hand side in ASCII and as typeset."""

_AT_EDGE = " (at the edge of its range)"


def usable_law(cell: CellResult) -> LawFit | None:
    """Return the cell's fitted law if there is one with numbers in it: a failed search may have none."""
    fit = cell.law
    if fit is None or not all(math.isfinite(parameter.value) for parameter in fit.params.values()):
        return None
    return fit


def law_formula(fit: LawFit, *, typeset: bool = True) -> str:
    """Return the law's right-hand side where it has a short one, else its name."""
    plain, pretty = _FORMULAS.get(fit.law, (fit.law, fit.law))
    return pretty if typeset else plain


def law_parameters(fit: LawFit) -> list[tuple[str, Prose]]:
    """Return each parameter's name with its value, interval and a remark where it lies at a bound."""
    return [
        (name, said("{}{}", parameter(one.value, one.low, one.high), _AT_EDGE if one.at_bound else ""))
        for name, one in fit.params.items()
    ]


def listed_parameters(fit: LawFit, between: str = ", ") -> Prose:
    """Return all parameters in one line."""
    words = Prose()
    for name, text in law_parameters(fit):
        words += (between if words else "") + f"{name} = "
        words += text
    return words


def law_sentence(fit: LawFit) -> str:
    """Return the law in one line, as the terminal shows it."""
    caveat = "" if fit.converged else f" (did not converge: {fit.status})"
    return f"coverage(k) ~ {law_formula(fit, typeset=False)}, {listed_parameters(fit)}{caveat}"
