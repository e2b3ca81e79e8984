"""verifiers (RL environments): ``results.jsonl``, one rollout per line, with ``metadata.json`` beside it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ttscale.exchange.contract import (
    UNKNOWN,
    CellKey,
    ImportedSample,
    PlainImporter,
    ReadingNotes,
    Source,
    VerifierKey,
)
from ttscale.exchange.json_stream import first_record
from ttscale.exchange.lines import field, object_beside, read_objects
from ttscale.exchange.values import judged, measures, real, text_of, whole
from ttscale.plain_files import real_path
from ttscale.types import Message, Problem, Verdict

_KNOWN = frozenset({"example_id", "prompt", "completion", "answer", "info", "reward", "metrics", "token_usage", "task"}
                   | {"is_truncated", "is_completed", "stop_condition", "error", "timing", "tool_defs"}
                   | {"error_chain", "long_error_chain"})  # fmt: skip
_SAMPLING = ("temperature", "top_p", "max_tokens")


class VerifiersImporter(PlainImporter):
    """verifiers: results.jsonl of an environment's evaluation."""

    title: ClassVar[str] = "verifiers"

    def recognizes(self, path: Path) -> bool:
        """Look for ``example_id`` beside ``reward`` in the first line."""
        if path.is_dir():
            return any(map(self.recognizes, path.rglob("results.jsonl")))
        record = first_record(path)
        return record is not None and {"example_id", "reward", "completion"} <= record.keys()

    def sources(self, path: Path) -> list[Source]:
        """Return the results files."""
        return (
            [Source(each) for each in sorted(path.rglob("results.jsonl"))]
            if path.is_dir()
            else [Source(path)]
        )

    def read(self, source: Source, notes: ReadingNotes) -> Iterator[ImportedSample]:
        """Yield the rollouts of one file."""
        cell = self._cell(source.path)
        for number, record in read_objects(source.path):
            where = f"Line {number} of {source.path}"
            metrics: dict[str, Any] = record["metrics"] if isinstance(record.get("metrics"), dict) else {}
            notes.leave_out(record, _KNOWN.union(metrics))
            if record.get("error") and not record.get("completion"):
                notes.remark("Rollouts that ended in an error before the model answered are left out.")
                continue
            usage = record.get("token_usage") or {}
            yield ImportedSample(
                cell=cell,
                problem=_problem(record, where),
                completion=_text(record.get("completion"), notes),
                finish_reason=_finish(record),
                prompt_tokens=whole(usage.get("input_tokens")),
                completion_tokens=whole(usage.get("output_tokens")),
                verdicts=dict(self._verdicts(record, metrics, notes)),
            )

    def _cell(self, path: Path) -> CellKey:
        """Name the cell by the metadata, or by the folder: ENVIRONMENT--ORG--MODEL/RUN."""
        metadata = object_beside(path.parent / "metadata.json")
        environment, _, model = real_path(path).parent.parent.name.partition("--")
        sampling = metadata.get("sampling_args") or {}
        settings = {
            f"sampling.{name}": sampling[name] for name in _SAMPLING if sampling.get(name) is not None
        }
        return CellKey(
            self._options.model or str(metadata.get("model") or model.replace("--", "/") or UNKNOWN),
            self._options.task or str(metadata.get("env_id") or environment or UNKNOWN),
            tuple(sorted(settings.items())),
        )

    def _verdicts(
        self, record: Mapping[str, Any], metrics: Mapping[str, Any], notes: ReadingNotes
    ) -> Iterator[tuple[VerifierKey, Verdict]]:
        reward = judged(record.get("reward"), threshold=self._options.threshold)
        if reward is not None:
            if reward.score is not None:
                notes.remark(
                    f"Rewards other than 0 and 1 count as correct from {self._options.threshold or 1:g} on; --threshold "
                    "changes that."
                )
            yield VerifierKey("reward"), reward
        for name, value in metrics.items():
            key = VerifierKey(name)
            if value is None:
                continue
            verdict = judged(value) if real(value) in (0.0, 1.0) else None
            if verdict is None or measures(name):
                notes.no_verdict(key, "a metric that is not 0 or 1")
            else:
                yield key, verdict


def _problem(record: dict[str, Any], where: str) -> Problem:
    prompt = record.get("prompt")
    messages = tuple(
        Message(str(turn.get("role")), _content(turn)) for turn in (prompt if isinstance(prompt, list) else [])
        if isinstance(turn, dict)
    )  # fmt: skip
    info = record.get("info")
    return Problem(
        problem_id=str(field(record, "example_id", (str, int), where)),
        prompt=None if messages else (text_of(prompt) or ""),
        messages=messages or None,
        answer=text_of(record.get("answer")) or None,
        hidden={"info": info} if info else {},  # an environment may keep its key there
    )


def _text(completion: Any, notes: ReadingNotes) -> str:
    """Return the one answer; of a rollout of several turns, all of them with their roles."""
    if not isinstance(completion, list):
        return text_of(completion) or ""
    turns = [turn for turn in completion if isinstance(turn, dict)]
    if len(turns) == 1:
        return _content(turns[0])
    notes.remark("Rollouts of several turns are kept as one text with the roles.")
    return "\n\n".join(f"{turn.get('role')}: {_content(turn)}" for turn in turns)


def _content(turn: Mapping[str, Any]) -> str:
    content = turn.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return text_of(content) or ""


def _finish(record: Mapping[str, Any]) -> str:
    if record.get("is_truncated"):
        return "length"
    condition = record.get("stop_condition")
    return condition if isinstance(condition, str) else UNKNOWN
