"""From a YAML file and ``--set`` overrides to a checked `RunConfig`, with errors a user can act on."""

from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from ttscale.config.cells import cells
from ttscale.config.explaining import explain, refuse_truth_for_numbers
from ttscale.config.models import PluginSettings, RunConfig
from ttscale.config.remote_code import refuse_remote_code
from ttscale.errors import ConfigError, did_you_mean, one_line
from ttscale.plain_files import read_plain_text
from ttscale.samplers.settings import SECRETS
from ttscale.yaml_text import read_yaml, write_yaml

_SHORTHANDS = {"model": "path", "task": "name"}
"""Sections that may be a bare string, and the key that string stands for."""


def load_config(
    path: Path | str, overrides: Sequence[str] = (), *, out: Path | str | None = None
) -> RunConfig:
    """Read a configuration file.

    Args:
        path: The YAML file.
        overrides: ``section.key=value`` strings; the value is read as YAML.
        out: Run directory, instead of the file's or the default one.

    Raises:
        ConfigError: The file cannot be read, or something in it is wrong; says where, what and the fix.
    """
    path = Path(path)
    with one_line(str(path), ConfigError):
        return _load(path, overrides, out)


def _load(path: Path, overrides: Sequence[str], out: Path | str | None) -> RunConfig:
    tree = _read_yaml(path)
    said: dict[str, Any] = {}
    for override in overrides:
        _apply(said, override)
    refuse_remote_code(tree, said, path)
    for override in overrides:
        _apply(tree, override)
    tree.setdefault("name", path.stem)
    if out is not None:
        tree["out"] = str(out)
    tree.setdefault("out", f"runs/{tree['name']}")
    return check_config(tree, source=str(path), overrides=overrides)


def check_config(
    tree: Mapping[str, Any], *, source: str = "the configuration", overrides: Sequence[str] = ()
) -> RunConfig:
    """Turn plain data into a `RunConfig`; see `load_config`."""
    given = f" (with --set {' --set '.join(overrides)})" if overrides else ""
    try:
        config = RunConfig.model_validate(tree)
        refuse_truth_for_numbers(tree, config)
        cells(config)  # a sweep is spelt out here, so that its mistakes show before anything starts
        config.model_dump_json(exclude={"out"})  # what nobody could store is refused now
    except ValidationError as error:
        raise ConfigError(f"{source}{given}: {explain(error, RunConfig)}") from error
    except ConfigError as error:
        raise ConfigError(f"{source}{given}: {error}") from error
    except PydanticSerializationError as error:
        raise ConfigError(
            f"{source}{given}: a value cannot be stored: {str(error).partition(': ')[2]}."
        ) from error
    return config


def parse_config(text: str, *, out: Path) -> RunConfig:
    """Read a configuration that `dump_config` wrote into the run directory `out`, wherever that lies now."""
    source = str(out / "config.yaml")
    tree = read_yaml(text, source)
    if not isinstance(tree, dict):
        raise ConfigError(f"{source} is damaged: it holds no sections. Restore it.")
    return check_config(tree | {"out": out}, source=source)


def dump_config(config: RunConfig) -> str:
    """Return the resolved configuration as YAML, without secrets and the place of the run: a run may be passed on."""
    values = without_secrets(config.model_dump(mode="json", exclude={"out"}))
    return write_yaml(values)


def without_secrets(tree: Any) -> Any:
    """Return plain data without the keys in `SECRETS`, however deep."""
    if isinstance(tree, dict):
        return {
            key: without_secrets(value)
            for key, value in tree.items()
            if str(key).rpartition(".")[2] not in SECRETS
        }
    return [without_secrets(item) for item in tree] if isinstance(tree, list) else tree


def plugin_options(settings: PluginSettings, options_model: type[BaseModel], where: str) -> Any:
    """Check a plugin's options against its own model.

    Raises:
        ConfigError: An option is unknown or has a bad value.
    """
    try:
        options = options_model.model_validate(settings.options)
        refuse_truth_for_numbers(settings.options, options, where)
        return options
    except ValidationError as error:
        raise ConfigError(f"{settings.name}: {explain(error, options_model, where)}") from error


def parse_plugin(text: str, option: str) -> PluginSettings:
    """Read a plugin with its options from the command line: a name, or YAML such as ``{name: regex, pattern: x}``.

    Raises:
        ConfigError: It is no such thing.
    """
    try:
        return PluginSettings.model_validate(read_yaml(text, option))
    except ConfigError as error:
        reason = f"{error}."
    except ValidationError as error:
        reason = explain(error, PluginSettings)
    raise ConfigError(f"{option} '{text}': {reason} Give a name, or '{{name: NAME, option: value}}' as YAML.")


# ---- reading ------------------------------------------------------------------------------------


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = read_plain_text(path, ConfigError)
    except FileNotFoundError:
        nearby = [other.name for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, nearby)
        raise ConfigError(f"No configuration file {path}.{hint}") from None
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        raise ConfigError(f"{path} cannot be read: {error}") from error
    tree = read_yaml(text, str(path), known=RunConfig.model_fields)
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{path} should hold sections such as 'model:', 'task:' and 'sampling:', "
            f"but holds {'nothing' if tree is None else type(tree).__name__}. `ttscale init` writes one."
        )
    return tree


def _apply(tree: MutableMapping[str, Any], override: str) -> None:
    """Set one ``a.b=v`` in the tree, opening shorthand sections where needed."""
    dotted, equals, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(
            f"--set '{override}' is not of the form section.key=value, such as sampling.n=1000."
        )
    try:
        value = read_yaml(text, f"--set {dotted}")
    except ConfigError as error:
        raise ConfigError(f"'{text}' is not a YAML value: {error}") from error
    branch: MutableMapping[str, Any] = tree
    for key in keys[:-1]:
        child = branch.get(key)
        if isinstance(child, str) and key in _SHORTHANDS:
            child = {_SHORTHANDS[key]: child}
        if child is None:
            child = {}
        if not isinstance(child, dict):
            raise ConfigError(
                f"--set {dotted}: '{key}' is {type(child).__name__}, not a section. "
                f"Set it as a whole: --set {key}=..."
            )
        branch[key] = child
        branch = child
    branch[keys[-1]] = value
