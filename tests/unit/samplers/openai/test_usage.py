"""What servers were asked is added up, and priced where a price is known."""

import pytest

from ttscale.samplers.openai.options import Price
from ttscale.samplers.openai.reading import Answer
from ttscale.samplers.openai.usage import Meter


def answer(prompt: int | None, cached: int | None, completion: int | None) -> Answer:
    made = Answer.__new__(Answer)
    for name in Answer.__dataclass_fields__:
        object.__setattr__(made, name, None)
    for name, value in (
        ("prompt_tokens", prompt),
        ("cached_tokens", cached),
        ("completion_tokens", completion),
    ):
        object.__setattr__(made, name, value)
    return made


def metered(price: Price | None) -> Meter:
    meter = Meter(price)
    meter.answered(answer(1000, 400, 2000))
    meter.answered(answer(500, None, 100))
    meter.answered(answer(None, None, None))
    meter.failed()
    return meter


def test_sums_leave_out_what_was_not_counted_and_say_how_often() -> None:
    usage = metered(None).usage
    assert (usage.requests, usage.failed_attempts, usage.uncounted_requests) == (3, 1, 1)
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (1500, 400, 2100)
    assert usage.usd is None


def test_cached_tokens_have_their_price_and_else_the_prompts() -> None:
    price = {"prompt_usd_per_million": 2.0, "completion_usd_per_million": 10.0}
    plain = metered(Price(**price)).usage.usd
    cheaper = metered(Price(**price, cached_usd_per_million=0.5)).usage.usd
    assert plain == pytest.approx(1e-6 * (1500 * 2 + 2100 * 10))
    assert cheaper == pytest.approx(1e-6 * (1100 * 2 + 400 * 0.5 + 2100 * 10))
