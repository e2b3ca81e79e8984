"""Where a run is worked on: in this process, or wherever its configuration says."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ttscale.config.models import RunConfig
from ttscale.errors import ConfigError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.progress import Progress


class Execution:
    """This process: one engine at a time, verifiers beside it.

    Args:
        progress: Is told what happens.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def engines(self) -> Engines:
        """Return where cells get their engines from, to be used as a context."""
        return Engines(self._progress)

    def judging(self, verifier: NamedVerifier) -> NamedVerifier:
        """Return the verifier that does the judging in a verifier's name."""
        return verifier


@contextmanager
def executing(config: RunConfig, progress: Progress, *, share: bool = False) -> Iterator[Execution]:
    """Work as the run's ``execution`` says; connections end with the context.

    Raises:
        MissingExtraError: What it needs is not installed.
        ConfigError: It cannot be combined with sharing the run directory.
    """
    if config.execution.name == "local":
        yield Execution(progress)
        return
    if share:
        raise ConfigError(
            "--share is for several processes with an engine each; with 'execution: ray' one driver gives the work "
            "to all machines. Leave one of the two out."
        )
    from ttscale.pipeline.ray.cluster import require_ray
    from ttscale.pipeline.ray.execution import RayExecution

    require_ray()
    with ExitStack() as closing:
        yield RayExecution(config, progress, closing)
