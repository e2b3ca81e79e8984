"""Costs that are counted: samples and tokens."""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ttscale.costs.contract import Charges, ModelFacts, Need, PromptReuse, Usage, split_prompt


class SampleCost:
    """Samples: each costs one, whatever its length."""

    class Options(BaseModel):
        """Nothing to choose."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    unit: ClassVar[str] = "samples"
    needs: ClassVar[frozenset[Need]] = frozenset()

    def __init__(self, options: Options) -> None:
        self._options = options

    def charges(self, usage: Usage, facts: ModelFacts) -> Charges:
        """Charge one per sample."""
        nothing = np.zeros(len(usage.prompt_tokens))
        return Charges(unit=self.unit, per_sample=nothing + 1.0, once=nothing, per_request=nothing)


class TokenCost:
    """Tokens, generated and prompt alike; a generated token may weigh more.

    Cost of k samples: prompt_weight * L_in (as often as `prompt` says) + k * L, in tokens. With the default weight
    of 1 and prompt tokens paid once per problem this is the token count of Brown et al. 2024, section 2.3.

    Later calls of a strategy's attempts add the prompt tokens that were not in the prefix cache.

    Worked example: a prompt of 100 tokens and samples of 50; 4 samples cost 100 + 4 * 50 = 300 tokens.
    """

    class Options(BaseModel):
        """How prompts count."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        prompt: PromptReuse = "problem"
        prompt_weight: float = Field(default=1.0, ge=0.0)
        """Of a prompt token, where a generated one weighs 1; 0 counts generated tokens alone."""

    unit: ClassVar[str] = "tokens"
    needs: ClassVar[frozenset[Need]] = frozenset({"tokens"})

    def __init__(self, options: Options) -> None:
        self._options = options

    def charges(self, usage: Usage, facts: ModelFacts) -> Charges:
        """Charge every token."""
        prompt = self._options.prompt_weight * usage.prompt_tokens
        tokens = usage.completion_tokens
        if usage.later is not None:
            tokens = tokens + self._options.prompt_weight * usage.later.read(self._options.prompt)
        generated = usage.mean_per_problem(tokens)
        once, request, sample = split_prompt(prompt, self._options.prompt, generated)
        return Charges(
            unit=self.unit,
            per_sample=sample,
            once=once,
            per_request=request,
            request_size=usage.request_size,
        )
