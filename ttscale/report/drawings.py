"""The figures of a page as images."""

from dataclasses import dataclass


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
    """The figures of a page: of each cell by its id, of all cells together, and of costs by their charts' ids."""

    curves: dict[str, Drawing]
    rates: dict[str, Drawing]
    overlay: Drawing | None
    costs: dict[str, Drawing]
