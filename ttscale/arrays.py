"""What estimators take and give, under names of their own: NumPy's fill half a screen of every signature."""

import numpy as np
import numpy.typing as npt
from typing_extensions import TypeAliasType

ArrayLike = TypeAliasType("ArrayLike", npt.ArrayLike)
"""A number, a list of numbers, or anything else that NumPy turns into an array."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
