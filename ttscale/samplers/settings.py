"""The part of a configuration that engines read: which model, and how to sample from it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from ttscale.options import Settings
from ttscale.samplers.until import UntilSettings

if TYPE_CHECKING:
    from ttscale.costs.contract import Price

SECRETS = frozenset({"hf_token", "api_key", "access_token", "auth_token", "password", "secret"})
"""Keys whose values are stored nowhere and shown to nobody. HF_TOKEN in the environment is the better place for a hub's token."""
USUAL_ALTERNATIVES = 20
"""The most of `top_logprobs` that engines give unless they are told of more when they start."""


class ModelSettings(Settings):
    """Which model is sampled, and in which engine."""

    path: str
    """A built-in model ("demo-arithmetic"), a local folder, or a hub id."""
    revision: str | None = None
    """Hub revision (commit, tag or branch)."""
    engine: str = "auto"
    """"auto" (vllm where installed, else transformers), or any sampler plugin."""
    engine_options: dict[str, Any] = Field(default_factory=dict)
    """Passed to the engine as they are, after the sampler's own `Options` took theirs."""
    dtype: str = "auto"
    """"auto", "float32", "bfloat16" or "float16". Auto is the engine's own choice on a GPU. On a CPU
    it is float32, with which a sample does not depend on its batch; without per-sample seeds, bfloat16 where
    the CPU has fast instructions for it."""
    lora: str | None = None
    """Folder of a LoRA adapter (adapter_config.json and its weights) put on the model; vLLM only."""
    chat_template: Literal["auto"] | bool = "auto"
    """Whether the prompt goes through the tokenizer's chat template; "auto": if it has one."""
    system_prompt: str | None = None
    """A system turn before every conversation that has none of its own; the model needs a chat template."""
    chat_template_options: dict[str, Any] = Field(default_factory=dict)
    """Extra variables for the chat template, such as ``enable_thinking: false``."""


class SamplingSettings(Settings):
    """How samples are drawn. What is not about how many, how fast, or what is kept of them decides what a sample looks like."""

    n: int = Field(ge=1)
    """Samples per problem. Raising it later extends the run."""
    until: UntilSettings | None = None
    """Stop earlier, as soon as enough is known; `n` is then the most per problem."""
    most_tokens: int | None = Field(default=None, ge=1)
    """Stop the run, all its cells and sessions together, before more tokens than this are generated."""
    most_usd: float | None = Field(default=None, gt=0.0)
    """Stop the run before it costs more US dollars: of the server's `price`, or of a price list's entry for the model."""
    most_seconds: float | None = Field(default=None, gt=0.0)
    """Stop the run after about so many seconds of sampling, starts of engines included."""
    seed: int = Field(default=0, ge=0)
    """Of the run; each sample's own seed follows from it, the problem and the index."""
    temperature: float = Field(default=1.0, ge=0.0)
    """0 is greedy: all samples of a problem are then the same."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Sample from the most probable tokens that have this probability together."""
    top_k: int | None = Field(default=None, ge=1)
    """Sample from this many most probable tokens."""
    min_p: float = Field(default=0.0, ge=0.0, le=1.0)
    """Leave out tokens below this share of the most probable one's probability."""
    presence_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    """Taken off the logit of every token that is there already."""
    frequency_penalty: float = Field(default=0.0, ge=-2.0, le=2.0)
    """Taken off a token's logit once for every time that it is there."""
    repetition_penalty: float = Field(default=1.0, gt=0.0)
    """Divides positive logits, and multiplies negative ones, of tokens that are in the prompt or the completion."""
    max_tokens: int = Field(default=512, ge=1)
    """Most tokens of a completion; a longer one is cut and marked as truncated."""
    stop: tuple[str, ...] = ()
    """Texts that end a completion; they are not part of it."""
    logprobs: bool | Literal["auto"] = "auto"
    """Keep each sample's summed log-probability. Auto: wherever that costs little: not from a vLLM engine in a process of its
    own, as on a GPU, unless a verifier of the cell reads them."""
    token_logprobs: bool = False
    """Keep the log-probability of every token, too."""
    top_logprobs: int = Field(default=0, ge=0)
    """Keep, at every token, the log-probabilities of this many most probable ones, about 1.7 bytes each on disk; 0: none.
    Servers seldom give more than 20."""
    per_sample_seeds: bool | Literal["auto"] = "auto"
    """A seed for every sample, so that none depends on order or on how the work was cut. Auto: wherever that is free or nearly so: on
    a CPU, and on a GPU in vLLM's second model runner without top_k and top_p."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """More sampling parameters by the engine's own names: fields of vLLM's `SamplingParams` (``{min_tokens: 5, stop_token_ids: [7],
    bad_words: [no], structured_outputs: {regex: '[0-9]+'}}``), or keys of a server's request."""
    request_size: int = Field(default=64, ge=1)
    """Samples of one problem per engine request."""
    max_concurrent: int | None = Field(default=None, ge=1)
    """Sequences in flight; None: the engine's own limit."""

    @property
    def keeps_logprobs(self) -> bool:
        """Whether log-probabilities are wanted at all, where they cost little."""
        return bool(self.logprobs) or self.token_logprobs or self.top_logprobs > 0

    @model_validator(mode="after")
    def _until_within_n(self) -> Self:
        until = self.until
        if until and until.quantity in ("coverage", "difference") and until.k and until.k > self.n:
            raise ValueError(
                f"until asks for {until.quantity} at k = {until.k}, but n allows {self.n} samples per problem; "
                f"raise n, or ask for quantity: forecast"
            )
        return self


def price_of(model: ModelSettings, listed: "Mapping[str, Price]") -> "Price | None":
    """Return the price of a model, or None where nobody told one.

    Args:
        model: ``engine_options.price`` wins; then its `served_model` and its path are looked up, letter case aside.
        listed: Name -> price.
    """
    from ttscale.costs.money import price_named
    from ttscale.samplers.openai.options import Price as ServerPrice

    asked = model.engine_options.get("price")
    if asked is None:
        served = model.engine_options.get("served_model")
        return price_named(filter(None, (served, model.path, model.path.rpartition("/")[2])), listed)
    try:
        return ServerPrice.model_validate(asked).of(model.path)
    except ValidationError:  # the sampler says what is wrong with its own option
        return None
