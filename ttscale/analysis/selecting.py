"""Selectors by name, each with the verifier it goes by."""

from collections.abc import Sequence
from dataclasses import dataclass

from ttscale.config.loading import plugin_options
from ttscale.config.models import PluginSettings
from ttscale.errors import BrokenPluginError, InvalidInputError
from ttscale.options import Settings
from ttscale.registry import BUILT_IN, find_plugin
from ttscale.stats.selectors.accepting import FirstAccepted
from ttscale.stats.selectors.contract import AnyCorrect, Selector, goes_by_verifier

_CONTRACT = ("metric", "needs", "effort", "stops_early", "at_k", "label", "values", "draws")


@dataclass(frozen=True, slots=True)
class Way:
    """A selector with the verifier it goes by.

    Attributes:
        selector: How one answer of k is picked.
        verifiers: Whose scores or verdicts it goes by: none, one, or for an ensemble several.
    """

    selector: Selector
    verifiers: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return what a table calls it."""
        return self.selector.label(" + ".join(self.verifiers) or None)

    @property
    def is_coverage(self) -> bool:
        """Tell whether it counts any correct sample: nothing is picked, counts are enough, and forecasts go beyond them."""
        return isinstance(self.selector, AnyCorrect)

    @property
    def is_first_accepted(self) -> bool:
        """Tell whether the first accepted sample is taken, so that wrong acceptances set a ceiling and cost something."""
        return isinstance(self.selector, FirstAccepted)


def named_selector(what: str | PluginSettings | Selector) -> Selector:
    """Return a selector by its built-in name, the name of an entry point (group ``ttscale.selectors``) or import path.

    A selector itself passes through.

    Raises:
        UnknownPluginError: No such name.
        BrokenPluginError: It cannot be imported, or lacks a part of the contract.
        ConfigError: An option that it does not have.

    >>> named_selector("best").label("logprob")
    'best by logprob'
    """
    if not isinstance(what, str | PluginSettings):
        return what
    settings = PluginSettings(name=what) if isinstance(what, str) else what
    plugin = find_plugin("selectors", settings.name)
    found = plugin.load()
    lacking = [name for name in _CONTRACT if not hasattr(found, name)]
    if lacking:
        raise BrokenPluginError(
            f"Selector '{settings.name}' ({plugin.origin}, {plugin.target}) lacks {', '.join(lacking)}. Derive it from "
            "ttscale.stats.selectors.contract.Selector."
        )
    model = getattr(found, "Options", None)
    options = plugin_options(settings, model or Settings, f"selectors.{settings.name}")
    selector: Selector = found(options) if model else found()
    return selector


def ways(selectors: Sequence[str | Selector], verifiers: Sequence[str]) -> list[Way]:
    """Combine the selectors asked for with the verifiers they need, built-in ones in their usual order.

    Raises:
        InvalidInputError: No selector, one without its verifier, or a verifier that no selector uses.

    >>> [one.label for one in ways(["coverage", "best"], ["logprob"])]
    ['coverage', 'best by logprob']
    """
    if not selectors:
        raise InvalidInputError("No selector is named: give one, such as coverage.")
    order = [*BUILT_IN["selectors"], *selectors]
    names = sorted(dict.fromkeys(selectors), key=order.index)
    found = [named_selector(name) for name in names]
    needy = [name for name, selector in zip(names, found, strict=True) if ways_of(selector, ()) == []]
    if needy and not verifiers:
        first = needy[0] if isinstance(needy[0], str) else needy[0].label()
        raise InvalidInputError(
            f"Selector '{first}' needs a verifier to go by: give --verifier NAME, or 'logprob' for the samples' own "
            "log-probability."
        )
    if verifiers and not needy:
        raise InvalidInputError(
            f"--verifier {verifiers[0]} is used by no selector: add --selector best (highest score) or first (first accepted)."
        )
    return [way for selector in found for way in ways_of(selector, verifiers)]


def ways_of(selector: Selector, verifiers: Sequence[str]) -> list[Way]:
    """Combine one selector with the verifiers: with each, with all together, or with none, as it needs."""
    if "features" in selector.needs:
        return [Way(selector, tuple(verifiers))] if verifiers else []
    if goes_by_verifier(selector):
        return [Way(selector, (each,)) for each in verifiers]
    return [Way(selector)]
