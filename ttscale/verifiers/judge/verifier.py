"""The verifiers `judge` and `judge-oracle`: a language model, asked over an OpenAI-compatible endpoint.

Judging is pointwise: every candidate is graded on its own, so its verdict does not change when more are drawn. (Pairs are
compared by `ttscale.verifiers.judge.pairs`.) The liking for a position, which pairs are swapped for, is met here by
asking odd votes with the parts and the choices in the other order.

A judge is fallible and can be talked into a grade by what it reads; no parser prevents that. What is prevented: that
text of the candidate is *taken for* the judge's reply (see `prompt` and `parsing`). Measure a judge against an oracle
before you rely on it.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from ttscale.types import Outcome, Verdict
from ttscale.verifiers.contract import Candidate, failed
from ttscale.verifiers.endpoint import Endpoint, Failure
from ttscale.verifiers.judge.asking import AskingOptions, Reply, empty_verdict, priced, reply_of
from ttscale.verifiers.judge.parsing import parse_reply
from ttscale.verifiers.judge.prompt import DEFAULT_TEMPLATE, Prompt, build_prompt, missing_places
from ttscale.verifiers.reasoning import ReadingVerifier

_BATCHES_AHEAD = 4
"""Requests of a batch over those in flight: few enough to lose little, enough to keep the server busy."""
_SHOWN = 300


class JudgeOptions(AskingOptions):
    """Options of `judge` and `judge-oracle`."""

    ask: Literal["verdict", "score"] = "verdict"
    """"verdict": correct or incorrect. "score": a number from 0 to `scale`."""
    scale: int = Field(default=10, ge=1)
    """The highest score, with ``ask: score``."""
    votes: int = Field(default=1, ge=1)
    """Times that each candidate is judged. The verdict's score is the mean, from 0 to 1."""
    accept_above: float = Field(default=0.5, ge=0.0, lt=1.0)
    """A candidate is accepted if its score is greater; a tie of votes is no acceptance."""
    template: str = DEFAULT_TEMPLATE
    """The prompt, with the places ``{problem}``, ``{material}`` (the answer, marked) and ``{question}``."""

    @field_validator("template")
    @classmethod
    def _has_all_places(cls, template: str) -> str:
        return missing_places(template)

    @model_validator(mode="after")
    def _votes_differ(self) -> "JudgeOptions":
        if self.votes > 2 and self.temperature == 0.0:
            raise ValueError(
                "more than 2 votes repeat themselves at temperature 0: set temperature, say to 0.7"
            )
        return self


class JudgeVerifier(ReadingVerifier):
    """A language model that grades each candidate without seeing the answer key.

    Equal candidates get one verdict: asking again would only cost more.
    """

    Options: ClassVar[type[JudgeOptions]] = JudgeOptions
    version: ClassVar[str] = "2"
    sees_answer: ClassVar[bool] = False

    def __init__(self, options: JudgeOptions) -> None:
        super().__init__(options)
        self.min_batch = max(1, _BATCHES_AHEAD * options.max_concurrent // options.votes)
        self._endpoint = Endpoint(options, "Verifier 'judge'")

    def _verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        asked = [candidate for candidate in batch if self._refusal(candidate) is None]
        prompts = [self._prompt(candidate, vote) for candidate in asked for vote in range(self.options.votes)]
        replies = self._endpoint.post_all(
            "chat/completions",
            [
                self.options.body(prompt.text, number % self.options.votes)
                for number, prompt in enumerate(prompts)
            ],
            reply_of,
        )
        votes = iter(zip(prompts, replies, strict=True))
        return [
            self._refusal(candidate)
            or self._verdict(candidate, [next(votes) for _ in range(self.options.votes)])
            for candidate in batch
        ]

    def _refusal(self, candidate: Candidate) -> Verdict | None:
        """Return the verdict on a candidate that there is nothing to ask about."""
        if self.sees_answer and candidate.problem.answer is None:
            return failed("The problem has no answer key to show to the judge.")
        return empty_verdict(candidate)

    def _prompt(self, candidate: Candidate, vote: int) -> Prompt:
        options = self.options
        return build_prompt(
            candidate,
            vote,
            template=options.template,
            scale=self._scale,
            limit=options.max_characters,
            with_reference=self.sees_answer,
        )

    @property
    def _scale(self) -> int | None:
        return self.options.scale if self.options.ask == "score" else None

    def _verdict(self, candidate: Candidate, votes: Sequence[tuple[Prompt, Reply | Failure]]) -> Verdict:
        """Average the votes that can be read, if they are more than half."""
        return priced(self._average(candidate, votes), (reply for _, reply in votes))

    def _average(self, candidate: Candidate, votes: Sequence[tuple[Prompt, Reply | Failure]]) -> Verdict:
        grades = [
            grade for prompt, reply in votes if (grade := self._grade(candidate, prompt, reply)) is not None
        ]
        if 2 * len(grades) <= len(votes):
            return failed(self._complaint(candidate, votes))
        score = sum(grades) / len(grades)
        outcome = Outcome.CORRECT if score > self.options.accept_above else Outcome.INCORRECT
        return Verdict(outcome=outcome, score=score, detail=_notes(votes, len(grades)))

    def _grade(self, candidate: Candidate, prompt: Prompt, reply: Reply | Failure) -> float | None:
        if isinstance(reply, Failure):
            return None
        return parse_reply(reply.text, prompt.nonce, candidate.sample.completion, scale=self._scale)

    def _complaint(self, candidate: Candidate, votes: Sequence[tuple[Prompt, Reply | Failure]]) -> str:
        """Say why the first vote that failed did."""
        bad = next(reply for prompt, reply in votes if self._grade(candidate, prompt, reply) is None)
        if isinstance(bad, Failure):
            return (
                f"The judge gave {bad.reason}" if bad.reason.startswith("no ") else f"The judge: {bad.reason}"
            )
        return f"The judge's reply holds no single grade: {' '.join(bad.text.split())[-_SHOWN:] or '(empty)'}"


class JudgeOracle(JudgeVerifier):
    """A language model that grades each candidate against the answer key, and so defines *correct*."""

    sees_answer: ClassVar[bool] = True


def _notes(votes: Sequence[tuple[Prompt, Reply | Failure]], n_read: int) -> str | None:
    """Say what a reader of the score should know."""
    notes = []
    if n_read < len(votes):
        notes.append(f"{n_read} of {len(votes)} votes could be read")
    if votes[0][0].characters_cut:
        notes.append(
            f"{votes[0][0].characters_cut:,} characters of the completion were not shown to the judge"
        )
    return "; ".join(notes) or None
