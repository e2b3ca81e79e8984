"""What is decided and said when an engine starts, on machines that are not at hand: through stand-ins."""

from types import SimpleNamespace
from typing import Any

import pytest

from ttscale.errors import SamplerError
from ttscale.samplers.settings import SamplingSettings
from ttscale.samplers.vllm import starting


@pytest.mark.parametrize(
    ("on_cpu", "second_runner", "sampling", "seeded"),
    [
        (True, False, {}, True),
        (True, False, {"top_k": 5}, True),
        (False, False, {}, False),
        (False, True, {}, True),  # drawn by a hash of seed, position and token: free
        (False, True, {"temperature": 0.7, "min_p": 0.1}, True),
        (False, True, {"top_k": 20}, False),  # a seed costs the fast kernel there
        (False, True, {"top_p": 0.9}, False),
        (False, None, {}, False),  # a version that knows no second runner
        (False, True, {"per_sample_seeds": False}, False),
        (False, False, {"per_sample_seeds": True}, True),
    ],
)
def test_auto_seeds_where_they_are_free(
    monkeypatch: pytest.MonkeyPatch,
    on_cpu: bool,
    second_runner: bool | None,
    sampling: dict[str, Any],
    seeded: bool,
) -> None:
    monkeypatch.setattr(starting, "runs_on_cpu", lambda: on_cpu)
    config = (
        SimpleNamespace() if second_runner is None else SimpleNamespace(use_v2_model_runner=second_runner)
    )
    assert starting.is_seeded(SamplingSettings(n=1, **sampling), config) is seeded


@pytest.mark.parametrize(
    ("context", "own", "max_tokens", "told"),
    [(9000, 131072, 16384, True), (9000, 131072, 1024, False), (32, 32, 512, False), (32, None, 512, False)],
)
def test_a_context_that_was_cut_is_told_where_it_cuts_completions(
    caplog: pytest.LogCaptureFixture, context: int, own: int | None, max_tokens: int, told: bool
) -> None:
    text = SimpleNamespace(max_position_embeddings=own)
    config = SimpleNamespace(model_config=SimpleNamespace(max_model_len=context, hf_text_config=text))
    starting.tell_short_context(config, SamplingSettings(n=1, max_tokens=max_tokens))
    assert bool(caplog.records) is told


def test_engines_that_would_stand_idle_are_refused_with_what_feeds_them() -> None:
    """Before vLLM is asked for anything: its own data parallelism has one engine fed from here."""
    known = {"data_parallel_size"}
    for size in (None, 1):
        starting._refuse_wrong_options({"data_parallel_size": size}, known)
    with pytest.raises(SamplerError, match=r"data_parallel_size is 8, .* set 'execution: \{gpus: N\}'"):
        starting._refuse_wrong_options({"data_parallel_size": 8}, known)
