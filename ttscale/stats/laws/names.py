"""The built-in laws by name. Literal strings alone, so that listing them imports no mathematics."""

from collections.abc import Mapping
from types import MappingProxyType

LAWS: Mapping[str, str] = MappingProxyType(
    {
        "beta-binomial": "ttscale.stats.laws.beta:BetaBinomial",
        "beta-mixture": "ttscale.stats.laws.beta:BetaMixture",
        "exponentiated-power-law": "ttscale.stats.laws.power:ExponentiatedPowerLaw",
        "generalized-beta": "ttscale.stats.laws.beta:GeneralizedBeta",
        "kumaraswamy": "ttscale.stats.laws.beta:Kumaraswamy",
        "log-log": "ttscale.stats.laws.power:LogLog",
        "log-normal": "ttscale.stats.laws.normal:LogNormal",
        "logit-normal": "ttscale.stats.laws.normal:LogitNormal",
        "npmle": "ttscale.stats.laws.npmle:NonParametric",
        "power-law-plus-constant": "ttscale.stats.laws.power:PowerLawPlusConstant",
        "saturation": "ttscale.stats.laws.power:Saturation",
        "scaled-beta": "ttscale.stats.laws.beta:ScaledBeta",
        "zero-inflated-beta": "ttscale.stats.laws.beta:ZeroInflatedBeta",
        "zero-inflated-generalized-beta": "ttscale.stats.laws.beta:ZeroInflatedGeneralizedBeta",
        "zero-inflated-log-normal": "ttscale.stats.laws.normal:ZeroInflatedLogNormal",
    }
)
"""name -> "module:attribute"."""
