"""Scaling laws of coverage by name; see `ttscale.stats.laws.frame` for what a law is."""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from ttscale.errors import BrokenPluginError, UnknownPluginError, did_you_mean, listed
from ttscale.stats.laws.names import LAWS

if TYPE_CHECKING:
    from ttscale.stats.laws.frame import ScalingLaw

_GROUP = "ttscale.laws"


def named_law(law: "str | ScalingLaw") -> "ScalingLaw":
    """Return a law by name; a law itself passes through.

    Args:
        law: A built-in law's name, the name under which an installed package announces a law (entry points of the
            group ``ttscale.laws``), an import path such as ``my_laws:MyLaw``, or a law.

    Raises:
        UnknownPluginError: No law has this name.
        BrokenPluginError: Two laws have it, or what it names cannot be imported or is no law.

    >>> named_law("log-log").name
    'log-log'
    """
    return _law_at(law, _target(law)) if isinstance(law, str) else law


def _target(name: str) -> str:
    """Return the import path of a law's name."""
    if ":" in name:
        return name
    known = _known()
    if name not in known:
        raise UnknownPluginError(
            f"Unknown law '{name}'.{did_you_mean(name, known)} Known: {listed(known)}. To use your own, give "
            "'my_module:MyLaw'."
        )
    if len(known[name]) > 1:
        raise BrokenPluginError(
            f"Several laws are named '{name}': {listed(known[name])}. Uninstall one, or use its import path."
        )
    return known[name][0]


@cache
def _known() -> dict[str, list[str]]:
    """Return the import paths that every name stands for: one each, unless installed packages collide."""
    found = {name: [target] for name, target in LAWS.items()}
    for point in entry_points(group=_GROUP):
        targets = found.setdefault(point.name, [])
        if point.value not in targets:
            targets.append(point.value)
    return found


def _law_at(name: str, target: str) -> "ScalingLaw":
    """Import a law: its class, which is called without arguments, or an instance."""
    from ttscale.stats.laws.frame import ScalingLaw

    module, _, attribute = target.partition(":")
    try:
        found: Any = getattr(import_module(module), attribute)
        law = found() if isinstance(found, type) else found
    except Exception as error:  # a plugin's import may raise anything
        raise BrokenPluginError(
            f"Law '{name}' ({target}) cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(law, ScalingLaw):
        raise BrokenPluginError(
            f"Law '{name}' ({target}) is no scaling law but {law!r}. Derive it from CurveLaw or MixingLaw of "
            "ttscale.stats.laws.frame."
        )
    return law
