"""What the Python processes are told that an engine starts, fresh or forked."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ttscale.execution.child_site.binding import bind
from ttscale.execution.child_site.diverting import divert
from ttscale.execution.environment import environment

CHILD_SITE = Path(__file__).parent / "child_site"


@contextmanager
def children_told(variables: Mapping[str, str]) -> Iterator[None]:
    """Set the variables that `child_site` reads in the processes started inside the block.

    Fresh interpreters find our `sitecustomize` first on their path; it does what they say and then runs the user's own.
    """
    _install_hook()
    others = [
        path
        for path in os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if path not in ("", str(CHILD_SITE))
    ]
    with environment({}, {**variables, "PYTHONPATH": os.pathsep.join([str(CHILD_SITE), *others])}):
        yield


@cache
def _install_hook() -> None:
    """Tell forked children, too; a hook cannot be taken back, but does nothing outside `children_told`."""
    os.register_at_fork(after_in_child=divert)
    os.register_at_fork(after_in_child=bind)
