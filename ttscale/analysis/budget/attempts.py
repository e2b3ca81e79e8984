"""What the attempts of a strategy took beside the first call: later calls, and other models inside."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from ttscale.costs.contract import LaterCalls, ModelFacts
from ttscale.costs.verification import VerifierTokens
from ttscale.samplers.settings import ModelSettings, price_of
from ttscale.store.samples import SAMPLE_KEY


def later_calls(sums: pl.DataFrame) -> LaterCalls:
    """Return the later calls of samples."""
    numbers = {name: sums[name].to_numpy() for name in sums.columns if name not in SAMPLE_KEY}
    return LaterCalls(
        calls=np.maximum(numbers["calls"] - 1, 0),
        prompt_tokens=numbers["later_prompt_tokens"],
        cached_tokens=numbers["later_cached_tokens"],
        first_tokens=numbers["first_tokens"],
        squared_tokens=numbers["squared_tokens"],
        crossed_tokens=numbers["crossed_tokens"],
        attended_read=numbers["attended_read"],
        attended_whole=numbers["attended_whole"],
    )


def models_inside(sums: pl.DataFrame, strategy: Mapping[str, Any], target: Any) -> tuple[VerifierTokens, ...]:
    """Return what other models took inside the attempts: verifiers that are models, and a second model.

    Args:
        sums: Of the samples.
        strategy: The strategy's settings: its options `verifier` and `classes` name the verifiers.
        target: Its option of that name, as configured: the second model, None where there is none.
    """
    both = (_verifiers_inside(sums, strategy), None if target is None else _second_model(sums, target))
    return tuple(one for one in both if one is not None)


def _verifiers_inside(sums: pl.DataFrame, strategy: Mapping[str, Any]) -> VerifierTokens | None:
    if not sums.select(pl.any_horizontal(pl.col("judge_read", "judge_wrote") > 0).any()).item():
        return None
    times = sums["judged"].to_numpy()
    each = pl.max_horizontal("judged", pl.lit(1.0))
    mean = sums.select(read=pl.col("judge_read") / each, wrote=pl.col("judge_wrote") / each)
    named = [strategy[role] for role in ("verifier", "classes") if strategy.get(role)]
    options = [one for one in named if isinstance(one, Mapping)]
    return VerifierTokens(
        names=(
            "the judge inside the attempts",
            *(str(one["name"]) if isinstance(one, Mapping) else str(one) for one in named),
            *(model for one in options for model in models_in(one)),
        ),
        prompt_tokens=mean["read"].to_numpy(),
        completion_tokens=mean["wrote"].to_numpy(),
        times=times,
    )


def _second_model(sums: pl.DataFrame, target: Any) -> VerifierTokens:
    model = ModelSettings.model_validate({"path": target} if isinstance(target, str) else target)
    served = model.engine_options.get("served_model")
    each = pl.max_horizontal("other_calls", pl.lit(1.0))
    mean = sums.select(read=pl.col("other_read") / each, wrote=pl.col("other_wrote") / each)
    return VerifierTokens(
        names=("target", "strategy.target", model.path, *([str(served)] if served else [])),
        prompt_tokens=mean["read"].to_numpy(),
        completion_tokens=mean["wrote"].to_numpy(),
        times=sums["other_calls"].to_numpy(),
        facts=ModelFacts(price=price_of(model, {})),
    )


def models_in(options: Mapping[str, Any]) -> list[str]:
    """Return the models that a verifier's options name: on a server, or in a folder or a hub."""
    endpoint = options.get("endpoint") or {}
    return [str(one) for one in (options.get("model"), options.get("path"), endpoint.get("model")) if one]
