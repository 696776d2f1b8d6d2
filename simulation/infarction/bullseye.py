"""The bull's-eye of the American Heart Association: a value for each of seventeen segments."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

RINGS = {  # segments of a ring, its inner and outer radius, where its first segment begins, degrees
    range(1, 7): (0.75, 1.0, 60.0),
    range(7, 13): (0.5, 0.75, 60.0),
    range(13, 17): (0.25, 0.5, 45.0),
    range(17, 18): (0.0, 0.25, 0.0),
}
"""The anterior wall is at the top and the septum on the left, as seen from the apex."""

DARK = 0.55
"""Share of the colours' range from which writing on them is white."""


def draw_bullseye(
    axes: "Axes",
    values: Mapping[int, float],
    title: str = "",
    most: float = 1.0,
    colours: str = "YlOrRd",
    label: str = "{:.0%}",
) -> "ScalarMappable":
    """Draw segments 1 to 17, coloured from 0 to `most`; NaN stays grey. Returns what a colour bar
    needs."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.patches import Wedge

    scale = ScalarMappable(Normalize(0, most), colormaps[colours])
    for segments, (inner, outer, start) in RINGS.items():
        span = 360 / len(segments)
        for count, segment in enumerate(segments):
            value = float(values.get(segment, np.nan))
            begin = start + count * span
            colour = "#d8d8d8" if np.isnan(value) else scale.to_rgba(np.array([value]))[0]
            wedge = Wedge((0, 0), outer, begin, begin + span, width=outer - inner, color=colour)
            wedge.set_edgecolor("white")
            axes.add_patch(wedge)
            place = (inner, outer, begin + span / 2)
            _write(axes, segment, value, label, place, value > DARK * most)
    axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", title=title)
    axes.set_axis_off()
    return scale


def _write(axes, segment: int, value: float, label: str, place, dark: bool) -> None:
    inner, outer, angle = place
    radius = 0.0 if inner == 0 else (inner + outer) / 2
    x, y = radius * np.cos(np.radians(angle)), radius * np.sin(np.radians(angle))
    text = f"{segment}" if np.isnan(value) else f"{segment}\n{label.format(value)}"
    colour = "white" if dark else "black"
    axes.text(x, y, text, ha="center", va="center", fontsize=7, color=colour)
