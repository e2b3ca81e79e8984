"""Verifiers of others that misbehave on the completion "bad", each in its own way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from ttscale.errors import VerifierError
from ttscale.types import Outcome, Verdict
from ttscale.verifiers.contract import Candidate


class HostileOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    deed: str
    completion: str = "bad"
    note: Path | None = None


class HostileVerifier:
    """Right where the completion is the key; does its deed where it is "bad"."""

    Options: ClassVar[type[BaseModel]] = HostileOptions
    version: ClassVar[str] = "1"
    sees_answer: ClassVar[bool] = True
    deterministic: ClassVar[bool] = True

    def __init__(self, options: HostileOptions) -> None:
        self.options = options

    def verify(self, batch: Sequence[Candidate]) -> Sequence[Any]:
        bad = [candidate.sample.completion == self.options.completion for candidate in batch]
        verdicts: list[Any] = [self._judge(candidate) for candidate in batch]
        return self._do(verdicts, bad) if any(bad) else verdicts

    def _judge(self, candidate: Candidate) -> Verdict:
        is_right = candidate.sample.completion == candidate.problem.answer
        return Verdict(outcome=Outcome.CORRECT if is_right else Outcome.INCORRECT, detail=str(os.getpid()))

    def _do(self, verdicts: list[Any], bad: list[bool]) -> Sequence[Any]:  # noqa: PLR0911, PLR0912  # one branch per deed
        others = [verdict for verdict, is_bad in zip(verdicts, bad, strict=True) if not is_bad]
        match self.options.deed:
            case "raise":
                raise RuntimeError("no good")
            case "hang":
                time.sleep(10_000)
            case "hang with a child":
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(10_000)"])
                assert self.options.note is not None
                with self.options.note.open("a") as note:
                    note.write(f"{child.pid}\n")
                child.wait()
            case "read standard input":
                sys.stdin.read()
            case "eat memory":
                eaten = []
                while True:
                    eaten.append(bytearray(64 << 20))
            case "be killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "leave":
                sys.exit(0)
            case "fewer":
                return others
            case "more":
                return [*verdicts, verdicts[0]]
            case "nothing":
                return None  # type: ignore[return-value]
            case "NaN":
                return self._with(verdicts, bad, Verdict(outcome=Outcome.CORRECT, score=float("nan")))
            case "no verdict":
                return self._with(verdicts, bad, "correct")
            case "no outcome":
                return self._with(verdicts, bad, Verdict(outcome="perfect"))  # type: ignore[arg-type]
            case "cannot run":
                raise VerifierError("No server. Start one.")
        return verdicts

    def _with(self, verdicts: list[Any], bad: list[bool], instead: Any) -> list[Any]:
        return [instead if is_bad else verdict for verdict, is_bad in zip(verdicts, bad, strict=True)]


class InProcessVerifier(HostileVerifier):
    isolated: ClassVar[bool] = False


class ReadsTopLogprobs(HostileVerifier):
    """Tells what it is given of the most probable tokens."""

    reads_top_logprobs: ClassVar[bool] = True
    deterministic: ClassVar[bool] = False

    def verify(self, batch: Sequence[Candidate]) -> Sequence[Any]:
        return [
            Verdict(outcome=Outcome.CORRECT, detail=self._seen(each.sample.top_logprobs)) for each in batch
        ]

    def _seen(self, top: Any) -> str:
        return "None" if top is None else f"{top.shape} {top.dtype} {np.nansum(top)}"
