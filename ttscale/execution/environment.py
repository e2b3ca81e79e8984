"""Environment variables that an engine reads while it starts."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def environment(defaults: Mapping[str, str], overrides: Mapping[str, str] | None = None) -> Iterator[None]:
    """Set variables inside the block and put everything back after it.

    Args:
        defaults: Set only where the user has not set the variable himself.
        overrides: Set in any case.
    """
    wanted = {name: value for name, value in defaults.items() if name not in os.environ} | dict(
        overrides or {}
    )
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
