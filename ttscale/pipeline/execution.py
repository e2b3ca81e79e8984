"""Where a run is worked on: in this process, beside others, or wherever its configuration says."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from ttscale.config.execution import ExecutionSettings
from ttscale.config.models import RunConfig
from ttscale.errors import ConfigError
from ttscale.pipeline.building import NamedVerifier
from ttscale.pipeline.contract import CellDrawer, Execution
from ttscale.pipeline.engines import Engines
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.replicas.local import several_engines
from ttscale.pipeline.sampling import EngineDrawer
from ttscale.pipeline.sharing import SharedPortion


class LocalExecution:
    """This machine: one engine at a time in this process or several in their own, verifiers here.

    Args:
        settings: Of the execution.
        progress: Is told what happens.
        share: Whether other processes draw the same cells.
    """

    def __init__(self, settings: ExecutionSettings, progress: Progress, *, share: bool = False) -> None:
        self._settings = settings
        self._progress = progress
        self._share = share

    @contextmanager
    def drawing(self) -> Iterator[CellDrawer]:
        """Yield who draws with engines of this machine."""
        if self._settings.is_several:
            with closing(several_engines(self._settings)) as several:
                yield several
            return
        with Engines(self._progress) as engines:
            yield EngineDrawer(engines, SharedPortion) if self._share else EngineDrawer(engines)

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
    settings = config.execution
    if share and (settings.name == "ray" or settings.is_several):
        raise ConfigError(
            "--share is for several processes with an engine each; with 'execution: ray', gpus or replicas one driver "
            "gives the work to all engines. Leave one of the two out."
        )
    if settings.name == "local":
        yield LocalExecution(settings, progress, share=share)
        return
    from ttscale.pipeline.ray.cluster import require_ray
    from ttscale.pipeline.ray.execution import RayExecution

    require_ray()
    with ExitStack() as closing:
        yield RayExecution(config, progress, closing)
