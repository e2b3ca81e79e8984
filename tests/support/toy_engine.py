"""A language model whose every probability can be enumerated, as an engine for strategies.

Three letters and an end token, at most `longest` tokens; the chances of the next token depend on the text so far.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from ttscale.strategies.contract import Attempt, Completion, Generate, Judge, Strategy
from ttscale.strategies.interleaving import Finished, Interleaver
from ttscale.types import Outcome, Problem, Verdict

LETTERS = "abc"
END = 3
Text = tuple[int, ...]


def chances(text: Text) -> list[float]:
    """Chance of each letter and of the end behind a text."""
    a = 0.5 if not text else (0.2, 0.6, 0.35)[text[-1]]
    end = (0.05, 0.3, 0.45, 0.5)[min(len(text), 3)]
    return [a * (1 - end), (0.9 - a) * (1 - end), 0.1 * (1 - end), end]


def spelled(text: Text) -> str:
    return "".join(LETTERS[token] for token in text)


def law(longest: int) -> dict[str, float]:
    """Every text of at most `longest` tokens (the end token counts) with its probability; cut texts end in '-'."""

    def grow(text: Text, chance: float) -> Iterator[tuple[str, float]]:
        if len(text) == longest:
            yield spelled(text) + "-", chance
            return
        *letters, end = chances(text)
        yield spelled(text), chance * end
        for token, p in enumerate(letters):
            yield from grow((*text, token), chance * p)

    return dict(grow((), 1.0))


def generate(ask: Generate, path: str, rng: random.Random, longest: int) -> Completion:
    """Answer a call by drawing token by token."""
    kept: Text = tuple(
        token
        for piece in ask.prefix
        for token in (
            [LETTERS.index(x) for x in piece if x in LETTERS] if isinstance(piece, str) else piece.ids
        )
    )
    text, logprobs, reason = kept, [], "length"
    most = longest - len(kept) if ask.max_tokens is None else min(ask.max_tokens, longest - len(kept))
    for _ in range(most):
        p = chances(text)
        token = rng.choices(range(4), p)[0]
        logprobs.append(math.log(p[token]))
        if token == END:
            reason = "stop"
            break
        text = (*text, token)
        if ask.stop and spelled(text).endswith(tuple(ask.stop)):
            reason = "stop_text"
            break
    new = text[len(kept) :]
    return Completion(
        path=path,
        text=spelled(new),
        before=spelled(kept),
        finish_reason=reason,
        tokens=new,
        logprobs=tuple(logprobs),
        prompt_tokens=1 + len(kept),
        cached_tokens=0,
        completion_tokens=len(logprobs),
        cumulative_logprob=sum(logprobs),
    )


def marked(attempt: Attempt) -> str:
    """The attempt's text as `law` spells it."""
    return attempt.text + ("-" if attempt.last is not None and attempt.last.finish_reason == "length" else "")


def attempts(
    strategy: Strategy,
    n: int,
    *,
    longest: int = 4,
    judge: Callable[[Judge], Verdict] | None = None,
    seed: int = 0,
    shuffle: bool = False,
) -> list[Finished]:
    """Make n attempts at one problem, all interleaved; `shuffle` answers calls in a random order."""
    at_work = Interleaver(strategy, "test", run_seed=seed)
    order = random.Random(seed)
    for index in range(n):
        at_work.begin(Problem(problem_id="toy", prompt="?"), index)
    while at_work.calls or at_work.judgements:
        for queue in (at_work.calls, at_work.judgements):
            _shuffled(queue, order if shuffle else None)
            while queue:
                asked = queue.popleft()
                if isinstance(asked.ask, Judge):
                    assert judge is not None
                    at_work.answer(asked, judge(asked.ask))
                else:
                    rng = random.Random(f"{seed} {asked.index} {asked.path}")
                    at_work.answer(asked, generate(asked.ask, asked.path, rng, longest))
    assert not at_work.n_running
    assert not at_work.failed
    return sorted(at_work.finished, key=lambda finished: finished.index)


def _shuffled(queue: deque, rng: random.Random | None) -> None:
    if rng is not None:
        rng.shuffle(queue)


def scored(score: Callable[[str], float], accept_at: float | None = None) -> Callable[[Judge], Verdict]:
    """A verifier that scores a text."""

    def judge(ask: Judge) -> Verdict:
        value = score(ask.text)
        if accept_at is None:
            return Verdict(outcome=Outcome.SCORED, score=value)
        return Verdict(outcome=Outcome.CORRECT if value >= accept_at else Outcome.INCORRECT, score=value)

    return judge


def shares(texts: Sequence[str]) -> dict[str, float]:
    return {text: texts.count(text) / len(texts) for text in set(texts)}


def p_value(texts: Sequence[str], expected: dict[str, float]) -> float:
    """Chance of so large a deviation from a law (chi-squared over texts expected five times, the rest together)."""
    from scipy.stats import chisquare

    n = len(texts)
    common = [text for text, p in expected.items() if n * p >= 5]
    observed = [sum(one == text for one in texts) for text in common]
    predicted = [n * expected[text] for text in common]
    rest, rest_predicted = n - sum(observed), n - sum(predicted)
    if rest_predicted > 1e-9:
        observed, predicted = [*observed, rest], [*predicted, rest_predicted]
    return float(chisquare(observed, predicted).pvalue)
