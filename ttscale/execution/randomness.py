"""Foreign code that draws from the global generators: repeatable for it, and without a trace for everybody else."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def global_randomness(seed: str) -> Iterator[None]:
    """Seed Python's and NumPy's global generators for a block, and put their states back after it.

    >>> with global_randomness("a"):
    ...     first = random.random()
    >>> with global_randomness("a"):
    ...     random.random() == first
    True
    """
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - it is the global generator that is kept
    random.seed(seed)
    np.random.seed(random.getrandbits(32))  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
