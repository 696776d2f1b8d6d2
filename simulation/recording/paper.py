"""ECG paper: 25 mm/s, 10 mm/mV, three rows of four leads and a rhythm strip, in true size.

The page is A4 across. Its one set of axes counts in millimetres, so that a square of the grid is a
millimetre on the printed page.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.simulation.ecg import ECG
from twin.simulation.recording.measures import Measures, QtFormula

SPEED = 25.0  # mm/s
GAIN = 10.0  # mm/mV
PAGE = (297.0, 210.0)  # mm
COLUMNS = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))
COLUMN_SECONDS = 2.5
RUNNING_SECONDS = 9.0  # from here on a recording runs on from column to column
ENDINGS = (".png", ".pdf", ".svg")

_LEFT, _BOTTOM, _RIGHT, _TOP = 11.0, 16.0, 286.0, 181.0  # mm, edges of the grid: whole 5 mm apart
_START = 26.0  # mm, where the traces begin, after the calibration pulse
_ROWS = (156.0, 116.0, 76.0, 36.0)  # mm, where 0 mV is in each row
_INK = ("black", "tab:blue", "tab:red", "tab:green", "tab:purple", "tab:brown")
_MM_PER_INCH = 25.4


def plot_ecg(ecg: ECG, path: str | Path, *, title: str = "", **settings) -> None:
    """One ECG on paper, with its measures over it where it has a beat to measure; see
    `plot_ecgs`."""
    try:
        summary = summarise(ecg.measure())
    except InputError:
        summary = ""
    plot_ecgs({"": ecg}, path, title=title, summary=summary, **settings)


def plot_ecgs(
    ecgs: Mapping[str, ECG],
    path: str | Path,
    *,
    title: str = "",
    summary: str = "",
    rhythm: str = "II",
    dots_per_inch: float = 200.0,
) -> None:
    """ECGs laid over one another, each with its name, to a PNG, PDF or SVG by the ending.

    A recording of 9 s or more runs on from column to column; a shorter one starts anew in each.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path.name}: ECG paper is written as {', '.join(ENDINGS)}")
    if not ecgs or len(ecgs) > len(_INK):
        raise InputError(f"{len(ecgs)} ECGs for one sheet; expected 1 to {len(_INK)}")
    figure = draw_paper(ecgs, title=title, summary=summary, rhythm=rhythm)
    # Nothing in the file may tell the hour, so that the same ECG gives the same bytes.
    stamp = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    metadata = stamp[path.suffix.lower()]
    with rc_context({"svg.hashsalt": "twin"}), whole_file(path) as part:
        figure.savefig(part, dpi=dots_per_inch, metadata=metadata)


def draw_paper(
    ecgs: Mapping[str, ECG], *, title: str = "", summary: str = "", rhythm: str = "II"
) -> Figure:
    """The sheet as a figure of A4 size."""
    figure = Figure(figsize=(PAGE[0] / _MM_PER_INCH, PAGE[1] / _MM_PER_INCH), facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, PAGE[0]), ylim=(0, PAGE[1]))
    axes.set_axis_off()
    _draw_grid(axes)
    _draw_frame(axes, ecgs, rhythm)
    for ink, ecg in zip(_INK, ecgs.values(), strict=False):
        _draw_traces(axes, ecg, rhythm, ink)
    _draw_words(axes, ecgs, title, summary)
    return figure


def summarise(measures: Measures) -> str:
    """The line of figures over an ECG: rate, PR, QRS, QT/QTc and axis."""
    bazett = measures.qtc(QtFormula.BAZETT)
    parts = [
        ("HR", measures.heart_rate, "/min"),
        ("PR", measures.pr_interval, "ms"),
        ("QRS", measures.qrs_duration, "ms"),
        ("QT", measures.qt_interval, "ms"),
        ("QTc (Bazett)", bazett, "ms"),
        ("axis", measures.axis, "°"),
    ]
    return "   ".join(
        f"{name} {value:.0f} {unit}" for name, value, unit in parts if value is not None
    )


def _draw_grid(axes: Axes) -> None:
    for step, width, colour in ((1.0, 0.25, "#f6cfcf"), (5.0, 0.55, "#e89a9a")):
        across = np.arange(_LEFT, _RIGHT + step / 2, step)
        upwards = np.arange(_BOTTOM, _TOP + step / 2, step)
        lines = [[(x, _BOTTOM), (x, _TOP)] for x in across]
        lines += [[(_LEFT, y), (_RIGHT, y)] for y in upwards]
        axes.add_collection(LineCollection(lines, linewidths=width, colors=colour, zorder=0))


