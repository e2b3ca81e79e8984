"""Reports: a finished result as one HTML page, figures with their data, and tables for the terminal.

What a model wrote is hostile input: it reaches the page only as text.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttscale.report.html import ReportPaths, write_report
    from ttscale.report.tables import render_table, result_rows

_HOME_OF = {"ReportPaths": "html", "write_report": "html", "render_table": "tables", "result_rows": "tables"}

__all__ = ["ReportPaths", "render_table", "result_rows", "write_report"]


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for: tables need no matplotlib."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'ttscale.report' has no attribute '{name}'")
    return getattr(importlib.import_module(f"ttscale.report.{_HOME_OF[name]}"), name)
