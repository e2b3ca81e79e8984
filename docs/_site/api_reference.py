"""Write docs/api.md from the package's own table of public names: ``python docs/_site/api_reference.py``."""

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import ttscale

PAGE = Path(__file__).parent.parent / "api.md"

HEAD = """# Python API

<!-- Written by docs/_site/api_reference.py from `ttscale.API` and the docstrings; do not edit. -->

Everything here is `import ttscale` and then `ttscale.NAME`; a name loads its module when it is first used. The command line is a thin
skin over these functions. Options are keyword-only. Every result has `to_rows()`, `to_frame()` (a tidy polars frame), `to_pandas()`,
`plot(ax=None)`, a summary as `str()`, and shows itself in a notebook:

```python
import ttscale

curve = ttscale.coverage_curve(n=[100, 100, 100], c=[0, 3, 60], k=[1, 10, 100])
print(curve)
curve.to_frame().write_csv("coverage.csv")
ttscale.save_figure(curve.plot(), "coverage.pdf")
```

"""


def reference() -> str:
    """Return the page."""
    listed = "".join(
        f"| {question} | {', '.join(f'[`{name}`](#{_anchor(name)})' for name in names)} |\n"
        for question, names in ttscale.API.items()
    )
    sections = "\n".join(
        f"## {question}\n\n" + "\n".join(_entry(name) for name in names)
        for question, names in ttscale.API.items()
    )
    return f"{HEAD}| question | names |\n| --- | --- |\n{listed}\n{sections}"


def _anchor(name: str) -> str:
    """Return the heading's id; a class named like a function, such as Forecast, is the second of its id."""
    twins = [other for names in ttscale.API.values() for other in names if other.lower() == name.lower()]
    return f"ttscale{name.lower()}" + (f"_{twins.index(name)}" if twins.index(name) else "")


def _entry(name: str) -> str:
    thing = getattr(ttscale, name)
    text, sections = _parsed(inspect.getdoc(thing) or "")
    parts = [f"### ttscale.{name}\n", f"```text\n{_signature(name, thing)}\n```\n", f"{text}\n"]
    known = (title for title in ("Args", "Attributes", "Returns", "Yields", "Raises") if title in sections)
    parts += [_section(title, sections[title]) for title in known]
    if inspect.isclass(thing):
        parts.append(_methods(thing))
    return "\n".join(part for part in parts if part.strip())


def _signature(name: str, thing: Any) -> str:
    """Return the definition as it is written, one parameter a line where it is long."""
    module = importlib.import_module(thing.__module__)
    node = next(
        node
        for node in ast.parse(inspect.getsource(module)).body
        if getattr(node, "name", None) == thing.__name__
    )
    if isinstance(node, ast.ClassDef):
        return f"class {name}"
    assert isinstance(node, ast.FunctionDef)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{name}({ast.unparse(node.args)}){returns}"
    if len(line) <= 100:
        return line
    inside = "".join(f"    {argument},\n" for argument in _arguments(node.args))
    return f"{name}(\n{inside}){returns}"


def _arguments(given: ast.arguments) -> list[str]:
    """Return parameters one by one, as they are written."""
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    words = [_argument(one, default) for one, default in zip(plain, defaults, strict=True)]
    words += [f"*{ast.unparse(given.vararg)}"] if given.vararg else ["*"] if given.kwonlyargs else []
    words += [
        _argument(one, default) for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    return words + ([f"**{ast.unparse(given.kwarg)}"] if given.kwarg else [])


def _argument(one: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(one) + ("" if default is None else f" = {ast.unparse(default)}")


def _parsed(doc: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its text with examples, and its sections."""
    pieces = re.split(r"^(Args|Attributes|Returns|Yields|Raises|References):\n", doc, flags=re.MULTILINE)
    sections, rest = {}, []
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        inside, outside = _indented(body)
        sections[title] = inside
        rest.append(outside)
    text = "\n\n".join([pieces[0], *rest, _references(sections.get("References", ""))])
    return _markdown(text), sections


def _indented(body: str) -> tuple[str, str]:
    """Return the indented lines that follow a section's title, and what comes after them."""
    lines = body.splitlines()
    end = next((i for i, line in enumerate(lines) if line and not line.startswith(" ")), len(lines))
    return inspect.cleandoc("\n".join(lines[:end])), "\n".join(lines[end:])


def _references(text: str) -> str:
    return f"Reference: {' '.join(text.split())}" if text else ""


def _markdown(text: str) -> str:
    """Return paragraphs on one line each, examples as blocks of code."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.lstrip().startswith(">>>"):
            paragraphs.append(f"```pycon\n{inspect.cleandoc(block)}\n```")
        else:
            paragraphs.append(_plain(block))
    return "\n\n".join(paragraphs)


def _plain(block: str) -> str:
    """Return text on one line; inline code of either kind in single backticks, brackets and stars as they are."""
    words = " ".join(block.split()).replace("``", "`")
    parts = re.split(r"(`[^`]*`)", words)
    return "".join(
        part if at % 2 else re.sub(r"([\[\]*_<$|])", r"\\\1", part) for at, part in enumerate(parts)
    )


def _section(title: str, body: str) -> str:
    named = re.split(r"^(?=\*{0,2}\w[\w ,]*: )", body, flags=re.MULTILINE)
    rows = [" ".join(item.split()).partition(": ") for item in named if item.strip()]
    if title in ("Returns", "Yields") or not all(mark for _, mark, _ in rows):
        return f"**{title}.** {_plain(body)}\n"
    lines = "".join(f"| `{name}` | {_plain(meaning)} |\n" for name, _, meaning in rows)
    return f"| {title.lower()} | meaning |\n| --- | --- |\n{lines}"


def _methods(thing: type) -> str:
    """Return what a class can do besides what every result can."""
    own = [
        (name, inspect.getdoc(member) or "")
        for name, member in vars(thing).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
        and (thing is ttscale.Result or not hasattr(ttscale.Result, name))
    ]
    lines = "".join(f"| `{name}` | {_plain(doc.splitlines()[0])} |\n" for name, doc in own if doc)
    return f"| member | what it is |\n| --- | --- |\n{lines}" if lines else ""


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
