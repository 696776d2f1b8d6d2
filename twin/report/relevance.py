"""Which lead at which moment spoke for scar, over the beat itself, and which lead for which
segment."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from twin.inverse.finding import LEADS, RATE, START, Explanation, Finding
from twin.meshes.fields.segments import NAMES
from twin.report.colours import AMOUNT, RELEVANCE
from twin.report.drawing import embedded, new_figure
from twin.report.markup import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STRONGEST = 99.0
"""Percentile of the relevance that is shown in full colour, so that one spike does not pale all."""


def draw_relevance(finding: Finding, explanation: Explanation) -> Markup:
    figure = new_figure(182, 96)
    _draw_strips(figure, finding.measured, explanation.relevance)
    _draw_shares(figure, explanation.by_segment)
    return embedded(figure, "Relevance over leads and time, and shares of leads by segment.")


def _draw_strips(figure: "Figure", measured, relevance: Float[np.ndarray, "8 time"]) -> None:
    """A strip for each lead, its colours over the whole height, the beat on top."""
    bottom, height = 0.1, 0.83 / len(LEADS)
    known = np.nan_to_num(relevance)
    strongest = float(np.percentile(np.abs(known), STRONGEST)) or 1.0
    end = START + 1000 * measured.shape[1] / RATE
    # Common to all leads, so that their voltages compare.
    finite = measured[np.isfinite(measured)]
    reach = float(np.abs(finite).max()) if len(finite) else 1.0
    for row, name in enumerate(LEADS):
        place = (0.045, bottom + (len(LEADS) - 1 - row) * height, 0.5, 0.94 * height)
        axes = figure.add_axes(place)
        _draw_strip(axes, measured[row], known[row] / strongest, (START, end), reach or 1.0)
        axes.text(-0.02, 0.5, name, transform=axes.transAxes, fontsize=7, ha="right", va="center")
        axes.tick_params(labelsize=6, length=2, labelbottom=row == len(LEADS) - 1)
    axes.set_xlabel("ms from the onset of the QRS", fontsize=6, labelpad=1)
    title = "for scar (red), against scar (blue)"
    figure.text(0.045, 0.955, f"Relevance of each moment: {title}", fontsize=7.5)


def _draw_strip(axes: "Axes", beat, relevance, window: tuple[float, float], reach: float) -> None:
    axes.set(xlim=window, ylim=(-1.1 * reach, 1.1 * reach), yticks=[])
    axes.spines[:].set_color("#bbbbbb")
    if not np.isfinite(beat).any():
        axes.set_facecolor("#ececec")
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, fontsize=6, ha="center")
        return
    extent = (*window, -1.1 * reach, 1.1 * reach)
    # Not to the ends of the map, whose darkest colours hide the beat.
    axes.imshow(
        np.clip(relevance, -1, 1)[None],
        cmap=RELEVANCE,
        vmin=-1.3,
        vmax=1.3,
        aspect="auto",
        extent=extent,
        interpolation="nearest",
    )
    times = window[0] + np.arange(len(beat)) * 1000 / RATE
    axes.plot(times, beat, color="black", linewidth=0.8)


def _draw_shares(figure: "Figure", shares: Float[np.ndarray, "17 8"]) -> None:
    from matplotlib import colormaps

    axes = figure.add_axes((0.725, 0.1, 0.27, 0.82))
    palette = colormaps[AMOUNT].with_extremes(bad="#ececec")
    highest = float(np.nan_to_num(shares).max()) or 1.0
    axes.imshow(np.ma.masked_invalid(shares), aspect="auto", cmap=palette, vmin=0, vmax=highest)
    axes.set_xticks(range(len(LEADS)), LEADS, fontsize=6.5)
    axes.set_yticks(range(17), [f"{NAMES[k]}  {k}" for k in range(1, 18)], fontsize=6.5)
    axes.tick_params(length=0)
    for (row, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            ink = "white" if share > 0.6 * highest else "black"
            axes.text(
                column, row, f"{share:.0%}"[:-1], fontsize=5, ha="center", va="center", color=ink
            )
    figure.text(0.6, 0.955, "Share of each lead in what is said of a segment, %", fontsize=7.5)
