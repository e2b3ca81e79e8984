"""MkDocs hooks: formulas as MathML, so that pages need no script and no network; links into the repository as text."""

import logging
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

_ROOT = Path(__file__).parents[2]
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(?=\S)([^$\n]+(?:\n[^$\n]+)*?)(?<=\S)\$(?!\d)", re.DOTALL)
_PLACE = "formula-{number}-place"
"""Stands for a formula while Markdown works, which would take MathML at the start of a line for a block."""
_OUTWARD = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./([^)#\s]+)[^)]*\)")
"""A link to a file of the repository beside docs/: it works where the page is read there, but not on the site."""

log = logging.getLogger("mkdocs.hooks")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put a place for every formula outside of code, keep the formulas, and unlink what is not on the site."""
    page.meta["formulas"] = formulas = []
    parts = _CODE.split(_unlinked(markdown, page.file.src_uri))
    return "".join(part if at % 2 else _with_places(part, formulas) for at, part in enumerate(parts))


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Write the formulas into their places."""
    for number, formula in enumerate(page.meta.get("formulas", ())):
        html = html.replace(_PLACE.format(number=number), formula)
    return html


def _with_places(text: str, formulas: list[str]) -> str:
    def place(match: re.Match[str]) -> str:
        display, inline = match.groups()
        formula = " ".join((display or inline).split())
        formulas.append(convert(formula, display="block" if display else "inline"))
        return _PLACE.format(number=len(formulas) - 1)

    return _FORMULA.sub(place, text)


def _unlinked(markdown: str, page: str) -> str:
    def text(match: re.Match[str]) -> str:
        shown, target = match.groups()
        if not (_ROOT / target).exists():
            log.warning("%s links to '../%s', which is not in the repository.", page, target)
        return f"{shown} (`{target.rstrip('/')}` in the repository)"

    return _OUTWARD.sub(text, markdown)
