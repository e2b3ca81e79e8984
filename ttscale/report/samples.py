"""All samples of a cell for the page: packed problem by problem, unpacked when a reader opens one."""

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import polars as pl

from ttscale.analysis.run.results import CellResult
from ttscale.analysis.run.samples import OUTCOME_OF
from ttscale.report.visible import excerpt, visible_text
from ttscale.types import TRUNCATED, Outcome

Samples = list[list[Any]]

_BUDGET = 3_000_000
"""Bytes of packed samples in a page, of all its cells together, so that it can still be sent around."""
_LONGEST = 20_000
"""Characters of one sample's text."""
_SHORTER = (2000, 500, 160, 40)
"""Characters of a text where there is less and less room."""
_MOST_INDICES = 3
"""Of equal samples: the first few are named, all are counted."""
_DIGITS = {None: "9"} | {outcome.value: str(number) for number, outcome in enumerate(Outcome)}
"""Outcomes as the page's script knows them, and where there is none."""
_RIGHT = _DIGITS["correct"]
_SAME = 0
"""Stands for an answer that is the whole text."""


@dataclass(frozen=True, slots=True)
class PackedSamples:
    """A cell's samples in the page.

    Attributes:
        verifiers: Names, the oracle first, in the order of each sample's outcomes.
        packed: One text per row of the cell's table, `columns_of` its `problem_samples`; empty for none.
        told: What is left out, or an empty string.
    """

    verifiers: list[str]
    packed: list[str]
    told: str


def packed_samples(cells: Sequence[CellResult], rows: int) -> list[PackedSamples]:
    """Pack the samples of all cells of a page within its budget.

    Args:
        cells: The cells.
        rows: Problems in each cell's table.
    """
    share = _BUDGET // max(1, sum(min(cell.problems.height, rows) for cell in cells))
    return [_packed_cell(cell, rows, share) for cell in cells]


def live_samples(cell: CellResult) -> PackedSamples:
    """Return none of a cell's samples: a live page asks for those of a problem when somebody opens it."""
    return PackedSamples(verifier_names(cell), [], "")


def verifier_names(cell: CellResult) -> list[str]:
    """Return whose outcomes are beside each sample, the oracle first."""
    frame = cell.samples
    others = [] if frame is None else [name for name in frame.columns if name.startswith(OUTCOME_OF)]
    return [visible_text(name.removeprefix(OUTCOME_OF)) for name in (cell.oracle, *others)]


def problem_samples(groups: pl.DataFrame) -> Samples:
    """Return the distinct samples of one problem for the page's script.

    Args:
        groups: Rows of `ttscale.analysis.run.samples.sample_groups`.

    Returns:
        For each [text, whether it was cut off, tokens, answer, outcomes as digits, first indices, how many alike].
    """
    outcomes = [name for name in groups.columns if name == "outcome" or name.startswith(OUTCOME_OF)]
    return [
        [
            _text(row["completion"]),
            int(row["finish_reason"] in TRUNCATED),
            row["completion_tokens"],
            _answer(row),
            "".join(_DIGITS[row[name]] for name in outcomes),
            row["sample_indices"][:_MOST_INDICES],
            len(row["sample_indices"]),
        ]
        for row in groups.iter_rows(named=True)
    ]


def columns_of(samples: Samples) -> list[list[Any]]:
    """Return samples as columns, which pack to half the size.

    >>> columns_of([["a", 0], ["b", 1]])
    [['a', 'b'], [0, 1]]
    """
    return [list(column) for column in zip(*samples, strict=True)]


def _answer(row: dict[str, Any]) -> str | int | None:
    if row["answer"] is None:
        return None
    return _SAME if row["answer"] == row["completion"] else _text(row["answer"])


def _text(text: str | None) -> str:
    return visible_text(excerpt(text or "", _LONGEST))


def _packed_cell(cell: CellResult, rows: int, share: int) -> PackedSamples:
    whole = [_pack(samples) if _is_small(samples, share) else None for samples in _by_problem(cell, rows)]
    if None not in whole and sum(len(text) for text in whole if text) <= share * len(whole):
        return PackedSamples(verifier_names(cell), [text for text in whole if text], _told(cell, 0))
    within = [_within(samples, share) for samples in _by_problem(cell, rows)]
    cut = sum(is_cut for _, is_cut in within)
    return PackedSamples(verifier_names(cell), [text for text, _ in within], _told(cell, cut))


def _is_small(samples: Samples, share: int) -> bool:
    """Tell whether it is worth the time to pack samples whole: text shrinks ten times at the very most."""
    return sum(len(one[0]) for one in samples) <= 10 * share


def _by_problem(cell: CellResult, rows: int) -> Iterator[Samples]:
    """Yield the samples of each problem in the table's order; where the result has only examples, those."""
    if cell.samples is None:
        for examples in cell.problems["examples"].head(rows).to_list():
            yield [_example(one) for one in examples or ()]
        return
    by_id = cell.samples.partition_by("problem_id", as_dict=True)
    for name in cell.problems["problem_id"].head(rows).to_list():
        found = by_id.get((name,))
        yield [] if found is None else problem_samples(found)


def _example(one: dict[str, Any]) -> list[Any]:
    is_cut = int(one["finish_reason"] in TRUNCATED)
    return [_text(one["completion"]), is_cut, None, None, _DIGITS[one["outcome"]], [one["sample_index"]], 1]


def _within(samples: Samples, share: int) -> tuple[str, bool]:
    """Pack as many samples as fit, correct and other ones by turns, the earliest of each; tell whether some are left out."""
    kept = _some(samples, max(2, _first_many(samples, 10 * share)))
    text = _pack(kept)
    while len(text) > share and len(kept) > 2:
        kept = _some(samples, max(2, int(0.9 * len(kept) * share / len(text))))
        text = _pack(kept)
    shorter = iter(_SHORTER)
    while len(text) > share and (longest := next(shorter, None)):
        kept = [[excerpt(one[0], longest), *one[1:]] for one in kept]
        text = _pack(kept)
    return text, kept != samples


def _first_many(samples: Samples, characters: int) -> int:
    """Return how many samples from the first on have so many characters together."""
    sizes = accumulate(len(one[0]) for one in samples)
    return sum(size <= characters for size in sizes)


def _some(samples: Samples, most: int) -> Samples:
    right = [one for one in samples if one[4][0] == _RIGHT]
    other = [one for one in samples if one[4][0] != _RIGHT]
    n_right = min(len(right), max((most + 1) // 2, most - len(other)))
    return sorted([*right[:n_right], *other[: most - n_right]], key=lambda one: int(one[5][0]))


def _pack(samples: Samples) -> str:
    """Return samples as JSON, deflated, in letters that mean nothing in HTML."""
    data = json.dumps(columns_of(samples), ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(zlib.compress(data)).decode("ascii")


def _told(cell: CellResult, cut: int) -> str:
    if cell.samples is None:
        return "A few samples of each problem are here. All of them: ttscale report RUN, or ttscale view RUN."
    if not cut:
        return ""
    return (
        f"To keep this page small, a part of the samples of {cut:,} of {cell.problems.height:,} problems is here. "
        "All of them: ttscale view RUN."
    )
