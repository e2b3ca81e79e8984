"""From settings to live plugins."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from ttscale.config.explaining import explain
from ttscale.config.loading import plugin_options, without_secrets
from ttscale.config.models import NOT_PART_OF_A_SAMPLE, Cell, PluginSettings
from ttscale.errors import BrokenPluginError, ConfigError, MissingExtraError, TaskError, one_line
from ttscale.registry import PluginRef, find_plugin
from ttscale.samplers.contract import Sampler
from ttscale.samplers.resolve import choose_engine
from ttscale.samplers.settings import SECRETS, ModelSettings, SamplingSettings
from ttscale.store.verdicts import VerdictSetInfo
from ttscale.tasks.contract import Task
from ttscale.types import Problem
from ttscale.verifiers.contract import Verifier
from ttscale.verifiers.isolation import IsolatedVerifier, IsolationSettings

MOST_CALLS_KEY = "most_calls"
"""Key beside every strategy's own options; it changes no attempt."""


@dataclass(frozen=True, slots=True)
class NamedVerifier:
    """A verifier with the identity that its verdicts are stored under."""

    verifier: Verifier
    info: VerdictSetInfo

    def close(self) -> None:
        """Free what the verifier holds (workers, sandboxes, connections), where it has such a method."""
        close = getattr(self.verifier, "close", None)
        if close is not None:
            close()


def build_task(settings: PluginSettings) -> Task:
    """Construct a task from its settings; reads no data yet."""
    plugin = _load(find_plugin("tasks", settings.name), ("Options", "problems"))
    task: Task = plugin(plugin_options(settings, plugin.Options, "task"))
    return task


@dataclass(frozen=True, slots=True)
class ReadTask:
    """A task's problems, and exactly which data they were read from (None: not from data, or unknown)."""

    problems: list[Problem]
    origin: str | None


def read_problems(settings: PluginSettings) -> list[Problem]:
    """Return a task's problems; see `read_task`."""
    return read_task(settings).problems


def read_task(settings: PluginSettings) -> ReadTask:
    """Read a task's problems.

    Raises:
        TaskError: There are none, or two share an id.
    """
    task = build_task(settings)
    with one_line(f"Task '{settings.name}'", TaskError):  # data from elsewhere, read by anybody's plugin
        problems = task.problems()
    if not problems:
        raise TaskError(f"Task '{settings.name}' has no problems. Check its path, split and limit.")
    seen: set[str] = set()
    for problem in problems:
        _require_texts(problem, settings.name)
        if problem.problem_id in seen:
            raise TaskError(
                f"Task '{settings.name}' has two problems with the id '{problem.problem_id}'. "
                "Every problem needs its own; name another id column."
            )
        seen.add(problem.problem_id)
    return ReadTask(problems, getattr(task, "origin", None))


def read_tasks(cells: Iterable[Cell]) -> dict[str, ReadTask]:
    """Read the task of every cell, by the cell's name; a task that several cells share is read once."""
    read: dict[str, ReadTask] = {}
    tasks = {}
    for cell in cells:
        key = cell.task.model_dump_json()
        if key not in read:
            read[key] = read_task(cell.task)
        tasks[cell.name] = read[key]
    return tasks


def _require_texts(problem: Problem, task: str) -> None:
    """Refuse what a data file holds in the place of a text."""
    for name in ("problem_id", "prompt", "answer"):
        value: object = getattr(problem, name)
        if not isinstance(value, str) and (value is not None or name == "problem_id"):
            raise TaskError(
                f"Task '{task}': {name} of problem {str(problem.problem_id)[:50]!r} is {str(value)[:50]!r}, "
                f"{type(value).__name__} where text is needed. Correct the data, or name another column."
            )


