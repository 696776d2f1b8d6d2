"""What is which colour on all of the page; where colour is lost, darker is still worse."""

WALL, BORDER, SCAR = "#dcb8a4", "#e8a51c", "#5b1a18"
OUTLINE = "#7d7d7d"
MEASURED, SIMULATED = "black", "#1f6fc4"

AMOUNT, CHANCE, RELEVANCE = "YlOrRd", "BuPu", "RdBu_r"
"""Of how much, of how likely, and of what speaks for or against: names of matplotlib's maps."""

PALEST = 0.1
"""Of the map CHANCE: what a probability of 0 is shown as, where it has to stand out from paper."""


def chance_colours(count: int = 64) -> tuple[str, ...]:
    """From a probability of 0 to one of 1."""
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return tuple(to_hex(colormaps[CHANCE](place)) for place in np.linspace(PALEST, 1, count))
