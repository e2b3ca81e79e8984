"""Figures to files: the same figure gives the same bytes, today and next year."""

from pathlib import Path
from typing import BinaryIO

import matplotlib as mpl
from matplotlib.figure import Figure

from ttscale.errors import InvalidInputError

_METADATA: dict[str, dict[str, str | None]] = {
    # None removes what matplotlib would write by itself: dates, and its own version.
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
}


def save_figure(figure: Figure, target: Path | str | BinaryIO, *, suffix: str | None = None) -> None:
    """Write a figure as PNG, SVG or PDF with reproducible bytes.

    Args:
        figure: From `plot_curves`, `plot_success_rates` or your own.
        target: A path, or an open binary file.
        suffix: The format, such as ".svg"; by default the path's own suffix.

    Raises:
        InvalidInputError: No suffix, or another one.
    """
    target = Path(target) if isinstance(target, str) else target
    wanted = (suffix or (target.suffix if isinstance(target, Path) else "")).lower()
    if wanted not in _METADATA:
        raise InvalidInputError(
            f"A figure cannot be saved as '{wanted}'. Use one of: {', '.join(sorted(_METADATA))}."
        )
    # The salt of the ids in SVG can be given no other way; the context puts the old value back.
    with mpl.rc_context({"svg.hashsalt": "ttscale", "svg.fonttype": "path", "pdf.fonttype": 42}):
        figure.savefig(target, format=wanted[1:], metadata=_METADATA[wanted])
