"""Reads what attempts would have answered after each of their turns off the journal, and has an oracle judge it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ttscale.config.loading import parse_config
from ttscale.config.models import RunConfig
from ttscale.errors import InvalidInputError, StrategyError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.cell_verifiers import find_oracle, verifiers_by_cell
from ttscale.pipeline.verifying import verify_batch
from ttscale.registry import find_plugin
from ttscale.stats.decide.turns import VerifiedTurns
from ttscale.store.calls import CallRecord, finished_calls
from ttscale.store.run import RunStore
from ttscale.strategies.contract import plain_reason
from ttscale.types import Outcome, Problem, Sample
from ttscale.verifiers.contract import Candidate

_BATCH = 256
_NO_ANSWERS = frozenset({"plan"})
"""Roles of calls that no attempt could have stopped at."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What an attempt could have ended with: the texts of a turn's calls, and the tokens that it had taken by then."""

    texts: tuple[CallRecord, ...]
    tokens: float


def cells_with_turns(store: RunStore) -> list[str]:
    """Return the cells whose strategy answers in turns."""
    return [cell for cell, identity in store.manifest()["cells"].items() if _answers_in_turns(identity)]


def verified_turns(
    store: RunStore, cell: str, *, oracle: str | None = None
) -> tuple[VerifiedTurns, tuple[str, ...]]:
    """Judge every turn of a cell's finished attempts.

    Args:
        store: The run.
        cell: A cell whose strategy answers in turns: the calls of each turn are whole answers.
        oracle: The verifier that defines *correct*; by default the run's own.

    Returns:
        The judged turns, and the problems' ids by number.

    Raises:
        InvalidInputError: The strategy does not answer in turns, or no attempt is done.
        StrategyError: The oracle failed on an answer.
    """
    if cell not in cells_with_turns(store):
        known = ", ".join(cells_with_turns(store)) or "none of this run"
        raise InvalidInputError(
            f"The calls of cell '{cell}' are no answers turn after turn. Cells whose attempts could stop after any turn: {known}."
        )
    attempts = _attempts(store, cell)
    if not attempts:
        raise InvalidInputError(f"Cell '{cell}' of {store.path} has no finished attempt.")
    problems = {problem.problem_id: problem for problem in store.problems(cell)}
    config = parse_config(store.config_yaml(), out=store.path)
    verdicts = _judged(attempts, problems, config, cell, oracle)
    ids = [name for name in problems if any(key[0] == name for key in attempts)]
    number = {name: i for i, name in enumerate(ids)}
    n_turns = max(map(len, attempts.values()))
    correct, tokens = np.empty((2, len(attempts), n_turns))
    for row, (key, turns) in enumerate(attempts.items()):
        right = [
            np.mean([verdicts[key[0], call.prefix + call.text] for call in turn.texts]) for turn in turns
        ]
        correct[row] = [*right, *[right[-1]] * (n_turns - len(turns))]
        spent = [turn.tokens for turn in turns]
        tokens[row] = [*spent, *[spent[-1]] * (n_turns - len(turns))]
    return (
        VerifiedTurns(problem=np.array([number[key[0]] for key in attempts]), correct=correct, tokens=tokens),
        tuple(ids),
    )


def _answers_in_turns(identity: Mapping[str, object]) -> bool:
    name = str(identity.get("strategy.name", "independent"))
    return bool(getattr(find_plugin("strategies", name).load(), "answers_in_turns", False))


def _attempts(store: RunStore, cell: str) -> dict[tuple[str, int], list[_Turn]]:
    """Return the turns of every attempt that is done; one without a journal was a single call."""
    columns = ("problem_id", "sample_index", "completion", "finish_reason", "completion_tokens")
    samples = store.samples(cell).select(columns).sort("problem_id", "sample_index").collect()
    calls = finished_calls(store.calls_folder(cell)) if store.calls_folder(cell).exists() else {}
    attempts = {}
    for row in samples.iter_rows(named=True):
        key = row["problem_id"], row["sample_index"]
        attempts[key] = list(_turns(calls[key])) if key in calls else [_single(row)]
    return attempts


def _single(row: Mapping[str, object]) -> _Turn:
    call = CallRecord(
        problem_id=str(row["problem_id"]),
        sample_index=0,
        path="0",
        kind="generate",
        role="answer",
        text=str(row["completion"]),
        finish_reason=str(row["finish_reason"]),
    )
    return _Turn((call,), float(str(row["completion_tokens"] or 0)))


def _turns(calls: Sequence[CallRecord]) -> Iterator[_Turn]:
    """Yield the turns of an attempt: calls of one step that could have been its answer, and what all calls had taken."""
    by_step: dict[int, list[CallRecord]] = {}
    for call in calls:
        if call.kind == "generate":
            by_step.setdefault(int(call.path.partition(".")[0]), []).append(call)
    taken = 0.0
    for _, own in sorted(by_step.items()):
        taken += sum(_tokens(call) for call in own)
        answers = tuple(call for call in own if call.role not in _NO_ANSWERS)
        if answers:
            yield _Turn(answers, taken)


def _tokens(call: CallRecord) -> int:
    """Count a call as costs do: what it generated, and of a later call's prompt what was not in the prefix cache."""
    later = (call.prompt_tokens or 0) - (call.cached_tokens or 0) if call.path != "0" else 0
    return (call.completion_tokens or 0) + later


def _judged(
    attempts: Mapping[tuple[str, int], Sequence[_Turn]],
    problems: Mapping[str, Problem],
    config: RunConfig,
    cell: str,
    oracle: str | None,
) -> dict[tuple[str, str], bool]:
    """Judge every different answer to a problem once."""
    distinct = {
        (name, call.prefix + call.text): call
        for (name, _), turns in attempts.items()
        for turn in turns
        for call in turn.texts
    }
    built = verifiers_by_cell(config)
    verifier = find_oracle(built[cell].verifiers, oracle) if oracle else built[cell].oracle
    try:
        batch = [_candidate(problems[name], text, call) for (name, text), call in distinct.items()]
        verdicts = [
            verdict
            for start in range(0, len(batch), _BATCH)
            for verdict in verify_batch(verifier.verifier, batch[start : start + _BATCH])
        ]
    finally:
        _close_all(one for cells in built.values() for one in cells.verifiers)
    failed = [verdict.detail for verdict in verdicts if verdict.outcome is Outcome.ERROR]
    if failed:
        raise StrategyError(
            f"'{verifier.info.verifier}' failed on {len(failed):,} of {len(verdicts):,} answers of turns, so nothing is known of "
            f"them: {failed[0]}"
        )
    return {key: verdict.outcome is Outcome.CORRECT for key, verdict in zip(distinct, verdicts, strict=True)}


def _close_all(verifiers: Iterator[NamedVerifier]) -> None:
    for verifier in verifiers:
        verifier.close()


def _candidate(problem: Problem, text: str, call: CallRecord) -> Candidate:
    sample = Sample(
        problem_id=problem.problem_id,
        sample_index=call.sample_index,
        completion=text,
        finish_reason=plain_reason(call.finish_reason or "stop"),
        prompt_tokens=call.prompt_tokens,
        completion_tokens=call.completion_tokens,
    )
    return Candidate(problem, sample)
