"""The built-in laws by name. Literal strings alone, so that listing them imports no mathematics."""

from collections.abc import Mapping
from types import MappingProxyType

LAWS: Mapping[str, str] = MappingProxyType(
    {
        "beta-binomial": "ttscale.stats.laws.beta:BetaBinomial",
        "beta-mixture": "ttscale.stats.laws.beta:BetaMixture",
        "exponentiated-power-law": "ttscale.stats.laws.power:ExponentiatedPowerLaw",
        "log-log": "ttscale.stats.laws.power:LogLog",
        "power-law-plus-constant": "ttscale.stats.laws.power:PowerLawPlusConstant",
        "scaled-beta": "ttscale.stats.laws.beta:ScaledBeta",
        "zero-inflated-beta": "ttscale.stats.laws.beta:ZeroInflatedBeta",
    }
)
"""name -> "module:attribute"."""
