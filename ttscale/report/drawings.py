"""The figures of a page as images."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure as an image for the page.

    Attributes:
        image: Address with the data in it.
        alt: What it shows.
    """

    image: str
    alt: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Drawings:
    """The figures of a page: of each cell by its id, of all cells together, and of costs and strategies by their ids."""

    curves: dict[str, Drawing]
    rates: dict[str, Drawing]
    overlay: Drawing | None
    costs: dict[str, Drawing]
    strategies: dict[str, Drawing] = field(default_factory=dict)
