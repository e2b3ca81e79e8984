"""Results in a notebook: tables and a small chart as HTML, from plain rows and numbers, importing nothing heavy.

Everything from outside is escaped. Colours are the reader's own (`currentColor`) but for the curves, so that light
and dark notebooks both work; the chart is SVG, so that showing a result draws no figure and imports no matplotlib.
"""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ttscale.showing.numbers import percent_tick, shown
from ttscale.showing.palette import color_of

_WIDTH, _HEIGHT = 560.0, 260.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 150.0, 12.0, 34.0
_MOST_ROWS = 12
_LINE_HEIGHT = 15.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ShownCurve:
    """One curve of a chart.

    Attributes:
        label: Written at its end.
        k: Budgets, increasing, at least 1.
        value: Fractions.
        low: Lower edge of the band.
        high: Upper edge.
        dashed: A law or a forecast.
    """

    label: str
    k: Sequence[float]
    value: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    dashed: bool = False


def html_table(rows: Iterable[Mapping[str, Any]], caption: str = "") -> str:
    """Return rows as an HTML table with a line below it; columns are those of the first row.

    >>> html_table([{"k": 1, "coverage": 0.25}]).count("<td")
    2
    """
    listed = list(rows)
    if not listed:
        return f"<p>{html.escape(caption)}</p>"
    columns = list(listed[0])
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(shown(row.get(name)))}</td>" for name in columns) + "</tr>"
        for row in _thinned(listed)
    )
    note = f"<p><small>{html.escape(caption)}</small></p>" if caption else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def curves_svg(curves: Sequence[ShownCurve], title: str, *, x_label: str = "samples per problem, k") -> str:
    """Return curves with their bands over a log axis of budgets as an SVG element, labelled where they end."""
    drawn = [curve for curve in curves if len(curve.k)]
    if not drawn:
        return ""
    k_max = max(2.0, *(float(curve.k[-1]) for curve in drawn))
    tops = [v for curve in drawn for v in (*curve.value, *curve.high) if math.isfinite(v)]
    highest = max(tops, default=1.0)
    top = 1.0 if highest > 0.6 else max(1.1 * highest, 0.01)
    paper = _Paper(k_max=k_max, top=top)
    ends = _apart([paper.y(_last_finite(curve.value)) for curve in drawn])
    parts = [paper.axes(x_label)]
    for number, (curve, end) in reversed(list(enumerate(zip(drawn, ends, strict=True)))):
        parts.append(paper.curve(curve, color_of(number), end))
    words = html.escape(title, quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" width="{_WIDTH:g}" '
        f'style="max-width:100%" role="img" aria-label="{words}" font-size="11" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def listed_html(sentences: Iterable[str]) -> str:
    """Return sentences as a list, or nothing."""
    items = "".join(f"<li>{html.escape(one)}</li>" for one in sentences)
    return f"<ul>{items}</ul>" if items else ""


def framed(title: str, *parts: str) -> str:
    """Return parts under a title."""
    return f"<div><p><strong>{html.escape(title)}</strong></p>{''.join(part for part in parts if part)}</div>"


@dataclass(frozen=True, slots=True)
class _Paper:
    """The scales of a chart."""

    k_max: float
    top: float

    def x(self, k: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log(k) / math.log(self.k_max)

    def y(self, value: float) -> float:
        share = min(max(value, 0.0), self.top) / self.top
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share

    def axes(self, x_label: str) -> str:
        parts = []
        for step in range(5):
            value = self.top * step / 4
            y = self.y(value)
            parts.append(
                f'<path d="M{_LEFT:g} {y:.1f}H{_WIDTH - _RIGHT:g}" stroke="currentColor" stroke-opacity=".15"/>'
                f'<text x="{_LEFT - 6:g}" y="{y + 4:.1f}" text-anchor="end" fill-opacity=".7">{percent_tick(value)}</text>'
            )
        base = 10 if self.k_max >= 10 else 2
        parts += [
            f'<text x="{self.x(base**power):.1f}" y="{_HEIGHT - _BOTTOM + 15:g}" text-anchor="middle" '
            f'fill-opacity=".7">{base**power:,}</text>'
            for power in range(int(math.log(self.k_max, base) + 1e-9) + 1)
        ]
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        parts.append(
            f'<text x="{middle:g}" y="{_HEIGHT - 4:g}" text-anchor="middle" fill-opacity=".7">'
            f"{html.escape(x_label)}</text>"
        )
        return "".join(parts)

    def curve(self, curve: ShownCurve, color: str, label_y: float) -> str:
        points = [
            (self.x(k), self.y(v), self.y(low), self.y(high))
            for k, v, low, high in zip(curve.k, curve.value, curve.low, curve.high, strict=True)
            if all(map(math.isfinite, (v, low, high)))
        ]
        if not points:
            return ""
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y, _, _ in points)
        upper = [f"{x:.1f} {high:.1f}" for x, _, _, high in points]
        lower = [f"{x:.1f} {low:.1f}" for x, _, low, _ in reversed(points)]
        dashes = ' stroke-dasharray="5 4"' if curve.dashed else ""
        name = html.escape(curve.label if len(curve.label) <= 26 else curve.label[:25] + "…")
        dot = f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3"/>' if len(points) == 1 else ""
        return (
            f'<g fill="{color}"><path d="M{"L".join([*upper, *lower])}Z" fill-opacity=".13"/>'
            f'<path d="M{line}" fill="none" stroke="{color}" stroke-width="1.8"{dashes}/>{dot}'
            f'<text x="{_WIDTH - _RIGHT + 8:g}" y="{label_y + 4:.1f}">{name}</text></g>'
        )


def _thinned(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Keep a dozen rows, evenly, the first and the last among them."""
    if len(rows) <= _MOST_ROWS:
        return list(rows)
    places = sorted({round(i * (len(rows) - 1) / (_MOST_ROWS - 1)) for i in range(_MOST_ROWS)})
    return [rows[place] for place in places]


def _last_finite(values: Sequence[float]) -> float:
    return next((float(v) for v in reversed(values) if math.isfinite(v)), 0.0)


def _apart(wanted: Sequence[float]) -> list[float]:
    """Push labels apart from the bottom up until they do not touch."""
    placed = list(wanted)
    floor = _HEIGHT - _BOTTOM
    for number in sorted(range(len(wanted)), key=lambda i: -wanted[i]):
        placed[number] = min(wanted[number], floor)
        floor = placed[number] - _LINE_HEIGHT
    return placed
