"""What can be said of stopping rules before anything is drawn, importing no statistics: plans are quick."""

from collections.abc import Sequence

from ttscale.config.models import Cell
from ttscale.errors import ConfigError


def check_rules(cells: Sequence[Cell], *, share: bool = False) -> None:
    """Refuse what cannot work: a difference to a cell that does not exist, rounds decided by several processes.

    Raises:
        ConfigError: Saying which cell and why.
    """
    names = [cell.name for cell in cells]
    for cell in cells:
        rule = cell.sampling.until
        if rule is None:
            continue
        if rule.to is not None and rule.to not in names:
            raise ConfigError(
                f"cell '{cell.name}': sampling.until.to is '{rule.to}', which is no cell of this run: "
                f"{', '.join(names)}."
            )
        if share:
            raise ConfigError(
                f"cell '{cell.name}' has sampling.until, whose rounds one process must decide. Run it without --share, "
                "or leave until out."
            )
