"""Costs that are counted, samples and tokens, and those that the run itself measured, device-seconds and joules."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from ttscale.costs.contract import Charges, ModelFacts, Need, PromptReuse, Usage, split_prompt
from ttscale.options import Settings


class SampleCost:
    """Samples: each costs one, whatever its length."""

    class Options(Settings):
        """Nothing to choose."""

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

    class Options(Settings):
        """How prompts count."""

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


class SecondsCost:
    """Device-seconds: the run's sampling time spread over its generated tokens, plus verification.

    A sample of L tokens costs L times the run's seconds per generated token (all devices together), prompts and idle
    time included, and the mean seconds of its verification. They hold for this engine, machine and load alone: where
    samples are drawn one by one instead of in full batches, a sample takes many times as long.

    Worked example: a run generated 1e6 tokens in 500 s; a sample of 40 tokens costs 40 * 500 / 1e6 = 0.02 s, and with
    0.005 s of verification 0.025 s.
    """

    class Options(Settings):
        """What to add."""

        verification: bool = True
        """Whether seconds of verification count as device-seconds."""

    unit: ClassVar[str] = "device_s"
    needs: ClassVar[frozenset[Need]] = frozenset({"tokens", "seconds"})

    def __init__(self, options: Options) -> None:
        self._options = options

    def charges(self, usage: Usage, facts: ModelFacts) -> Charges:
        """Charge time by tokens."""
        assert facts.seconds_per_token is not None  # `needs` says so, and the caller has checked it
        verification = facts.verification_s if self._options.verification else None
        sample = facts.seconds_per_token * usage.mean_per_problem(usage.completion_tokens)
        nothing = np.zeros_like(sample)
        return Charges(
            unit=self.unit,
            per_sample=sample + (verification or 0.0),
            once=nothing,
            per_request=nothing,
            notes=(f"Seconds as measured in the run on {facts.device or 'its device'}.",),
        )


class JoulesCost:
    """Joules, measured while the run sampled, or its seconds times a rated power.

    A sample of L tokens costs L times the joules per generated token. `ttscale.costs.energy` measures them where there
    is an NVIDIA GPU; with the option `watts` the run's device-seconds times that power stand in.

    Worked example: 1e6 tokens in 500 s at 300 W are 150,000 J; a sample of 40 tokens costs 6 J.
    """

    class Options(Settings):
        """A power to assume."""

        watts: float | None = Field(default=None, gt=0.0)
        """Rated power per device, instead of measured joules."""

    unit: ClassVar[str] = "joules"

    def __init__(self, options: Options) -> None:
        self._options = options
        need: Need = "joules" if options.watts is None else "seconds"
        self.needs: frozenset[Need] = frozenset({"tokens", need})

    def charges(self, usage: Usage, facts: ModelFacts) -> Charges:
        """Charge energy by tokens."""
        watts = self._options.watts
        per_token = facts.joules_per_token if watts is None else watts * (facts.seconds_per_token or 0.0)
        assert per_token is not None  # `needs` says so, and the caller has checked it
        sample = per_token * usage.mean_per_problem(usage.completion_tokens)
        nothing = np.zeros_like(sample)
        how = "measured in the run" if watts is None else f"assumed at {watts:g} W"
        return Charges(
            unit=self.unit,
            per_sample=sample,
            once=nothing,
            per_request=nothing,
            notes=(f"Energy {how} on {facts.device or 'its device'}.",),
        )
