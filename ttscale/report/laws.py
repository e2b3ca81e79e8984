"""A fitted law in words: its formula, and its parameters with their intervals."""

from ttscale.report.numbers import significant
from ttscale.stats.fitting import LawFit

_FORMULAS = {
    "exponentiated-power-law": "exp(-a k^-b)",
    "log-log": "exp(-a k^-b)",
    "power-law-plus-constant": "exp(-a k^-b - e)",
}


def law_formula(fit: LawFit) -> str:
    """Return the law's right-hand side where it has a short one, else its name."""
    return _FORMULAS.get(fit.law, fit.law)


def law_parameters(fit: LawFit) -> list[tuple[str, str]]:
    """Return each parameter's name with its value, interval and a remark where it lies at a bound."""
    rows = []
    for name, parameter in fit.params.items():
        interval = f"[{significant(parameter.low)}, {significant(parameter.high)}]"
        remark = " (at the edge of its range)" if parameter.at_bound else ""
        rows.append((name, f"{significant(parameter.value)} {interval}{remark}"))
    return rows


def law_sentence(fit: LawFit) -> str:
    """Return the law in one line, as the terminal shows it."""
    parameters = ", ".join(f"{name} = {text}" for name, text in law_parameters(fit))
    caveat = "" if fit.converged else " (the fit did not converge: do not rely on it)"
    return f"coverage(k) ~ {law_formula(fit)}, {parameters}{caveat}"
