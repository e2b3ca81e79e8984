"""What a result has to say, before anybody decides how it looks: a title, curves, tables, notes.

A result describes itself once (`ttscale.result.Result.view`); text, notebook and figure are made of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ttscale.showing.notebook import ShownCurve, curves_svg, framed, html_table, listed_html
from ttscale.showing.tables import Row, text_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One estimate of a figure without curves.

    Attributes:
        label: What it is of.
        value: The estimate.
        low: Lower end of its interval.
        high: Upper end.
    """

    label: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A result as people see it.

    Attributes:
        title: What it is.
        about: What its numbers rest on: problems, interval, method.
        rows: Its table; values are plain or written by `ttscale.showing.numbers`.
        more: Further tables, each under its own caption.
        curves: For the chart.
        dots: For the figure of a result without curves.
        axis: Name of the curves' x axis, or of what the dots are.
        is_share: Whether dots are fractions.
        notes: Caveats in plain sentences.
    """

    title: str
    about: str = ""
    rows: Sequence[Row] = ()
    more: Sequence[tuple[str, Sequence[Row]]] = ()
    curves: Sequence[ShownCurve] = ()
    dots: Sequence[Dot] = ()
    axis: str = "samples per problem, k"
    is_share: bool = True
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        """Return the view as text for a terminal or a log."""
        head = f"{self.title}: {self.about}" if self.about else self.title
        tables = [text_table(self.rows), *(f"{words}\n{text_table(rows)}" for words, rows in self.more)]
        return "\n".join([head, *(one for one in tables if one), *self.notes])

    def to_html(self) -> str:
        """Return the view for a notebook."""
        chart = curves_svg(self.curves, self.title, x_label=self.axis) if self.curves else ""
        tables = [
            html_table(rows, words) for words, rows in ((self.about, self.rows), *self.more) if rows or words
        ]
        return framed(self.title, chart, *tables, listed_html(self.notes))
