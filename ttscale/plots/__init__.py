"""Plots: arrays in, matplotlib figures out.

Nothing here knows of samples, runs or results, and nothing touches matplotlib's global state: figures are plain
`matplotlib.figure.Figure` objects, never pyplot's, so that plotting is safe in threads and in notebooks.
"""

from ttscale.plots.curves import Line, plot_curves
from ttscale.plots.distribution import RateHistogram, plot_success_rates, rate_histogram
from ttscale.plots.saving import save_figure

__all__ = ["Line", "RateHistogram", "plot_curves", "plot_success_rates", "rate_histogram", "save_figure"]
