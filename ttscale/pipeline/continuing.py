"""Whether an engine may go on with a cell that another session began: what it draws must be more of the same."""

from typing import Any

import polars as pl

from ttscale.config.models import Cell
from ttscale.errors import RunMismatchError
from ttscale.samplers.contract import EngineInfo
from ttscale.store.run import RunStore


def refuse_other_engine(store: RunStore, cell: str, engine: str) -> None:
    """A run that has samples stays with the engine that drew them.

    Raises:
        RunMismatchError: They came from another one.
    """
    earlier = {str(described["engine"]) for described in _engines(store, cell) if "engine" in described}
    if earlier and engine not in earlier:
        raise RunMismatchError(
            f"{store.path} holds samples drawn with {', '.join(sorted(earlier))}, but the engine now is "
            f"{engine}. Install the first one again, set model.engine, or give a new directory with --out."
        )


def refuse_other_model(store: RunStore, cell: Cell, info: EngineInfo) -> None:
    """A run that has samples stays with the weights that drew them, and with a context that cuts no others.

    Raises:
        RunMismatchError: The hub has another commit by now, or the context makes a difference.
    """
    details = [described.get("detail", {}) for described in _engines(store, cell.name)]
    commits = {detail["commit"] for detail in details if detail.get("commit")}
    commit = info.detail.get("commit")
    if commit and commits and commit not in commits:
        raise RunMismatchError(
            f"{store.path} holds samples of '{cell.model.path}' at commit {', '.join(sorted(commits))}, but the model now is at "
            f"{commit}. Set model.revision to the first, or give a new directory with --out."
        )
    contexts = {detail["max_model_len"] for detail in details if detail.get("max_model_len")}
    context = info.detail.get("max_model_len")
    if context and contexts - {context}:
        _refuse_other_cuts(store, cell, min(contexts), max(contexts), context)


def _refuse_other_cuts(store: RunStore, cell: Cell, shortest: int, longest: int, context: int) -> None:
    """Refuse a context that was shorter where it cut completions, or is shorter now where it may."""
    was_cut = (pl.col("finish_reason") == "length") & (pl.col("completion_tokens") < cell.sampling.max_tokens)
    stored = (
        store.samples(cell.name).select(prompt=pl.col("prompt_tokens").max(), cut=was_cut.any()).collect()
    )
    room = (stored["prompt"].item() or 0) + cell.sampling.max_tokens
    if (context > shortest and stored["cut"].item()) or (context < longest and room > context):
        earlier = f"{shortest}" if shortest == longest else f"{shortest} to {longest}"
        raise RunMismatchError(
            f"{store.path} holds samples drawn within a context of {earlier} tokens, but the engine's now is {context}, and "
            f"cell '{cell.name}' needs {room}: other completions would be cut. Set engine_options.max_model_len as it was, or "
            "give a new directory with --out."
        )


def _engines(store: RunStore, cell: str) -> list[Any]:
    """Return what the sessions that drew samples of a cell say of their engines."""
    return [session.engine for session in store.sessions() if session.cell == cell and session.n_samples]
