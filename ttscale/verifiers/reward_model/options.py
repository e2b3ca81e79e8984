"""Options of the verifier `reward-model`, and what every backend is handed."""

from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import Field, model_validator

from ttscale.types import Message
from ttscale.verifiers.endpoint import EndpointSettings
from ttscale.verifiers.reasoning import ReadingOptions

Reduction = Literal["min", "prod", "last", "mean"]


class RewardModelOptions(ReadingOptions):
    """Which model scores, where it runs, and what becomes of its rewards."""

    path: str | None = None
    """A local folder or hub id of a model with a classification head; or give `endpoint`."""
    engine: Literal["auto", "vllm", "transformers"] = "auto"
    """What runs the model of `path`. Auto: vLLM where it is installed beside a GPU, and transformers for what it does not
    know; on a CPU transformers, which starts at once."""
    endpoint: EndpointSettings | None = None
    """A vLLM server that serves the model for pooling."""
    rewards: Literal["outcome", "steps"] = "outcome"
    """"outcome": one reward for the whole completion. "steps": one for each step, reduced to one score. A token
    classification model gives a reward at the end of each step; a sequence classification model scores
    every beginning of the completion that ends with a step."""
    separator: str = Field(default="\n\n", min_length=1)
    """What separates the steps of a completion."""
    step_token: str | None = None
    """What a token classification model was trained to see at the end of a step; None: the separator."""
    reduction: Reduction = "min"
    """How the rewards of steps become one score."""
    label: int | None = Field(default=None, ge=0)
    """Which label is the good one, for a head with several; None: the last."""
    activation: Literal["auto", "none", "sigmoid", "softmax"] = "auto"
    """What is applied to the head's logits. Auto: softmax over several labels; sigmoid for a single one where
    steps are reduced; else none."""
    accept_at: float | None = None
    """Accept samples that score at least this; None: only score."""
    chat_template: Literal["auto"] | bool = "auto"
    """Whether problem and completion are put as turns through the chat template; auto: if the model has one."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest text; None: what the model's configuration says. A longer one is an error of that sample."""
    batch_tokens: int = Field(default=16_384, ge=1)
    """Tokens of a forward pass, padding included."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of the weights. Auto: float32 on a CPU, the model's own on a GPU."""
    device: str = "auto"
    """"auto" (cuda where there is one, else cpu) or any torch device."""

    @model_validator(mode="after")
    def _consistent(self) -> "RewardModelOptions":
        if (self.path is None) == (self.endpoint is None):
            raise ValueError("exactly one of 'path' and 'endpoint' says where the model is")
        if self.rewards == "steps" and self.reduction == "prod" and self.activation == "none":
            raise ValueError("a product needs rewards in [0, 1]: let activation be sigmoid or softmax")
        return self


@dataclass(frozen=True, slots=True)
class Passage:
    """What is scored: the turns before the completion, and the completion in steps (one, for an outcome)."""

    turns: tuple[Message, ...]
    steps: tuple[str, ...]


Rewards = tuple[float, ...]
"""One reward per step: logits of a single label, or the probability of the good one."""


class Backend(Protocol):
    """Something that runs a reward model."""

    def rewards(self, passages: list[Passage]) -> list[Rewards | str]:
        """Return the rewards of each passage's steps, or why there are none.

        Raises:
            VerifierError: The model cannot be loaded, does not fit, or is no reward model.
            MissingExtraError: The engine is not installed.
        """

    def close(self) -> None:
        """Free the model; safe to call twice."""
