"""Where a run is worked on: in this process, beside others, or wherever its configuration says."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ttscale.config.models import RunConfig
from ttscale.errors import ConfigError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.contract import CellDrawer, Execution
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.sampling import EngineDrawer
from ttscale.pipeline.sharing import SharingDrawer


class LocalExecution:
    """This process: one engine at a time, verifiers beside it.

    Args:
        progress: Is told what happens.
        share: Whether other processes draw the same cells.
    """

    def __init__(self, progress: Progress, *, share: bool = False) -> None:
        self._progress = progress
        self._share = share

    @contextmanager
    def drawing(self) -> Iterator[CellDrawer]:
        """Yield who draws with an engine in this process."""
        with Engines(self._progress) as engines:
            yield SharingDrawer(engines) if self._share else EngineDrawer(engines)

    def verifying(self, verifier: NamedVerifier) -> NamedVerifier:
        """Return the verifier itself."""
        return verifier


@contextmanager
def executing(config: RunConfig, progress: Progress, *, share: bool = False) -> Iterator[Execution]:
    """Work as the run's ``execution`` says; connections end with the context.

    Raises:
        MissingExtraError: What it needs is not installed.
        ConfigError: It cannot be combined with sharing the run directory.
    """
    if config.execution.name == "local":
        yield LocalExecution(progress, share=share)
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
