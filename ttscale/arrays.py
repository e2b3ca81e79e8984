"""What estimators take, under a name of its own: NumPy's fills half a screen of every signature."""

import numpy.typing as npt
from typing_extensions import TypeAliasType

ArrayLike = TypeAliasType("ArrayLike", npt.ArrayLike)
"""A number, a list of numbers, or anything else that NumPy turns into an array."""
