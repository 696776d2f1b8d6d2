"""The measured beat and the simulated one on ECG paper, in true size on A4."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from twin.inverse.finding import LEADS, RATE, START
from twin.report.colours import MEASURED, SIMULATED
from twin.report.drawing import embedded, new_figure
from twin.report.markup import Markup
from twin.report.summary import Summary
from twin.simulation.leads import solve_limb_leads

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))
WIDTH, LEFT, COLUMN, ROW = 182.0, 1.0, 45.0, 34.0
"""mm: of the page's text, to the first column, of each column and row: whole 5 mm apart."""

SPEEDS, GAINS = (50.0, 25.0, 12.5), (10.0, 5.0, 2.5, 1.0)
"""mm/s and mm/mV that an ECG is read at, the usual ones of a single beat first."""

OVER = 26.0
"""mm from its zero up to which a trace may go, into the next row, as on any ECG paper."""

Curves = Mapping[str, Float[np.ndarray, " time"]]


def draw_curves(summary: Summary) -> Markup:
    refined = summary.finding.refinement
    curves = {MEASURED: twelve(summary.measured), SIMULATED: twelve(summary.simulated)}
    speed, gain = _scale(curves)
    figure = new_figure(WIDTH, 3 * ROW + 6)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, 3 * ROW + 6))
    axes.set_axis_off()
    _draw_grid(axes)
    for column, names in enumerate(COLUMNS):
        for row, name in enumerate(names):
            corner = LEFT + column * COLUMN, 5 + (2 - row) * ROW
            _draw_panel(axes, name, curves, corner, (speed, gain))
    axes.text(LEFT, 1.2, f"{speed:g} mm/s   {gain:g} mm/mV   {RATE:g} Hz", fontsize=7)
    _draw_legend(axes, refined is not None)
    return embedded(figure, "Measured and simulated ECG, twelve leads, on ECG paper.")


def twelve(beat: Float[np.ndarray, "8 time"]) -> dict[str, Float[np.ndarray, " time"]]:
    """The leads that are known, and the limb leads that follow from them."""
    known = {
        name: values for name, values in zip(LEADS, beat, strict=True) if np.isfinite(values).any()
    }
    return {**solve_limb_leads(known), **known}


def _scale(curves: Mapping[str, Curves]) -> tuple[float, float]:
    """The first at which all has room."""
    beats = [values for one in curves.values() for values in one.values()]
    seconds = max((len(values) for values in beats), default=1) / RATE
    highest = max((float(np.nanmax(np.abs(values))) for values in beats), default=0.0)
    speed = next((s for s in SPEEDS if s * seconds <= COLUMN - 5), SPEEDS[-1])
    gain = next((g for g in GAINS if g * highest <= OVER), GAINS[-1])
    return speed, gain


def _draw_grid(axes: "Axes") -> None:
    from matplotlib.collections import LineCollection

    right, bottom, top = LEFT + 4 * COLUMN, 5.0, 5 + 3 * ROW
    for step, width, colour in ((1.0, 0.2, "#f8d9d9"), (5.0, 0.45, "#eeb4b4")):
        across = np.arange(LEFT, right + 0.1, step)
        upwards = np.arange(bottom, top + 0.1, step)
        lines = [[(x, bottom), (x, top)] for x in across]
        lines += [[(LEFT, y), (right, y)] for y in upwards]
        axes.add_collection(LineCollection(lines, linewidths=width, colors=colour, zorder=0))


def _draw_panel(
    axes: "Axes",
    name: str,
    curves: Mapping[str, Curves],
    corner: tuple[float, float],
    scale: tuple[float, float],
) -> None:
    left, zero = corner[0] + 3, corner[1] + ROW / 2 - 2
    for ink, known in curves.items():
        if name in known:
            values = known[name]
            across = left + np.arange(len(values)) * scale[0] / RATE
            upwards = np.clip(zero + scale[1] * values, 5, 5 + 3 * ROW)
            axes.plot(
                across,
                upwards,
                color=ink,
                linewidth=1.0 if ink == MEASURED else 0.8,
                solid_joinstyle="round",
            )
    given = name in curves[MEASURED]
    said = name if given else f"{name}  not recorded"
    axes.text(corner[0] + 1, corner[1] + ROW - 4.5, said, fontsize=8, fontweight="bold")
    onset = left - START * scale[0] / 1000
    axes.plot([onset, onset], [corner[1] + 1, corner[1] + 4], color="#555555", linewidth=0.7)


def _draw_legend(axes: "Axes", refined: bool) -> None:
    simulated = "re-simulated with the infarct shown" if refined else "simulated without an infarct"
    for place, (ink, said) in enumerate(((MEASURED, "measured"), (SIMULATED, simulated))):
        x = 62 + 40 * place
        axes.plot([x, x + 8], [2, 2], color=ink, linewidth=1.4)
        axes.text(x + 10, 1.2, said, fontsize=7)
