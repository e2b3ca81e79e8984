"""What a sample of an arm costs: the cost model, and what is known of each arm's model."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ttscale.analysis.budget.arms import Arm
from ttscale.config.loading import plugin_options
from ttscale.config.models import PluginSettings
from ttscale.costs.amounts import MODEL_OF_UNIT
from ttscale.costs.architecture import (
    Architecture,
    architecture_in_name,
    architecture_of_size,
    read_architecture,
    read_models,
)
from ttscale.costs.contract import (
    Charges,
    CostModel,
    ModelFacts,
    Need,
    Price,
    counts_tokens,
    missing_needs,
    usage,
)
from ttscale.costs.money import find_price, known_prices, price_named, read_prices
from ttscale.costs.verification import VerifierTokens, verification_charges
from ttscale.errors import InvalidInputError, did_you_mean, listed
from ttscale.models import built_in_model
from ttscale.plain_files import user_path
from ttscale.registry import load_plugin

_SIZE = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([kKmMbB]?)")
_SCALE = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}

_FIX: Mapping[Need, str] = {
    "tokens": "its tokens: give --tokens prompt=100,completion=400, or columns prompt_tokens and completion_tokens",
    "architecture": "its model's size: give --model '{label}=PATH' (a model folder or config.json) or a number such as "
    "--model '{label}=7e9'",
    "price": "its price: give --price prompt=..,completion=.. (US dollars per million tokens) or --prices FILE",
    "seconds": "its seconds: only a run directory whose samples ttscale drew itself has measured time",
    "joules": "its joules: no session of the run recorded energy; give --cost-option watts=300 to assume a power",
}

_VERIFIER_FIX: Mapping[Need, str] = {
    "architecture": "the size of its model: give --model '{name}=7e9' or a model folder instead of the number",
    "price": "the price of its model: give a file with --prices that has an entry '{name}'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """What a user says about costs.

    Attributes:
        cost: Name of the cost model; None: the one of the unit asked for, or the best that is known.
        options: Its options.
        models: Arm label or model -> a model folder, a config.json or a number of parameters.
        models_file: YAML, name -> the fields of `Architecture`; see `read_models`.
        prices_file: Instead of the prices that come with the package.
        price: One price for every arm; wins over the file.
        tokens: (prompt, completion) tokens of a typical sample, for arms that do not know theirs.
    """

    cost: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    models_file: Path | None = None
    prices_file: Path | None = None
    price: Price | None = None
    tokens: tuple[float, float] | None = None


def with_facts(arms: Sequence[Arm], pricing: Pricing) -> list[Arm]:
    """Add what is known of each arm's model and price, and typical tokens where an arm has none.

    Raises:
        InvalidInputError: A model or price file that cannot be used, or names that fit no arm.
    """
    architectures = read_models(pricing.models_file) if pricing.models_file else {}
    architectures |= {name: _architecture(what) for name, what in pricing.models.items()}
    _refuse_strangers(pricing.models, arms)
    prices = read_prices(pricing.prices_file) if pricing.prices_file else {}
    return [
        _with_verifiers(_informed(arm, architectures, prices, pricing), architectures, prices) for arm in arms
    ]


def choose_cost_model(arms: Sequence[Arm], pricing: Pricing, units: Sequence[str]) -> tuple[str, CostModel]:
    """Return the cost model: the named one, that of the units asked for, or the best that every arm allows.

    Raises:
        InvalidInputError: Units that differ from each other or from the named model's.
        UnknownPluginError: No such cost model.
    """
    asked = sorted(set(units))
    if len(asked) > 1:
        raise InvalidInputError(
            f"Amounts are given in {' and '.join(asked)}, which cannot be compared. Give all in one unit."
        )
    by_unit = MODEL_OF_UNIT[asked[0]] if asked else None
    name = pricing.cost or by_unit or _best_known(arms)
    plugin = load_plugin("costs", name)
    options = plugin_options(
        PluginSettings(name=name, **pricing.options), plugin.Options, f"cost model {name}"
    )
    model: CostModel = plugin(options)
    if asked and model.unit != asked[0]:
        raise InvalidInputError(
            f"The amount is in {asked[0]}, but the cost model '{name}' counts {model.unit}. Give the amount in {model.unit}, or "
            f"--cost {by_unit}."
        )
    return name, model


def charges_of(
    arm: Arm, model: CostModel, name: str, verification_s: float | None, verifiers: Sequence[str] = ()
) -> Charges:
    """Return what samples of an arm cost, each judged by the verifiers that are named.

    Raises:
        InvalidInputError: Something that the cost model needs is not known; the message says how to give it.
    """
    facts = replace(arm.facts, verification_s=verification_s)
    if "price" in model.needs and facts.price is None:
        known = known_prices()
        facts = replace(
            facts, price=price_named([arm.label], known) or find_price(_base_name(arm.model), known)
        )
    missing = missing_needs(model.needs, facts, has_tokens=arm.usage is not None)
    if missing:
        fixes = "; and ".join(_FIX[need].format(label=arm.label) for need in missing)
        raise InvalidInputError(f"Cost model '{name}' cannot price '{arm.label}' without {fixes}.")
    tokens = arm.usage or usage(0.0, 0.0, n_problems=len(arm.n))
    charges = model.charges(tokens, facts)
    if arm.samples is not None and counts_tokens(model):
        asked = [arm.samples.verifiers[one].tokens for one in verifiers]
        for one in (*filter(None, asked), *arm.samples.inside):
            charges = _with_verdicts(charges, arm, model, name, one)
    return charges


def _with_verdicts(
    charges: Charges, arm: Arm, model: CostModel, name: str, verifier: VerifierTokens
) -> Charges:
    """Add what a verdict, or another model's part in an attempt, costs to every sample."""
    assert arm.samples is not None  # the tokens are theirs
    if "price" in model.needs and verifier.facts.price is None:
        price = price_named(_spellings(verifier), known_prices())
        verifier = replace(verifier, facts=replace(verifier.facts, price=price))
    missing = missing_needs(model.needs, verifier.facts, has_tokens=True)
    if missing:
        fixes = "; and ".join(_VERIFIER_FIX[need].format(name=verifier.names[0]) for need in missing)
        raise InvalidInputError(
            f"Cost model '{name}' cannot price the part of '{verifier.names[0]}' in '{arm.label}' without {fixes}. Or count "
            "another unit with --cost."
        )
    each, notes = verification_charges(model, verifier, arm.samples.problem, len(arm.n))
    return replace(charges, per_sample=charges.per_sample + each, notes=(*charges.notes, *notes))


