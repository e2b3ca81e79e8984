"""A cell's strategy with all that it needs, or what is missing, said before anything is drawn."""

from dataclasses import dataclass, field
from typing import Any

from ttscale.config.cells import cells
from ttscale.config.models import Cell, PluginSettings, RunConfig
from ttscale.errors import ConfigError, MissingExtraError
from ttscale.pipeline.building import (
    MOST_CALLS_KEY,
    NamedVerifier,
    build_verifier,
    other_models,
    strategy_identity,
    strategy_options,
)
from ttscale.registry import find_plugin
from ttscale.samplers.contract import Sampler
from ttscale.samplers.resolve import choose_engine
from ttscale.samplers.settings import ModelSettings
from ttscale.strategies.contract import Need, Strategy
from ttscale.strategies.interleaving import MOST_CALLS

_WHAT_SERVES: dict[Need, str] = {
    "prefix": "an engine that goes on from a given text: vllm, transformers, or a server's completions endpoint "
    "(openai with endpoint: completions)",
    "tokens": "an engine that goes on from given tokens: vllm, transformers, or vLLM's own server (openai)",
    "stop": "an engine that says which text ended a call: vllm, transformers, or vLLM's own server (openai)",
    "logprobs": "an engine that returns log-probabilities: vllm, transformers, or a server that does",
    "verifier": "a verifier: strategy.verifier",
    "classes": "a verifier that puts answers into classes: strategy.classes, such as numeric",
    "second-model": "another model: strategy.target",
}


@dataclass(frozen=True, slots=True)
class BuiltStrategy:
    """A strategy ready for work.

    Attributes:
        name: As configured.
        strategy: The plugin.
        verifiers: What answers its judgements, by "verifier" and "classes".
        models: Its other models, by the name that its calls give them.
        most_calls: Asks of one attempt that are too many.
    """

    name: str
    strategy: Strategy
    verifiers: dict[str, NamedVerifier] = field(default_factory=dict)
    models: dict[str, ModelSettings] = field(default_factory=dict)
    most_calls: int = MOST_CALLS

    def close(self) -> None:
        """Free what its verifiers hold."""
        for verifier in self.verifiers.values():
            verifier.close()


def check_strategies(config: RunConfig) -> None:
    """Build every cell's strategy once, so that what is wrong or missing is said before anything is drawn.

    Raises:
        ConfigError: An option is wrong, an engine cannot serve the strategy, or calls would be made where none are recorded.
    """
    for cell in cells(config):
        if cell.strategy is None:
            continue
        built = build_strategy(cell.strategy)
        try:
            engine, _ = choose_engine(cell.model.engine)
            refuse_unservable(built, cell, engine, find_plugin("samplers", engine).load())
        except MissingExtraError:  # nothing is drawn here
            pass
        finally:
            built.close()


def build_strategy(settings: PluginSettings) -> BuiltStrategy:
    """Construct a strategy from its settings, with its verifiers.

    Raises:
        ConfigError: An option is wrong, or its verifier sees the answer key.
    """
    options = strategy_options(settings)
    strategy: Strategy = find_plugin("strategies", settings.name).load()(options)
    verifiers = {
        role: _verifier(role, getattr(options, role))
        for role in ("verifier", "classes")
        if getattr(options, role, None) is not None
    }
    models = other_models(options)
    return BuiltStrategy(settings.name, strategy, verifiers, models, _most_calls(settings))


def refuse_unservable(
    built: BuiltStrategy, cell: Cell, engine: str, sampler: Sampler | type[Sampler]
) -> None:
    """Say what a strategy needs and this cell does not give, before anything is drawn.

    Raises:
        ConfigError: With what would serve.
    """
    serves: frozenset[str] = getattr(sampler, "serves", frozenset())
    if "calls" not in serves:
        raise ConfigError(
            f"{cell.name}: engine '{engine}' draws whole samples only, and strategy '{built.name}' sets its calls apart. "
            "Use engine: vllm, transformers or openai."
        )
    given = set(serves) | set(built.verifiers) | ({"second-model"} if built.models else set())
    lacking = sorted(need for need in built.strategy.needs if need not in given)
    if lacking:
        raise ConfigError(
            f"{cell.name}: strategy '{built.name}' needs {_WHAT_SERVES.get(lacking[0], lacking[0])}; "
            f"engine '{engine}' is no such thing."
        )


def refuse_other_replay(cell: Cell, sampler: Sampler) -> bool:
    """Refuse to make other attempts of a stored journal than were made; return whether the sampler replays one.

    Raises:
        ConfigError: Strategy, options or seed differ; the message names the keys.
    """
    stored = getattr(sampler, "replayed", None)
    if stored is None:
        return False
    assert cell.strategy is not None
    asked = strategy_identity(cell.strategy) | {"sampling.seed": cell.sampling.seed}
    told = {"sampling.seed": 0} | {
        key: value for key, value in stored.items() if key in asked or key.startswith("strategy.")
    }
    differing = sorted(key for key in asked.keys() | told.keys() if asked.get(key) != told.get(key))
    if differing:
        raise ConfigError(
            f"{cell.name}: the replayed attempts were made with other settings ("
            + "; ".join(f"{key}: {told.get(key)!r} stored, {asked.get(key)!r} asked" for key in differing)
            + "). Their calls are none of these: set them as they were."
        )
    return True


def _verifier(role: str, choice: Any) -> NamedVerifier:
    built = build_verifier(PluginSettings.model_validate(choice))
    if role == "verifier" and built.info.sees_answer:
        built.close()
        raise ConfigError(
            f"strategy.verifier is '{built.info.verifier}', which sees the answer key: an attempt that uses it would measure "
            "the key. Name one that does not: `ttscale list verifiers` marks the oracles."
        )
    return built


def _most_calls(settings: PluginSettings) -> int:
    most = settings.options.get(MOST_CALLS_KEY, MOST_CALLS)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise ConfigError(f"strategy.most_calls is {most!r}, but should be a whole number of at least 1.")
    return most
