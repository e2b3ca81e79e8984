"""What the attempts of a strategy took beside the first call's prompt."""

import numpy as np
import polars as pl

from ttscale.costs.contract import LaterCalls
from ttscale.store.calls import attempt_notes
from ttscale.store.run import RunStore
from ttscale.store.samples import SAMPLE_KEY


def later_calls(store: RunStore, cell: str, samples: pl.DataFrame) -> LaterCalls | None:
    """Return the prompts of later calls of a cell's samples; None where none had any.

    Args:
        store: The run.
        cell: The cell.
        samples: Its samples, in the order wanted; their key's columns are enough.
    """
    if not store.calls_folder(cell).exists():
        return None
    columns = ("calls", "later_prompt_tokens", "later_cached_tokens")
    notes = attempt_notes(store.calls_folder(cell))
    if not set(columns) <= set(notes.columns):
        return None
    own = samples.select(SAMPLE_KEY).join(notes, on=SAMPLE_KEY, how="left", maintain_order="left")
    calls, prompt, cached = (own[name].fill_null(0.0).to_numpy() for name in columns)
    return LaterCalls(prompt_tokens=prompt, cached_tokens=cached, calls=np.maximum(calls - 1, 0))