def _draw_frame(axes: Axes, ecgs: Mapping[str, ECG], rhythm: str) -> None:
    """Calibration pulses of 1 mV for 200 ms, the names of the leads and where they change."""
    pulse = np.array([(-12, 0), (-10, 0), (-10, GAIN), (-5, GAIN), (-5, 0), (-3, 0)])
    for zero in _ROWS:
        axes.plot(_START + pulse[:, 0], zero + pulse[:, 1], color="black", linewidth=0.8)
    recorded = {name for ecg in ecgs.values() for name in _complete(ecg).leads}
    for column, names in enumerate(COLUMNS):
        left = _START + column * COLUMN_SECONDS * SPEED
        for name, zero in zip(names, _ROWS, strict=False):
            said = name if name in recorded else f"{name} not recorded"
            axes.text(left + 1, zero + 13, said, fontsize=10, fontweight="bold", va="bottom")
            if column:
                axes.plot([left, left], [zero + 10, zero + 16], color="black", linewidth=0.8)
    said = rhythm if rhythm in recorded else f"{rhythm} not recorded"
    axes.text(_START + 1, _ROWS[3] + 13, said, fontsize=10, fontweight="bold", va="bottom")


def _draw_traces(axes: Axes, ecg: ECG, rhythm: str, ink: str) -> None:
    ecg = _complete(ecg)
    runs_on = ecg.duration >= 1000 * RUNNING_SECONDS
    for column, names in enumerate(COLUMNS):
        start = column * COLUMN_SECONDS
        for name, zero in zip(names, _ROWS, strict=False):
            if name in ecg.leads:
                from_second = start if runs_on else 0.0
                left = _START + start * SPEED
                _draw_trace(axes, ecg, name, (from_second, COLUMN_SECONDS), (left, zero), ink)
    if rhythm in ecg.leads:
        whole = COLUMN_SECONDS * len(COLUMNS)
        _draw_trace(axes, ecg, rhythm, (0.0, whole), (_START, _ROWS[3]), ink)


def _draw_trace(
    axes: Axes,
    ecg: ECG,
    name: str,
    seconds: tuple[float, float],
    origin: tuple[float, float],
    ink: str,
) -> None:
    """One lead from `seconds[0]` for `seconds[1]`, its 0 mV and first sample at `origin` (mm)."""
    first, count = round(seconds[0] * ecg.rate), round(seconds[1] * ecg.rate) + 1
    millivolts = ecg.lead(name)[first : first + count]
    across = origin[0] + np.arange(len(millivolts)) * SPEED / ecg.rate
    # An ECG rests most of the time, so that its median is the level it rests at.
    upwards = origin[1] + GAIN * (millivolts - np.median(millivolts))
    within = np.clip(upwards, _BOTTOM, _TOP)
    axes.plot(across, within, color=ink, linewidth=0.8, solid_joinstyle="round")


def _complete(ecg: ECG) -> ECG:
    """With all limb leads where they follow from others."""
    try:
        return ecg.with_limb_leads()
    except InputError:
        return ecg


def _draw_words(axes: Axes, ecgs: Mapping[str, ECG], title: str, summary: str) -> None:
    axes.text(_LEFT, 199, title, fontsize=12, fontweight="bold", va="center")
    axes.text(_LEFT, 191, summary, fontsize=10, va="center")
    axes.text(_LEFT, 9, f"{SPEED:g} mm/s   {GAIN:g} mm/mV", fontsize=10, va="center")
    for place, (name, ecg) in enumerate(ecgs.items()):
        said = f"{name}: {_provenance(ecg)}" if name else _provenance(ecg)
        axes.text(_RIGHT, 12.5 - 2.4 * place, said, fontsize=6, va="center", ha="right")
    names = [(name, ink) for name, ink in zip(ecgs, _INK, strict=False) if name]
    for place, (name, ink) in enumerate(names):
        axes.text(_RIGHT, 203 - 5 * place, name, color=ink, fontsize=9, va="center", ha="right")


def _provenance(ecg: ECG) -> str:
    """The rate, and the filters with their phases."""
    filters = [remark for remark in ecg.remarks if remark.endswith(("-phase", "causal"))]
    return "; ".join([f"{ecg.rate:g} Hz", *(filters or ["no filter"])])