def _architecture(what: str) -> Architecture:
    """Read a number of parameters such as 7e9, 7B or 350M, or a model folder or config.json."""
    if found := _SIZE.fullmatch(what.strip()):
        return architecture_of_size(float(found[1]) * _SCALE[found[2].lower()])
    return read_architecture(user_path(what))


def _informed(
    arm: Arm, architectures: Mapping[str, Architecture], prices: Mapping[str, Price], pricing: Pricing
) -> Arm:
    named = [name for name in (arm.label, arm.model, _base_name(arm.model)) if name in architectures]
    architecture = architectures[named[0]] if named else arm.facts.architecture or _found(arm.model)
    of_file = price_named((arm.label, _base_name(arm.model)), prices)
    price = pricing.price or of_file or arm.facts.price
    tokens = arm.usage
    if pricing.tokens is not None and (arm.samples is None or arm.usage is None):
        tokens = usage(*pricing.tokens, n_problems=len(arm.n))
    return replace(arm, usage=tokens, facts=replace(arm.facts, architecture=architecture, price=price))


def _with_verifiers(arm: Arm, architectures: Mapping[str, Architecture], prices: Mapping[str, Price]) -> Arm:
    """Add what is known of the models that verify an arm's samples, or have a part in its attempts."""
    if arm.samples is None:
        return arm
    known = {
        name: replace(columns, tokens=_known_verifier(columns.tokens, architectures, prices))
        for name, columns in arm.samples.verifiers.items()
        if columns.tokens is not None
    }
    inside = tuple(_known_verifier(one, architectures, prices) for one in arm.samples.inside)
    verifiers = {**arm.samples.verifiers, **known}
    return replace(arm, samples=replace(arm.samples, verifiers=verifiers, inside=inside))


def _known_verifier(
    verifier: VerifierTokens, architectures: Mapping[str, Architecture], prices: Mapping[str, Price]
) -> VerifierTokens:
    names = _spellings(verifier)
    given = next((architectures[name] for name in names if name in architectures), None)
    found = (
        _found(name) for name in verifier.names[2:]
    )  # its models; the first two are the verifier's own names
    architecture = given or next((one for one in found if one is not None), None)
    price = verifier.facts.price or price_named(names, prices)
    return replace(verifier, facts=ModelFacts(architecture=architecture, price=price))


def _spellings(verifier: VerifierTokens) -> list[str]:
    return [spelt for name in verifier.names for spelt in (name, _base_name(name))]


def _found(model: str) -> Architecture | None:
    """Look for a model's configuration without touching a network: built in, a folder, the hub cache, its name."""
    folder = built_in_model(model) or user_path(model)
    if (folder / "config.json").is_file():
        return read_architecture(folder)
    cached = _cached_config(model)
    return read_architecture(cached) if cached else architecture_in_name(_base_name(model))


def _cached_config(model: str) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:  # the core package needs no hub
        return None
    try:
        path = try_to_load_from_cache(model, "config.json")
    except HFValidationError:  # not a hub id
        return None
    return Path(path) if isinstance(path, str) else None


def _base_name(model: str) -> str:
    return model.rstrip("/").rpartition("/")[2]


def _refuse_strangers(models: Mapping[str, str], arms: Sequence[Arm]) -> None:
    verifiers = {name for arm in arms for one in _other_models(arm) for name in one.names}
    known = verifiers | {name for arm in arms for name in (arm.label, arm.model, _base_name(arm.model))}
    for name in models:
        if name not in known:
            raise InvalidInputError(
                f"--model names '{name}', which is no arm and judges none.{did_you_mean(name, known)} Arms: "
                f"{listed({arm.label for arm in arms})}."
            )


def _other_models(arm: Arm) -> list[VerifierTokens]:
    """Return what the models took that verify an arm's samples, or have a part in its attempts."""
    if arm.samples is None:
        return []
    return [*arm.samples.inside, *(one.tokens for one in arm.samples.verifiers.values() if one.tokens)]


def _best_known(arms: Sequence[Arm]) -> str:
    """Return FLOPs where the tokens and the size of every arm and of every verifier are known, else tokens where they are, else samples."""
    if any(arm.usage is None for arm in arms):
        return "samples"
    facts = [arm.facts for arm in arms] + [one.facts for arm in arms for one in _other_models(arm)]
    return "flops" if all(one.architecture for one in facts) else "tokens"
