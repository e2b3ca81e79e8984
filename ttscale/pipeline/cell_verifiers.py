"""Which verifiers a cell has, and which of them says what is correct there."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ttscale.config.cells import cells
from ttscale.config.models import Cell, PluginSettings, RunConfig
from ttscale.errors import ConfigError
from ttscale.pipeline.building import NamedVerifier, build_verifier, recommended_verifiers


@dataclass(frozen=True, slots=True)
class CellVerifiers:
    """The verifiers of one cell.

    Attributes:
        verifiers: In the order of the configuration.
        oracle: The one that defines *correct*.
    """

    verifiers: tuple[NamedVerifier, ...]
    oracle: NamedVerifier


def verifiers_by_cell(config: RunConfig) -> dict[str, CellVerifiers]:
    """Return every cell's verifiers; cells that have the same one share it.

    Raises:
        ConfigError: A cell has no verifier that defines *correct*.
    """
    built: dict[str, NamedVerifier] = {}
    by_cell = {}
    for cell in cells(config):
        verifiers = tuple(_built_once(settings, built) for settings in verifier_settings(cell))
        by_cell[cell.name] = CellVerifiers(verifiers, find_oracle(verifiers, config.analysis.oracle))
    return by_cell


def verifier_settings(cell: Cell) -> tuple[PluginSettings, ...]:
    """Return the verifiers that a cell is configured with, or those that its task recommends.

    Raises:
        ConfigError: There are neither.
    """
    verifiers = cell.verifiers or recommended_verifiers(cell.task)
    if not verifiers:
        raise ConfigError(
            f"'verifiers' is missing, and task '{cell.task.name}' recommends none. Give at least one, such as "
            "verifiers: [exact]. `ttscale list verifiers` shows what there is."
        )
    return verifiers


def cells_by_verifier(by_cell: Mapping[str, CellVerifiers]) -> list[tuple[NamedVerifier, list[str]]]:
    """Return every verifier once, with its cells."""
    of: dict[int, tuple[NamedVerifier, list[str]]] = {}
    for cell, one in by_cell.items():
        for verifier in one.verifiers:
            of.setdefault(id(verifier), (verifier, []))[1].append(cell)
    return list(of.values())


@contextmanager
def closing_all(by_cell: Mapping[str, CellVerifiers]) -> Iterator[None]:
    """Close every verifier at the end."""
    try:
        yield
    finally:
        for verifier, _ in cells_by_verifier(by_cell):
            verifier.close()


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


def _built_once(settings: PluginSettings, built: dict[str, NamedVerifier]) -> NamedVerifier:
    key = settings.model_dump_json()
    if key not in built:
        built[key] = build_verifier(settings)
    return built[key]
