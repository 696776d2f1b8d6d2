"""Pictures of a cohort: how its numbers are spread, where its scars lie, how its ECGs look."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.meshes.files import whole_file
from twin.simulation.infarction.bullseye import draw_bullseye
from twin.simulation.leads import INDEPENDENT
from twin.simulation.recruitment.store.distributions import IDENTITIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from twin.simulation.cohort import Cohort
    from twin.simulation.recruitment.store.stored_case import StoredCase

GALLERY = 12
COLUMNS = 6
BINS = 30
INVOLVED = 0.05
"""Share of a segment that is scar from which it counts as involved."""

BLUE, GREY, RED = "#2e6da4", "#b8b8b8", "#b03a2e"


def picture_cohort(cohort: "Cohort", folder: Path) -> dict[Path, str]:
    """Written to `folder`; answers each file with what it shows."""
    pictures = {
        "distributions.png": ("how every number is spread", _distributions),
        "territories.png": ("how often each segment is scar", _territories),
        "gallery.png": (f"ECGs of {min(GALLERY, len(cohort))} cases", _gallery),
    }
    drawn = {}
    for name, (what, draw) in pictures.items():
        with whole_file(folder / name) as part:
            draw(cohort).savefig(part, dpi=110, metadata={"Software": None})
        drawn[folder / name] = what
    return drawn


def _figure(width: float, height: float, left: float = 0.3) -> "Figure":
    """Size and left margin in inches. Without pyplot, which keeps every figure until it is told
    otherwise, and without matplotlib's own layout, which is slow for a hundred panels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    edges = {"left": left / width, "right": 1 - 0.2 / width, "bottom": 0.3 / height}
    figure.subplots_adjust(**edges, top=1 - 0.7 / height, wspace=0.12, hspace=0.6)
    return figure


def _distributions(cohort: "Cohort") -> "Figure":
    """A histogram for each number that is not the same everywhere; the healthy cases in grey."""
    table = cohort.table()
    shown = {name: values for name, values in table.items() if _varies(name, values)}
    rows = max(1, -(-len(shown) // COLUMNS))
    figure = _figure(2.4 * COLUMNS, 1.5 * rows + 1)
    figure.suptitle(f"{len(cohort):,} cases of {len(np.unique(table['patient'])):,} patients")
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, (name, values) in zip(panels, shown.items(), strict=False):
        known = np.isfinite(values)
        edges = np.histogram_bin_edges(values[known], BINS)
        every, _ = np.histogram(values[known], edges)
        healthy, _ = np.histogram(values[known & table["healthy"]], edges)
        axes.stairs(every, edges, fill=True, color=BLUE)
        axes.stairs(healthy, edges, fill=True, color=GREY)
        axes.set_title(name, fontsize=8)
    for axes in panels:
        axes.tick_params(labelsize=6)
        axes.set_yticks([])
        axes.spines[["left", "top", "right"]].set_visible(False)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    return figure


def _varies(name: str, values: np.ndarray) -> bool:
    if values.dtype.kind != "f" or name in IDENTITIES or name.startswith("segment_"):
        return False
    known = values[np.isfinite(values)]
    return len(known) > 1 and float(np.ptp(known)) > 0


def _territories(cohort: "Cohort") -> "Figure":
    """Of the cases with an infarct: mean scar of each segment, and how often it is involved."""
    table = cohort.table()
    scar = {
        k: table[f"segment_{k:02d}_scar"] for k in range(1, 18) if f"segment_{k:02d}_scar" in table
    }
    ill = ~table["healthy"]
    figure = _figure(10, 5.4)
    figure.suptitle(f"{ill.sum():,} infarcts by AHA segment")
    left, right = figure.subplots(1, 2)
    share = {k: float(np.mean(v[ill])) if ill.any() else np.nan for k, v in scar.items()}
    often = {k: float(np.mean(v[ill] > INVOLVED)) if ill.any() else np.nan for k, v in scar.items()}
    draw_bullseye(left, share, "mean share that is scar")
    draw_bullseye(right, often, f"share of cases with over {INVOLVED:.0%} scar")
    return figure


def _gallery(cohort: "Cohort") -> "Figure":
    """Cases from all over the cohort, a row each; the patient's own ECG in health behind it."""
    places = np.unique(np.linspace(0, len(cohort) - 1, GALLERY).astype(int))
    figure = _figure(15, 1.1 * len(places) + 1, left=1.2)
    figure.subplots_adjust(hspace=0.15, wspace=0.05)
    grid = figure.subplots(len(places), len(INDEPENDENT), squeeze=False, sharey=True, sharex=True)
    for name, axes in zip(INDEPENDENT, grid[0], strict=True):
        axes.set_title(name, fontsize=9)
    for row, place in zip(grid, places.tolist(), strict=True):
        _gallery_row(row, cohort[place])
    figure.suptitle("as recorded (black), the same patient in health (red); mV, ms", fontsize=10)
    return figure


def _gallery_row(row: "list[Axes]", case: "StoredCase") -> None:
    rate, start = case.window
    health = case.store.health(case.anatomy)
    for name, healthy, axes in zip(INDEPENDENT, health, row, strict=True):
        signal = case.ecg.lead(name)
        axes.plot(start + np.arange(len(healthy)), healthy, color=RED, linewidth=0.7, alpha=0.7)
        times = start + np.arange(len(signal)) * 1000 / rate
        axes.plot(times, signal, color="black", linewidth=0.7)
        axes.tick_params(labelsize=6)
        axes.grid(alpha=0.3, linewidth=0.4)
    row[0].set_ylabel(f"{case.number}\n{_words(case)}", fontsize=6, rotation=0, ha="right")


def _words(case: "StoredCase") -> str:
    """What is behind the ECG, in a few words."""
    if case.healthy:
        return "healthy"
    scar = case.summary.get("scar", np.nan)
    age = "acute" if case.draws.get("acute") == 1.0 else "chronic"
    return f"{scar:.0%} scar\n{age}" if isinstance(scar, float) and np.isfinite(scar) else age
