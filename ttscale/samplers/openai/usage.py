"""What a run asked of its servers, and what that costs."""

from dataclasses import dataclass, replace

from ttscale.samplers.openai.options import Price
from ttscale.samplers.openai.reading import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Totals since the sampler started.

    Attributes:
        requests: HTTP requests that were answered.
        failed_attempts: Attempts that were not.
        prompt_tokens: Prompt tokens as the servers count them: once per request.
        cached_tokens: Those among them that a server had cached.
        completion_tokens: Tokens generated.
        uncounted_requests: Answers that said nothing of tokens; they are missing in the sums.
        usd: The price of it, or None where no price is known.
    """

    requests: int = 0
    failed_attempts: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    uncounted_requests: int = 0
    usd: float | None = None


class Meter:
    """Adds usage up.

    Args:
        price: Of tokens, where known.
    """

    def __init__(self, price: Price | None) -> None:
        self._price = price
        self._requests = self._failed = self._uncounted = 0
        self._prompt = self._cached = self._completion = 0

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self._requests += 1
        self._uncounted += answer.completion_tokens is None
        self._prompt += answer.prompt_tokens or 0
        self._cached += answer.cached_tokens or 0
        self._completion += answer.completion_tokens or 0

    def failed(self) -> None:
        """Count an attempt that got no answer."""
        self._failed += 1

    @property
    def usage(self) -> Usage:
        """The sums so far."""
        sums = Usage(
            requests=self._requests,
            failed_attempts=self._failed,
            prompt_tokens=self._prompt,
            cached_tokens=self._cached,
            completion_tokens=self._completion,
            uncounted_requests=self._uncounted,
        )
        if self._price is None:
            return sums
        price = self._price.of("the server's")
        return replace(sums, usd=price.usd(self._prompt, self._completion, self._cached))
