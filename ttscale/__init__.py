"""ttscale: what do more samples buy?

Importing the package loads nothing heavy (no torch, vllm, scipy, polars, matplotlib).
"""

__version__ = "0.1.0"
