"""The configuration's shape: frozen pydantic models, one per section of the YAML file."""

from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from ttscale.config.execution import ExecutionSettings
from ttscale.config.sweep import SweepSettings, stand_ins
from ttscale.options import Settings
from ttscale.registry import find_plugin
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.types import CONFIDENCE_LEVEL

NOT_PART_OF_A_SAMPLE = frozenset(
    {
        "sampling.n",
        "sampling.until",
        "sampling.most_tokens",
        "sampling.most_usd",
        "sampling.most_seconds",
        "sampling.request_size",
        "sampling.max_concurrent",
        "sampling.per_sample_seeds",
        "sampling.logprobs",
        "sampling.token_logprobs",
        "sampling.top_logprobs",
    }
)
"""Settings that decide how much is drawn, how fast, and what is kept of it, not what a sample is a sample of."""


class PluginSettings(Settings):
    """A plugin by name with its options beside it: ``{name: gsm8k, shots: 4}`` or just ``gsm8k``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @cached_property
    def options(self) -> dict[str, Any]:
        """What was given beside the name."""
        return dict(self.model_extra or {})


class AnalysisSettings(Settings):
    """What the report and the tables show."""

    oracle: str | None = None
    """The verifier that defines *correct*; by default the first one listed that sees the answer key."""
    k: tuple[int, ...] | None = None
    """Budgets in tables; by default powers of ten and the smallest n."""
    selectors: tuple[PluginSettings, ...] = ()
    """More ways to pick an answer, beside the majority vote and the best by every score."""
    confidence_level: float = Field(default=CONFIDENCE_LEVEL, gt=0.0, lt=1.0)
    n_resamples: int = Field(default=2000, ge=100)
    """Bootstrap replicates."""
    seed: int = Field(default=0, ge=0)

    @field_validator("k")
    @classmethod
    def _budgets(cls, k: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if k is not None and (not k or min(k) < 1):
            raise ValueError("budgets are whole numbers of at least 1, and at least one of them")
        return k and tuple(sorted(set(k)))


class _CellSections(Settings):
    """What a run says of all its cells, and a cell of itself: model, task, sampling, verifiers."""

    model: ModelSettings
    task: PluginSettings
    sampling: SamplingSettings
    strategy: PluginSettings | None = None
    """How an attempt is made; None: one completion, drawn whole."""
    verifiers: tuple[PluginSettings, ...] = ()
    """By default those that the task recommends."""

    @field_validator("model", mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @field_validator("verifiers", mode="before")
    @classmethod
    def _one_alone(cls, value: Any) -> Any:
        return [value] if isinstance(value, str | dict) else value

    @model_validator(mode="after")
    def _plugins_exist(self) -> Self:
        """Look every plugin up without importing it, so that a typo shows before anything starts."""
        find_plugin("tasks", self.task.name)
        for verifier in self.verifiers:
            find_plugin("verifiers", verifier.name)
        if self.model.engine != "auto":
            find_plugin("samplers", self.model.engine)
        if self.strategy is not None:
            find_plugin("strategies", self.strategy.name)
        return self


class RunConfig(_CellSections):
    """A whole run: a model, a task, how to sample, how to verify, what to show; a sweep over any of it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Names the run; by default the configuration file's name."""
    out: Path
    """The run directory; by default ``runs/NAME``."""
    analysis: AnalysisSettings = AnalysisSettings()
    execution: ExecutionSettings = ExecutionSettings()
    """In this process, or on a Ray cluster."""
    sweep: SweepSettings | None = None
    """Many cells instead of one."""

    @model_validator(mode="before")
    @classmethod
    def _base_from_axes(cls, tree: Any) -> Any:
        """A sweep over models or tasks may leave those sections out."""
        if not isinstance(tree, dict) or not isinstance(tree.get("sweep"), dict):
            return tree
        return stand_ins(tree["sweep"].get("axes")) | tree


class Cell(_CellSections):
    """One point of a sweep: model x task x sampling parameters."""

    name: str
    labels: dict[str, str] = Field(default_factory=dict)
    """Axis of the sweep -> this cell's label on it."""
