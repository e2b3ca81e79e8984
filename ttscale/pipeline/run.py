"""The whole run: sample, then verify. Each stage alone is one call, too."""

from collections.abc import Sequence
from contextlib import closing

import ttscale
from ttscale.config.cells import cells
from ttscale.config.loading import dump_config
from ttscale.config.models import RunConfig
from ttscale.errors import ConfigError
from ttscale.pipeline.building import NamedVerifier, build_verifier, cell_identity, read_problems
from ttscale.pipeline.live import LiveCoverage
from ttscale.pipeline.progress import Progress
from ttscale.pipeline.sampling import sample_cell
from ttscale.pipeline.verifying import verify_cell
from ttscale.store.run import RunStore


def sample_run(config: RunConfig, progress: Progress | None = None) -> RunStore:
    """Draw every sample that a run lacks, and verify them live where that is cheap.

    Returns:
        The run's store.
    """
    progress = progress or Progress()
    store = RunStore(config.out)
    verifiers = [build_verifier(settings) for settings in config.verifiers]
    oracle = find_oracle(verifiers, config.analysis.oracle)
    problems = {cell.name: read_problems(cell.task) for cell in cells(config)}
    with store.writing() as torn, closing(oracle):
        for path in torn:
            progress.note(f"Set a damaged segment aside: {path}. Its rows are made again.")
        begin_run(store, config)
        for cell in cells(config):
            store.keep_problems(cell.name, problems[cell.name])
            live = LiveCoverage(store, cell.name, oracle, problems[cell.name], progress)
            sample_cell(store, cell, problems[cell.name], progress, on_segment=live.segment_written)
    return store


def verify_run(
    store: RunStore, verifiers: Sequence[NamedVerifier], progress: Progress | None = None
) -> dict[str, int]:
    """Verify all stored samples of a run; return how many each verifier judged now."""
    progress = progress or Progress()
    judged: dict[str, int] = {}
    with store.writing():
        for verifier in verifiers:
            with closing(verifier):
                judged[verifier.info.label] = sum(
                    verify_cell(store, cell, verifier, progress) for cell in store.cells()
                )
    return judged


def run(config: RunConfig, progress: Progress | None = None) -> RunStore:
    """Sample and verify a run; what is there already is not done again."""
    store = sample_run(config, progress)
    verify_run(store, [build_verifier(settings) for settings in config.verifiers], progress)
    return store


def begin_run(store: RunStore, config: RunConfig) -> None:
    """Write or check a run's manifest and configuration."""
    store.begin(
        name=config.name,
        version=ttscale.__version__,
        config_yaml=dump_config(config),
        cells={cell.name: cell_identity(cell) for cell in cells(config)},
    )


def find_oracle(verifiers: Sequence[NamedVerifier], wanted: str | None) -> NamedVerifier:
    """Return the verifier that defines *correct*.

    Raises:
        ConfigError: None of them sees the answer key, or the wanted one is not among them.
    """
    names = ", ".join(verifier.info.verifier for verifier in verifiers)
    if wanted is not None:
        found = [verifier for verifier in verifiers if verifier.info.verifier == wanted]
        if not found:
            raise ConfigError(f"analysis.oracle is '{wanted}', which is not among the verifiers ({names}).")
        return found[0]
    oracles = [verifier for verifier in verifiers if verifier.info.sees_answer]
    if not oracles:
        raise ConfigError(
            f"None of the verifiers ({names}) sees the answer key, so nothing defines *correct*. "
            "Add one such as 'exact', or name one in analysis.oracle."
        )
    return oracles[0]
