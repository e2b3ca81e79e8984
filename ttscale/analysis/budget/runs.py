"""What the cells of some runs cost beside each other, for a report: one budget analysis per task."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ttscale.analysis.budget.arms import Arm
from ttscale.analysis.budget.questions import Inference
from ttscale.analysis.budget.reading_arms import readable_arms
from ttscale.analysis.budget.result import BudgetView
from ttscale.analysis.budget.view import BudgetSettings, view_of_arms
from ttscale.analysis.reading.cell import stored_config
from ttscale.errors import TtscaleError
from ttscale.stats.counts.curve import TARGETS
from ttscale.store.run import RunStore

_MOST_FORECAST = 4
"""Up to so many arms a target that none has reached is forecast: a second or so for each."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TaskBudget:
    """The cells of one task, priced.

    Attributes:
        task: The task's name.
        view: What they reach at which cost.
    """

    task: str
    view: BudgetView


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RunsBudget:
    """The cells of some runs, priced task by task.

    Attributes:
        tasks: In the order of the runs.
        notes: What could not be priced, and why.
    """

    tasks: tuple[TaskBudget, ...] = ()
    notes: tuple[str, ...] = ()


def price_runs(runs: Sequence[Path | str], *, oracle: str | None = None) -> RunsBudget:
    """Price the coverage of every cell in the dearest unit that is known of all of them (see ``ttscale budget``).

    Args:
        runs: Run directories.
        oracle: The verifier that defines *correct*; by default each run's own.

    Returns:
        One budget per task; where something cannot be priced, a note says so instead of an error.
    """
    paths = [Path(run) for run in runs]
    try:
        arms, unread = readable_arms(paths, oracle=oracle)
    except TtscaleError as error:
        return RunsBudget(notes=(f"Costs are left out: {error}",))
    found, notes = [], [f"Costs: {one}" for one in unread]
    how = _inference(paths[0])
    for task in dict.fromkeys(str(arm.task) for arm in arms):
        own = [arm for arm in arms if str(arm.task) == task]
        try:
            found.append(TaskBudget(task=task, view=view_of_arms(own, _questions(own, how))))
        except TtscaleError as error:
            notes.append(f"Costs on {task} are left out: {error}")
    return RunsBudget(tasks=tuple(found), notes=tuple(notes))


def _inference(run: Path) -> Inference:
    """Return how numbers are made: as those of the run's own analysis, so that one page gives one answer."""
    settings = stored_config(RunStore(run)).analysis
    return Inference(confidence_level=settings.confidence_level, seed=settings.seed)


def _questions(arms: Sequence[Arm], how: Inference) -> BudgetSettings:
    """Ask for the largest round target that some arm has reached, and for few arms the next one."""
    best = max(float(np.mean(arm.c > 0)) for arm in arms)
    reached = [target for target in TARGETS if target <= best][-1:]
    ahead = [target for target in TARGETS if target > best][:1]
    targets = reached + (ahead if len(arms) <= _MOST_FORECAST else [])
    return BudgetSettings(targets=tuple(targets), inference=how)
