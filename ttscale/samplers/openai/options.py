"""The keys that the sampler takes out of ``model.engine_options``."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from ttscale.execution.http.urls import DEFAULT_URL, plain_url
from ttscale.options import Settings

if TYPE_CHECKING:
    from ttscale.costs.contract import Price as ModelPrice

REQUEST_KEYS = {
    "model": "engine_options.served_model",
    "messages": "the task",
    "prompt": "the task",
    "n": "engine_options.n_per_request",
    "seed": "sampling.per_sample_seeds",
    "stream": "nothing: answers are read whole",
}
"""Keys of a request's body that are not set freely -> where they are set."""


class Price(Settings):
    """What a provider asks, in US dollars per million tokens."""

    prompt_usd_per_million: float = Field(ge=0)
    completion_usd_per_million: float = Field(ge=0)
    cached_usd_per_million: float | None = Field(default=None, ge=0)
    """For prompt tokens that the server had cached; None: as other prompt tokens."""

    def of(self, model: str) -> "ModelPrice":
        """Return it as the price of a model."""
        from ttscale.costs.contract import Price as ModelPrice

        return ModelPrice(
            name=model,
            prompt=self.prompt_usd_per_million,
            completion=self.completion_usd_per_million,
            cached_prompt=self.cached_usd_per_million,
            source="model.engine_options.price",
        )


class OpenAIOptions(Settings):
    """Where the servers are and how they are asked."""

    NOT_PART_OF_A_SAMPLE: ClassVar[frozenset[str]] = frozenset({
        "base_url", "base_urls", "api_key_env", "max_concurrent", "n_per_request", "timeout_s", "max_retries",
        "patience_s", "price",
    })  # fmt: skip
    """Options that decide where and how fast a sample is drawn, not what it looks like."""

    base_url: str | None = None
    """Up to and including the version, as OpenAI's clients take it. Default: http://127.0.0.1:8000/v1."""
    base_urls: tuple[str, ...] = ()
    """Several servers of one model instead of `base_url`."""
    served_model: str | None = Field(default=None, min_length=1)
    """The name that the server knows the model by; default: `model.path`."""
    api_key_env: str | None = None
    """The environment variable that holds the API key; None: no key is sent."""
    endpoint: Literal["auto", "chat", "completions"] = "auto"
    """"chat": the server applies its chat template. "completions": the prompt goes as it is. Auto: chat where
    the server offers it and `model.chat_template` is not false."""
    max_concurrent: int = Field(default=1024, ge=1)
    """Most samples under way at one server; the limit in use grows from below and shrinks when the server says so."""
    n_per_request: int | Literal["auto"] = "auto"
    """Most samples per HTTP request. Auto: as many as the run asks for where the server honors ``n``, else 1."""
    timeout_s: float = Field(default=1800.0, gt=0)
    """Wall time of one HTTP request, from connecting to the last byte."""
    max_retries: int = Field(default=8, ge=0)
    """Attempts after the first. A server that is busy or away costs no attempt, only `patience_s`."""
    patience_s: float = Field(default=600.0, ge=0)
    """How long all servers together may stay busy or away before the run stops."""
    extra_body: dict[str, Any] = Field(default_factory=dict)
    """More keys of every request's body; null removes one
    (``{max_tokens: null, max_completion_tokens: 2048, reasoning_effort: low}``)."""
    keep_reasoning: bool = True
    """Put a reasoning that the server gives apart back before the completion, between ``<think>`` and ``</think>``."""
    price: Price | None = None
    """Gives the run's cost."""

    @field_validator("base_url", "base_urls")
    @classmethod
    def _are_plain(cls, urls: Any) -> Any:
        if isinstance(urls, tuple):
            if len(set(urls)) < len(urls):
                raise ValueError("a server stands here twice")
            return tuple(plain_url(url) for url in urls)
        return None if urls is None else plain_url(urls)

    @field_validator("n_per_request")
    @classmethod
    def _at_least_one(cls, n: int | str) -> int | str:
        if isinstance(n, int) and n < 1:
            raise ValueError("it should be 1 or more, or auto")
        return n

    @field_validator("extra_body")
    @classmethod
    def _leaves_ours_alone(cls, body: dict[str, Any]) -> dict[str, Any]:
        for key in body:
            if key in REQUEST_KEYS:
                raise ValueError(f"'{key}' is set by {REQUEST_KEYS[key]}")
        return body

    @model_validator(mode="after")
    def _one_way(self) -> "OpenAIOptions":
        if self.base_url is not None and self.base_urls:
            raise ValueError("give base_url or base_urls, not both")
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """The servers."""
        return self.base_urls or (self.base_url or DEFAULT_URL,)
