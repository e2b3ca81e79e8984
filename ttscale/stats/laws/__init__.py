"""Scaling laws of coverage by name; see `ttscale.stats.laws.frame` for what a law is."""

from importlib import import_module
from typing import TYPE_CHECKING

from ttscale.errors import UnknownPluginError, did_you_mean, listed
from ttscale.stats.laws.names import LAWS

if TYPE_CHECKING:
    from ttscale.stats.laws.frame import ScalingLaw


def named_law(law: "str | ScalingLaw") -> "ScalingLaw":
    """Return a built-in law by name; a law itself passes through.

    Raises:
        UnknownPluginError: No built-in law has this name.

    >>> named_law("log-log").name
    'log-log'
    """
    if not isinstance(law, str):
        return law
    if law not in LAWS:
        raise UnknownPluginError(f"Unknown law '{law}'.{did_you_mean(law, LAWS)} Known: {listed(LAWS)}.")
    module, _, attribute = LAWS[law].partition(":")
    found: ScalingLaw = getattr(import_module(module), attribute)()
    return found
