"""The colours of curves, in figures and in notebooks; the page's own, for light and dark, are in report.css."""

PALETTE = ("#0072b2", "#d55e00", "#00805d", "#b0568f", "#9a6b00", "#3f8fc4", "#737373")
"""The hues of Okabe and Ito (2008), which stay apart under every colour-vision deficiency; the light ones are darkened
until they reach 3:1 against white paper (WCAG 2.1, 1.4.11), and the grey is light enough for dark paper, too."""


def color_of(position: int) -> str:
    """Return the colour of the line at this position; it repeats after the palette's end."""
    return PALETTE[position % len(PALETTE)]
