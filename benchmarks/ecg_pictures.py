"""Pictures of the population's ECGs for docs/forward_ecg.md: `python -m
twin.benchmarks.ecg_pictures FOLDER COUNT` draws COUNT women and as many men, from the beats that
`ecg_population` has left in the cache."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from twin.benchmarks.healthy_adults import Adult, SampledBeat, adults
from twin.meshes.anatomy.population import Sex
from twin.meshes.files import whole_file
from twin.simulation.action_potential import CYCLE
from twin.simulation.ecg import ECG
from twin.simulation.leads import STANDARD
from twin.simulation.purkinje import Bundle
from twin.simulation.recording.paper import plot_ecgs

BEFORE, AFTER = 30, 500
"""Samples shown before and after the onset of QRS."""

COLOURS = {Sex.FEMALE: "tab:purple", Sex.MALE: "tab:green"}
SHOWN = Adult(1, Sex.MALE)


def draw_population(beats: Sequence[SampledBeat], path: Path) -> None:
    """Each lead's median and its 5th to 95th percentile, women and men, from the QRS's onset."""
    figure = Figure(figsize=(12, 7), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(3, 4, sharex=True, sharey=True)
    for lead, axes in zip(STANDARD, panels.T.ravel(), strict=True):
        for sex, colour in COLOURS.items():
            own = np.array([_aligned(beat, lead) for beat in beats if beat.adult.sex is sex])
            low, middle, high = np.percentile(own, [5, 50, 95], axis=0)
            time = np.arange(-BEFORE, AFTER)
            axes.fill_between(time, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(time, middle, color=colour, linewidth=1.2, label=f"{len(own)} {sex.value}")
        axes.set_title(lead, loc="left", fontsize=10)
        axes.grid(alpha=0.3)
    panels[0, 0].legend(fontsize=8)
    panels[0, 0].set_ylim(-2.5, 2.0)
    figure.supxlabel("ms after the onset of QRS")
    figure.supylabel("mV")
    with whole_file(path) as part:
        figure.savefig(part, dpi=90, metadata={"Software": None})


def draw_blocks(adult: Adult, path: Path) -> None:
    """One adult in health and with either bundle branch cut, on ECG paper."""
    blocks = {"health": None, "left branch cut": Bundle.LEFT, "right branch cut": Bundle.RIGHT}
    ecgs = {name: _rhythm(adult.beat(block).ecg) for name, block in blocks.items()}
    plot_ecgs(ecgs, path, title="One sampled adult", dots_per_inch=90)


def _aligned(beat: SampledBeat, lead: str) -> Float[np.ndarray, " time"]:
    onset = round(beat.measures().fiducials.qrs_onset * beat.ecg.rate / 1000)
    row = np.pad(beat.ecg.lead(lead), (BEFORE, AFTER), mode="edge")
    return row[onset : onset + BEFORE + AFTER]


def _rhythm(ecg: ECG) -> ECG:
    """Two beats at the rate at which the cells were paced."""
    rest = np.zeros((len(ecg.leads), round(CYCLE * ecg.rate / 1000) - ecg.signals.shape[1]))
    return replace(ecg, signals=np.tile(np.hstack([ecg.signals, rest]), 2))


if __name__ == "__main__":
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    draw_population([adult.beat() for adult in adults(0, count)], folder / "population_ecg.png")
    draw_blocks(SHOWN, folder / "bundle_branch_blocks.png")
