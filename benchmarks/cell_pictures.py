"""The pictures of docs/cells.md: python -m twin.benchmarks.cell_pictures docs/pictures."""

import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from twin.simulation.ionic import ten_tusscher_panfilov, tor_ord
from twin.simulation.ionic.bueno_orovio import BuenoOrovio
from twin.simulation.ionic.cell import CellModel, resting_cells
from twin.simulation.ionic.course import course
from twin.simulation.ionic.courtemanche import Courtemanche
from twin.simulation.ionic.mitchell_schaeffer import MitchellSchaeffer
from twin.simulation.ionic.modified_mitchell_schaeffer import ModifiedMitchellSchaeffer
from twin.simulation.ionic.pacing import Pulse
from twin.simulation.ionic.restitution import premature_restitution
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.ionic.tor_ord import TorOrd

PANELS: dict[str, dict[str, CellModel]] = {
    "ten Tusscher-Panfilov 2006": {
        "epicardium": TenTusscherPanfilov(),
        "mid-wall": TenTusscherPanfilov(ten_tusscher_panfilov.Layer.MID_WALL),
        "endocardium": TenTusscherPanfilov(ten_tusscher_panfilov.Layer.ENDOCARDIUM),
    },
    "ToR-ORd 2019, chloride of 2020": {
        "epicardium": TorOrd(tor_ord.Layer.EPICARDIUM),
        "mid-wall": TorOrd(tor_ord.Layer.MID_WALL),
        "endocardium": TorOrd(),
    },
    "Bueno-Orovio 2008": {
        "epicardium": BuenoOrovio.epicardium(),
        "mid-wall": BuenoOrovio.mid_wall(),
        "endocardium": BuenoOrovio.endocardium(),
        "like ten Tusscher 2004": BuenoOrovio.like_ten_tusscher(),
    },
    "Courtemanche 1998": {
        "control": Courtemanche(),
        "remodelled by fibrillation": Courtemanche.remodelled(),
        "pulmonary vein": Courtemanche.pulmonary_vein(),
    },
    "Mitchell-Schaeffer 2003, Corrado-Niederer 2016": {
        "original": MitchellSchaeffer(),
        "modified": ModifiedMitchellSchaeffer(),
    },
}
BEATS = 3


def action_potential(model: CellModel) -> np.ndarray:
    """The third beat at 1 Hz, mV each ms."""
    stimulus = Pulse().train(np.arange(BEATS)[:, None] * 1000.0, BEATS * 1000.0, 0.02)
    _, trace = course(model, resting_cells(model, 1), stimulus, 0.02, 50)
    return np.asarray(trace)[-1000:, 0]


def draw_action_potentials(path: Path) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(12, 6.5), sharex=True, sharey=True)
    for axis, (title, models) in zip(axes.flat, PANELS.items(), strict=False):
        for label, model in models.items():
            axis.plot(np.arange(600), action_potential(model)[:600], label=label)
        axis.set_title(title, fontsize=10)
        axis.legend(fontsize=8, frameon=False)
        axis.grid(alpha=0.3)
    axes.flat[-1].set_visible(False)
    figure.supxlabel("ms since the stimulus")
    figure.supylabel("mV")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def draw_restitution(path: Path) -> None:
    figure, axis = plt.subplots(figsize=(6.5, 4.2))
    curves: dict[str, tuple[CellModel, int]] = {
        "ten Tusscher-Panfilov, epicardium": (TenTusscherPanfilov(), 305),
        "Bueno-Orovio, epicardium": (BuenoOrovio(), 275),
        "Courtemanche, control": (Courtemanche(), 300),
        "Courtemanche, remodelled": (Courtemanche.remodelled(), 200),
    }
    for label, (model, shortest) in curves.items():
        intervals = np.concatenate([shortest + np.arange(0, 160, 10), [500, 600, 700, 850, 1000]])
        curve = premature_restitution(model, np.unique(intervals.astype(float)))
        axis.plot(curve.diastolic, curve.durations, ".-", label=label)
    axis.set_xlabel("diastolic interval, ms")
    axis.set_ylabel("APD90 of the premature beat, ms")
    axis.legend(fontsize=8, frameon=False)
    axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main(folder: str) -> None:
    draw_action_potentials(Path(folder) / "cells.png")
    draw_restitution(Path(folder) / "cell_restitution.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