def cell_identity(cell: Cell) -> dict[str, Any]:
    """Return everything that decides what a cell's samples look like, as flat ``section.key`` -> value.

    Settings at their default are left out, so that a later version with more settings still knows the run.
    """
    task = _load(find_plugin("tasks", cell.task.name), ("Options", "problems"))
    sections: dict[str, BaseModel] = {
        "model": cell.model,
        "task": plugin_options(cell.task, task.Options, "task"),
        "sampling": cell.sampling,
    }
    flat: dict[str, Any] = {"task.name": cell.task.name}
    if cell.strategy is not None:
        flat |= strategy_identity(cell.strategy)
    for section, settings in sections.items():
        values = settings.model_dump(mode="json", exclude_defaults=True)
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    options = {
        key: value for key, value in cell.model.engine_options.items() if key not in _free_options(cell.model)
    }
    flat.pop("model.engine_options", None)
    if options:
        flat["model.engine_options"] = options
    identity: dict[str, Any] = without_secrets(
        {key: value for key, value in flat.items() if key not in NOT_PART_OF_A_SAMPLE}
    )
    return identity


def free_settings(cells: Iterable[Cell]) -> frozenset[str]:
    """Return the settings that tie no run, for what an earlier version stored of them."""
    options = frozenset().union(*(_free_options(cell.model) for cell in cells))
    return NOT_PART_OF_A_SAMPLE | {f"model.engine_options.{name}" for name in options}


def sampling_of(cell: Cell) -> SamplingSettings:
    """Return a cell's sampling settings, with log-probabilities where one of its verifiers reads them."""
    if cell.sampling.logprobs != "auto":
        return cell.sampling
    plugins = [find_plugin("verifiers", verifier.name) for verifier in cell.verifiers]
    reads = any(getattr(plugin.load(), "reads_logprobs", False) for plugin in plugins)
    return cell.sampling.model_copy(update={"logprobs": True}) if reads else cell.sampling


def _free_options(model: ModelSettings) -> frozenset[str]:
    """Return the engine options that change no sample, such as a server's address: its sampler names them; and what is secret."""
    try:
        engine, _ = choose_engine(model.engine)
    except MissingExtraError:  # nothing will be sampled here
        return SECRETS
    options = find_plugin("samplers", engine).load().Options
    return SECRETS | frozenset(getattr(options, "NOT_PART_OF_A_SAMPLE", ()))


def strategy_identity(settings: PluginSettings) -> dict[str, Any]:
    """Return what of a strategy decides what an attempt looks like, as ``strategy.key`` -> value."""
    options = strategy_options(settings)
    values = options.model_dump(mode="json", exclude_defaults=True)
    values |= {name: _identity_of(model) for name, model in other_models(options).items()}
    return {"strategy.name": settings.name} | {f"strategy.{key}": value for key, value in values.items()}


def _identity_of(model: ModelSettings) -> Any:
    """Return what of another model decides what it says."""
    free = _free_options(model)
    values = model.model_dump(mode="json", exclude_defaults=True)
    options = {key: value for key, value in values.pop("engine_options", {}).items() if key not in free}
    return {**values, "engine_options": options} if options else values


def other_models(options: BaseModel) -> dict[str, ModelSettings]:
    """Return the models that a strategy's options name beside the run's: `target`, by the name that its calls give it.

    Raises:
        ConfigError: Its settings are wrong.
    """
    target = getattr(options, "target", None)
    if target is None:
        return {}
    try:
        return {
            "target": ModelSettings.model_validate({"path": target} if isinstance(target, str) else target)
        }
    except ValidationError as error:
        raise ConfigError(explain(error, ModelSettings, "strategy.target")) from error


def strategy_options(settings: PluginSettings) -> BaseModel:
    """Check a strategy's options against its own model, without the limit that every strategy has."""
    plugin = _load(find_plugin("strategies", settings.name), ("Options", "attempt"))
    own = {key: value for key, value in settings.options.items() if key != MOST_CALLS_KEY}
    options: BaseModel = plugin_options(
        PluginSettings.model_validate({"name": settings.name, **own}), plugin.Options, "strategy"
    )
    return options


def recommended_verifiers(task: PluginSettings) -> tuple[PluginSettings, ...]:
    """Return the verifiers that a task's class recommends, the oracle first; none where it has no opinion."""
    plugin = _load(find_plugin("tasks", task.name), ("Options", "problems"))
    names = getattr(plugin, "verifiers", ())
    return tuple(PluginSettings.model_validate(name) for name in names)


def without_sandbox(settings: PluginSettings) -> PluginSettings:
    """Return a verifier's settings with the sandbox switched off, where it has one."""
    plugin = find_plugin("verifiers", settings.name).load()
    if "unsafe_no_sandbox" not in plugin.Options.model_fields:
        return settings
    return PluginSettings.model_validate(
        {"name": settings.name, **settings.options, "unsafe_no_sandbox": True}
    )


