"""The built-in selectors by name. Literal strings alone, so that listing them imports no mathematics."""

from collections.abc import Mapping
from types import MappingProxyType

SELECTORS: Mapping[str, str] = MappingProxyType(
    {
        "coverage": "ttscale.stats.selectors.contract:AnyCorrect",
        "majority": "ttscale.stats.selectors.voting:MajorityVote",
        "weighted": "ttscale.stats.selectors.voting:WeightedVote",
        "best": "ttscale.stats.selectors.selection:BestOfK",
        "first": "ttscale.stats.selectors.accepting:FirstAccepted",
        "ensemble": "ttscale.stats.selectors.ensemble:Ensemble",
    }
)
"""name -> "module:attribute", in the order of tables."""
