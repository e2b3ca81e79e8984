"""Write docs/options.md from the plugins' own options: ``python docs/_site/plugin_reference.py``."""

import ast
import inspect
import textwrap
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ttscale.config.execution import ExecutionSettings
from ttscale.config.models import AnalysisSettings
from ttscale.config.sweep import SweepSettings
from ttscale.registry import BUILT_IN, load_plugin
from ttscale.samplers.settings import ModelSettings, SamplingSettings
from ttscale.samplers.until import UntilSettings
from ttscale.verifiers.isolation import IsolationSettings

PAGE = Path(__file__).parent.parent / "options.md"
HIDDEN = {"imported"}
"""Plugins that configurations do not name."""

SECTIONS: dict[str, type[BaseModel]] = {
    "model": ModelSettings,
    "sampling": SamplingSettings,
    "sampling.until": UntilSettings,
    "sweep": SweepSettings,
    "execution": ExecutionSettings,
    "analysis": AnalysisSettings,
}
"""Sections of a configuration beside the plugins."""

HEAD = """# Options

<!-- Written by docs/_site/plugin_reference.py from the plugins themselves; do not edit. -->

Every key that a configuration may have, in its sections and beside a plugin's name, with its default. Samplers take theirs from `model.engine_options`, and pass on what they do not know.

"""


def reference() -> str:
    """Return the page."""
    parts = [HEAD, "## Sections of a configuration\n\n"]
    parts += [_section(f"`{name}`", settings) for name, settings in SECTIONS.items()]
    for kind in ("tasks", "verifiers", "samplers", "strategies"):
        parts.append(f"## {kind.capitalize()}\n\n")
        for name in sorted(BUILT_IN[kind].keys() - HIDDEN):
            plugin = load_plugin(kind, name)
            parts.append(_section(f"`{name}`", plugin.Options, summary=_first_line(plugin)))
        if kind == "verifiers":
            parts.append(_section("`isolation`, beside any verifier's name", IsolationSettings))
    return "".join(parts)


def _first_line(plugin: Any) -> str:
    return (inspect.getdoc(plugin) or "").split("\n")[0].replace("``", "`")


def _section(title: str, model: type[BaseModel], *, summary: str = "") -> str:
    texts = _texts(model)
    rows = "".join(
        f"| `{name}` | {_default(field)} | {texts.get(name, '')} |\n"
        for name, field in model.model_fields.items()
    )
    table = f"| option | default | meaning |\n| --- | --- | --- |\n{rows}" if rows else "No options.\n"
    return f"### {title}\n\n{summary}\n\n{table}\n" if summary else f"### {title}\n\n{table}\n"


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return f"`{_shown(value)}`".replace("|", "\\|")


def _shown(value: Any) -> str:
    text = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else None
    if text is None:
        text = repr(list(value)) if isinstance(value, tuple) else repr(value)
    return text if len(text) <= 90 else f"{text[:89]}…"


def _texts(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring below every field, the most special class's word last."""
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if owner is BaseModel or not (isinstance(owner, type) and issubclass(owner, BaseModel)):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        assert isinstance(body, ast.ClassDef)
        for statement, after in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and _is_text(after)
            ):
                found[statement.target.id] = _in_a_cell(ast.literal_eval(after.value))  # type: ignore[attr-defined]
    return found


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _in_a_cell(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
