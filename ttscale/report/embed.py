"""Figures, data and code inside one HTML file, such that only our own code runs."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
"""JSON's own spelling of what could end a script element or a line of JavaScript."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure as an image for the page.

    Attributes:
        image: Address with the data in it.
        alt: What it shows.
    """

    image: str
    alt: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawings:
    """The figures of a page: of each cell by its id, of all cells together, and of costs and strategies by their ids."""

    curves: dict[str, Drawing]
    rates: dict[str, Drawing]
    overlay: Drawing | None
    costs: dict[str, Drawing]
    strategies: dict[str, Drawing] = field(default_factory=dict)


def embedded_json(data: Any) -> Markup:
    """Return data as JSON that is safe between ``<script type="application/json">`` tags.

    >>> str(embedded_json({"text": "</script>"}))
    '{"text":"\\\\u003c/script\\\\u003e"}'

    Raises:
        ValueError: A number is not finite, which JSON cannot say; put None there.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))


def content_security_policy(*, script: str, style: str, connects: bool = False) -> str:
    """Return a policy under which this script and this style are the only ones that run, and nothing loads.

    Trusted Types close the last door: even our own script cannot turn a string into markup.

    Args:
        script: The page's script.
        style: The page's style sheet.
        connects: Whether the page may ask its own server for news.
    """
    return "; ".join(
        [
            "default-src 'none'",
            *(["connect-src 'self'"] if connects else []),
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def svg_data_uri(svg: bytes) -> str:
    """Return an SVG file as an address for an ``img`` element, where its scripts and links are dead."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")