def build_verifier(settings: PluginSettings) -> NamedVerifier:
    """Construct a verifier from its settings, in a process of its own where `isolation` says so."""
    settings, isolation = _split_isolation(settings)
    ref = find_plugin("verifiers", settings.name)
    plugin = _load(ref, ("Options", "version", "sees_answer", "deterministic", "verify"))
    options: BaseModel = plugin_options(settings, plugin.Options, f"verifiers.{settings.name}")
    info = VerdictSetInfo(
        verifier=settings.name,
        version=plugin.version,
        options=options.model_dump(mode="json"),
        sees_answer=plugin.sees_answer,
    )
    limits = _isolation_of(plugin, ref, isolation)
    if limits is None:
        return NamedVerifier(plugin(options), info)
    isolated: Any = IsolatedVerifier(
        plugin, ref.target, options, limits
    )  # what it declares is the plugin's word
    return NamedVerifier(isolated, info)


def _split_isolation(settings: PluginSettings) -> tuple[PluginSettings, Any]:
    """Take the key that every verifier has, and that changes no verdict, out of its options."""
    own = {key: value for key, value in settings.options.items() if key != "isolation"}
    return PluginSettings.model_validate({"name": settings.name, **own}), settings.options.get("isolation")


def _isolation_of(plugin: Any, ref: PluginRef, asked: Any) -> IsolationSettings | None:
    """Return the limits of a verifier's own process, or None for one that runs in this process.

    The user's word goes first, then the plugin's attribute `isolated`. Where neither speaks, plugins of others
    are isolated and built-in ones, which guard themselves where they need to, are not.
    """
    if isinstance(asked, dict):
        named = PluginSettings.model_validate({**asked, "name": ref.name})
        limits: IsolationSettings = plugin_options(
            named, IsolationSettings, f"verifiers.{ref.name}.isolation"
        )
        return limits
    if asked not in (None, True, False):
        raise ConfigError(
            f"'verifiers.{ref.name}.isolation' is {asked!r}, but should be true, false or limits such as "
            "{time_limit_s: 60, memory_limit_mb: 4096}."
        )
    is_foreign = ref.origin != "built-in" and not ref.target.startswith(
        "__main__:"
    )  # not importable elsewhere
    own = getattr(plugin, "isolated", is_foreign)
    wanted = bool(own) if asked is None else asked
    default = own if isinstance(own, IsolationSettings) else IsolationSettings()
    return default if wanted else None


def sampler_class(engine: str) -> Any:
    """Return a sampler's class, checked."""
    return _load(find_plugin("samplers", engine), ("Options", "start", "sample", "close"))


def build_sampler(cell: Cell, engine: str) -> Sampler:
    """Construct the sampler of a cell; loads no model yet."""
    plugin = sampler_class(engine)
    if cell.model.lora is not None and not getattr(plugin, "supports_lora", False):
        raise ConfigError(
            f"model.lora is '{cell.model.lora}', but engine '{engine}' takes no adapter. Use engine: vllm, or merge "
            "the adapter into the model; a server has a name of its own for each adapter that it serves."
        )
    own, passed_on = _split_options(plugin.Options, cell.model.engine_options)
    options = plugin_options(
        PluginSettings.model_validate({"name": engine, **own}), plugin.Options, "model.engine_options"
    )
    model = cell.model.model_copy(update={"engine_options": passed_on})
    sampler: Sampler = plugin(model, sampling_of(cell), options)
    return sampler


def _split_options(
    options_model: type[BaseModel], given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split engine options into the sampler's own and those that the engine takes as they are."""
    own = {key: value for key, value in given.items() if key in options_model.model_fields}
    return own, {key: value for key, value in given.items() if key not in own}


def _load(ref: PluginRef, needed: tuple[str, ...]) -> Any:
    """Import a plugin and check that it has what its contract asks for."""
    plugin = ref.load()
    lacking = [name for name in needed if not hasattr(plugin, name)]
    if lacking:
        raise BrokenPluginError(
            f"{ref.target} ({ref.origin}) lacks {', '.join(lacking)}. See ttscale.{ref.kind}.contract."
        )
    return plugin
