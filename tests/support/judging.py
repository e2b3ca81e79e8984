"""Candidates made of a text and a key, and verdicts on them by a verifier's name."""

from typing import Any

from ttscale.registry import load_plugin
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate


def candidate(
    completion: str, key: str | None = None, *, prompt: str | None = "?", index: int = 0, **sample: Any
) -> Candidate:
    """One answer to a problem with a key; more of the sample by name."""
    fields = {"prompt_tokens": 1, "completion_tokens": 1, "finish_reason": "stop", **sample}
    drawn = Sample(problem_id="p", sample_index=index, completion=completion, **fields)
    return Candidate(Problem(problem_id="p", prompt=prompt, answer=key), drawn)


def judge(
    name: str,
    completion: str,
    key: str | None = None,
    *,
    reason: str = "stop",
    prompt: str | None = "?",
    **options: Any,
) -> Verdict:
    """The verdict of a verifier with options on one answer."""
    verifier = load_plugin("verifiers", name)
    asked = candidate(completion, key, prompt=prompt, finish_reason=reason)
    (verdict,) = verifier(verifier.Options(**options)).verify([asked])
    assert isinstance(verdict, Verdict)
    return verdict


def outcome(name: str, completion: str, key: str | None, **options: Any) -> Outcome:
    return judge(name, completion, key, **options).outcome
