"""A first configuration, written out with comments: what `ttscale init` writes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttscale.config.loading import check_config
from ttscale.errors import ConfigError
from ttscale.execution.http.urls import DEFAULT_URL
from ttscale.models import BUILT_IN_MODELS
from ttscale.plain_files import user_path
from ttscale.registry import find_plugin
from ttscale.yaml_text import read_yaml

_TABLES = frozenset({".jsonl", ".json", ".csv", ".tsv", ".parquet"})
_PROBLEMS = 64
_ENGINES = {
    "auto": "vllm where it is installed, else transformers",
    "vllm": "the fastest; engine_options go to it as they are",
    "transformers": "slow, and runs everywhere",
    "openai": "any server that speaks OpenAI's interface",
}
"""Engine -> what its comment says."""
_WIDTH, _WIDEST = 28, 44
"""Columns at which the comments of a block begin, at the least and at the most."""

Line = tuple[str, str]
"""Text and comment."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a first configuration is about.

    Attributes:
        model: A built-in model, a local folder, a hub id, or the name that a server knows it by.
        task: A task's name, or a file of problems.
        engine: "auto" or a sampler's name.
        n: Samples per problem.
    """

    model: str = BUILT_IN_MODELS[0]
    task: str = "arithmetic"
    engine: str = "auto"
    n: int = 64


def starting_config(start: Start, name: str) -> str:
    """Return the text of a configuration file.

    Args:
        start: What it is about.
        name: The file's name, for the commands that its first lines tell.

    Raises:
        ConfigError: No such task or engine, or a local folder or file that is not there.
    """
    _refuse_what_is_not_there(start)
    blocks = [_model(start), _task(start), _sampling(start), _verifiers(start)]
    head = [
        f"# Look:  ttscale plan {name}",
        f"# Go:    ttscale run {name}",
        "# Every key: ttscale's page of options; each can be set as --set section.key=value, too.",
    ]
    text = "\n\n".join("\n".join(_aligned(block)) for block in blocks)
    text = "\n".join(head) + "\n\n" + text + "\n"
    check_config({"name": "start", "out": "runs/start", **read_yaml(text, name)}, source=name)
    return text


def _model(start: Start) -> list[Line]:
    what = (
        "built in; or a local folder, or a hub id"
        if start.model in BUILT_IN_MODELS
        else "a folder, a hub id, or a server's name for it"
    )
    lines = [
        ("model:", ""),
        (f"  path: {_scalar(start.model)}", what),
        (f"  engine: {_scalar(start.engine)}", _ENGINES.get(start.engine, "")),
    ]
    if start.engine == "openai":
        lines += [
            ("  engine_options:", ""),
            (f"    base_url: {DEFAULT_URL}", "up to and including the version"),
            ("    # api_key_env: MY_KEY", "the environment variable that holds a key"),
            ("    # price: {prompt_usd_per_million: 0.5, completion_usd_per_million: 1.5}", ""),
        ]
    return lines


def _task(start: Start) -> list[Line]:
    path = _table(start.task)
    options = find_plugin("tasks", "table" if path else start.task).load().Options.model_fields
    lines = [
        ("task:", ""),
        (f"  name: {_scalar('table' if path else start.task)}", "`ttscale list tasks` shows all"),
    ]
    if path:
        lines += [
            (f"  path: {_scalar(start.task)}", "columns such as prompt and answer are found by their names"),
            ("  # prompt: 'Question: {question}'", "a template of columns, where they are not"),
        ]
    if "limit" in options:
        lines += [
            (f"  limit: {_PROBLEMS}", "problems; without it, all"),
            ("  seed: 0", "shuffles before the limit cuts"),
        ]
    elif "problems" in options:
        lines += [(f"  problems: {_PROBLEMS}", "")]
    return lines


def _sampling(start: Start) -> list[Line]:
    demo = start.model in BUILT_IN_MODELS
    return [
        ("sampling:", ""),
        (f"  n: {start.n}", "samples per problem; raise it later, and only the missing ones are drawn"),
        ("  temperature: 1.0", ""),
        (
            f"  max_tokens: {10 if demo else 1024}",
            "longer completions are cut" + ("" if demo else "; thinking models need 16384 or more"),
        ),
        ("  seed: 0", ""),
        ("  # most_tokens: 1000000", "a cap on what the run may spend; also most_usd, most_seconds"),
    ]


def _verifiers(start: Start) -> list[Line]:
    named = find_plugin("tasks", "table" if _table(start.task) else start.task).load()
    recommended: Sequence[str | Mapping[str, Any]] = getattr(named, "verifiers", ()) or ("exact",)
    lines = [("verifiers:", "`ttscale list verifiers` shows all")]
    for number, one in enumerate(recommended):
        lines.append((f"  - {_flow(one)}", "the oracle: knows what is right" if not number else ""))
    if start.task == "arithmetic":
        lines.append(("  - last-digit", "one to select by: never sees the answer key"))
    return lines


def _flow(value: Any) -> str:
    """Return a verifier as one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Return a value as YAML reads it back: plain where it is plain, quoted as JSON else."""
    text = str(value)
    plain = (
        text.isascii() and text.replace("/", "").replace("-", "").replace("_", "").replace(".", "").isalnum()
    )
    return text if plain and read_yaml(f"x: {text}", "value")["x"] == value else json.dumps(value)


def _aligned(block: Sequence[Line]) -> list[str]:
    width = max([_WIDTH, *(len(text) for text, comment in block if comment and len(text) <= _WIDEST)])
    return [f"{text:<{width}}  # {comment}" if comment else text for text, comment in block]


def _table(task: str) -> Path | None:
    """Return the file that a task names, or None where it is a task's name."""
    path = Path(task)
    return path if path.suffix in _TABLES else None


def _refuse_what_is_not_there(start: Start) -> None:
    table = _table(start.task)
    if table is not None and not user_path(table, ConfigError).is_file() and "://" not in start.task:
        raise ConfigError(f"The file of problems {start.task} does not exist.")
    if start.model.startswith((".", "/", "~")) and not user_path(start.model, ConfigError).is_dir():
        raise ConfigError(f"The model folder {start.model} does not exist.")
    if start.engine != "auto":
        find_plugin("samplers", start.engine)
