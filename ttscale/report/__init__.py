"""Reports: a finished result as one HTML page, figures with their data, and tables for the terminal.

Everything here reads a `RunResult`; nothing opens a store or computes an estimate. What a model wrote is hostile
input: it reaches the page only as text.
"""

from ttscale.report.html import ReportPaths, write_report
from ttscale.report.tables import render_table, result_rows

__all__ = ["ReportPaths", "render_table", "result_rows", "write_report"]
