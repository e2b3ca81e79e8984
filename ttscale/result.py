"""What every result can do: rows, a frame, a figure, a table for a person, a view for a notebook.

A result says what it holds (`to_rows`) and what it has to say (`view`); all else follows from these two.
"""

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ttscale.showing.view import View

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, Any]
"""One tidy row."""

_REPR_CHARS = 300
"""Of a `repr`: a few lines of a screen, however long the arrays."""


class Result:
    """Base of results. Subclasses give `to_rows` and `view`."""

    __slots__ = ()

    def to_rows(self) -> Iterable[Row]:
        """Return tidy rows: one per estimate, with its level and method, for JSON and frames; by default one of all fields."""
        yield {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def view(self) -> View:
        """Return what the result has to say."""
        raise NotImplementedError

    def to_frame(self) -> "pl.DataFrame":
        """Return the rows as a polars frame: one row per estimate, its level and method in columns."""
        import polars as pl

        return pl.DataFrame(list(self.to_rows()), infer_schema_length=None)

    def to_pandas(self) -> "pd.DataFrame":
        """Return the rows as a pandas frame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from ttscale.errors import MissingExtraError

        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtraError("to_pandas() needs pandas: pip install pandas") from error
        return pd.DataFrame(list(self.to_rows()))

    def plot(self, ax: "Axes | None" = None) -> "Figure":
        """Draw the result.

        Args:
            ax: Axes of yours to draw on; by default a figure of its own, see `ttscale.plots.save_figure`.

        Returns:
            The figure; it belongs to no window and no global state.

        Raises:
            InvalidInputError: It holds nothing that could be drawn.
        """
        from ttscale.plots.views import plot_view

        return plot_view(self.view(), ax=ax)

    def __str__(self) -> str:
        """Return the summary a person wants."""
        return str(self.view())

    def __repr__(self) -> str:
        """Return the name and what fits a screen of the fields."""
        inside = ", ".join(f"{field.name}={_brief(getattr(self, field.name))}" for field in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({inside if len(inside) <= _REPR_CHARS else inside[: _REPR_CHARS - 1] + '…'})"

    def _repr_html_(self) -> str:
        """Return the view for a notebook."""
        return self.view().to_html()


def _brief(value: Any) -> str:
    """Return a field in a few characters: arrays and frames by their shape, collections by their size."""
    shape = getattr(value, "shape", None)
    if shape:
        return f"<{'×'.join(map(str, shape))}>"
    if isinstance(value, str | int | float | bool | None):
        return repr(value) if len(repr(value)) <= 60 else repr(value)[:59] + "…"
    if hasattr(value, "__len__"):
        return f"<{len(value)}>"
    return f"<{type(value).__name__}>"
