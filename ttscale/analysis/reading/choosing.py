"""What an analysis is about: the stored configuration, the verdicts that define *correct*, the budgets shown."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ttscale.config.cells import cells
from ttscale.config.loading import parse_config
from ttscale.config.models import RunConfig
from ttscale.errors import InvalidInputError, StoreError, did_you_mean, listed, or_ask_for
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VerdictSet

TARGETS = (0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99)
"""Coverage of which a page asks for the next, where it looks ahead and where it tells costs."""


def stored_config(store: RunStore, *, oracle: str | None = None) -> RunConfig:
    """Return the configuration stored with a run, with another oracle where one is named."""
    config = parse_config(store.config_yaml(), out=store.path)
    if oracle is None:
        return config
    return config.model_copy(update={"analysis": config.analysis.model_copy(update={"oracle": oracle})})


def stored_cells(store: RunStore) -> Mapping[str, Mapping[str, Any]]:
    """Return the run's cells: name -> what decides a sample, as flat ``section.key`` -> value, defaults left out."""
    cells: Mapping[str, Mapping[str, Any]] = store.manifest()["cells"]
    return cells


def choose_oracle(sets: Sequence[VerdictSet], config: RunConfig, cell: str) -> VerdictSet:
    """Return the verdict set that defines *correct* in a cell.

    That is the configured oracle's, else that of the first verifier listed for the cell that sees the key, else
    (a cell whose verifiers its task recommends, or an imported one) the newest set of one that does.

    Raises:
        StoreError: There is none; the message lists what is stored.
    """
    listed = [one.name for own in cells(config) if own.name == cell for one in own.verifiers]
    wanted = [config.analysis.oracle] if config.analysis.oracle else listed
    here = newest_first(one for one in sets if has_verdicts(one, cell))
    candidates = [
        verdicts
        for name in wanted
        for verdicts in here
        if name in (verdicts.info.verifier, verdicts.info.label)
        and (config.analysis.oracle or verdicts.info.sees_answer)
    ]
    if not config.analysis.oracle:
        candidates += [verdicts for verdicts in here if verdicts.info.sees_answer]
    if not candidates:
        stored = ", ".join(verdicts.info.label for verdicts in here) or "none"
        raise StoreError(
            f"No verdicts of an oracle ({' or '.join(wanted) or 'any'}) are stored for cell '{cell}'; verdict sets "
            f"there: {stored}. Run `ttscale verify` with a verifier that sees the answer key."
        )
    return candidates[0]


def find_verdicts(sets: Iterable[VerdictSet], name: str, path: Path, cell: str) -> VerdictSet:
    """Return the newest verdict set of a verifier in a cell, or the one with that label.

    Raises:
        StoreError: There is none; the message lists what is stored there.
    """
    here = newest_first(one for one in sets if has_verdicts(one, cell))
    for one in here:
        if name in (one.info.verifier, one.info.label):
            return one
    known = sorted({one.info.verifier for one in here})
    raise StoreError(
        f"{path} holds no verdicts of '{name}' for cell '{cell}'.{did_you_mean(name, known)} Stored there: "
        f"{listed(known) or 'none'}. Run: ttscale verify {path} --verifier {name}"
    )


def deployable_verdicts(sets: Iterable[VerdictSet], cell: str) -> dict[str, VerdictSet]:
    """Return the verifiers that do not see the key, each by its newest verdicts of the cell, in order of name."""
    here = [one for one in sets if not one.info.sees_answer and has_verdicts(one, cell)]
    newest_last = {one.info.verifier: one for one in reversed(newest_first(here))}
    return dict(sorted(newest_last.items()))


def newest_first(sets: Iterable[VerdictSet]) -> list[VerdictSet]:
    """Sort verdict sets by age, so that changed options take over."""
    return sorted(sets, key=lambda verdicts: (verdicts.began, verdicts.info.label), reverse=True)


def has_verdicts(verdicts: VerdictSet, cell: str) -> bool:
    """Tell whether a set holds any verdict of a cell."""
    return any((verdicts.folder / cell).glob("*.parquet"))


def table_budgets(wanted: tuple[int, ...] | None, k_max: int) -> tuple[int, ...]:
    """Return the budgets shown in tables: those asked for, or powers of ten and the largest k."""
    if wanted is None:
        powers = [10**e for e in range(12) if 10**e < k_max]
        return (*powers, k_max)
    return tuple(k for k in wanted if k <= k_max) or (k_max,)


def check_budgets(
    wanted: tuple[int, ...] | None, k_max: int, what: str, whose: str = "the smallest problem"
) -> None:
    """Refuse budgets beyond the samples.

    Args:
        wanted: What was asked for, None where nothing was.
        k_max: The largest budget with an answer.
        what: Who asks.
        whose: Whose samples end there.

    Raises:
        InvalidInputError: Naming the largest.
    """
    if wanted and max(wanted) > k_max:
        raise InvalidInputError(
            f"{what} k = {max(wanted)}, but {whose} has {k_max} verified samples. {or_ask_for(k_max)}"
        )
