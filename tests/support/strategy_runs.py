"""Runs over strategies with the toy model, sampled and verified."""

from pathlib import Path
from typing import Any

import yaml

import ttscale
from ttscale.store.run import RunStore


class StartsWithA:
    """An oracle for the toy model: right is what begins with the problem's first digit as a letter (a, b or c)."""

    from toy_sampler import LetterOptions as Options

    version = "1"
    sees_answer = True
    deterministic = True
    isolated = False

    def __init__(self, options: Any) -> None:
        pass

    def verify(self, batch):
        from ttscale.types import Outcome, Verdict

        return [
            Verdict(
                outcome=Outcome.CORRECT if one.sample.completion.startswith("aa") else Outcome.INCORRECT,
                answer=one.sample.completion[:2],
                answer_class=one.sample.completion[:2] or None,
            )
            for one in batch
        ]


ORACLE, CHECK = "strategy_runs:StartsWithA", "toy_sampler:CountsA"


def strategy_run(
    out: Path,
    strategies: dict[str, Any],
    *,
    n: int = 12,
    problems: int = 6,
    verifiers: tuple[str, ...] = (ORACLE, CHECK),
) -> RunStore:
    tree = {
        "model": {"path": "none", "engine": "toy_sampler:ToySampler"},
        "task": {"name": "arithmetic", "problems": problems},
        "sampling": {"n": n, "max_tokens": 6, "request_size": 8},
        "verifiers": list(verifiers),
        "sweep": {"axes": {"strategy": strategies}, "name": "{strategy}"},
    }
    path = out.parent / f"{out.name}.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return ttscale.run(ttscale.load_config(path, out=out))
