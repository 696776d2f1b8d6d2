"""What a simulation of an atrium leaves on disk."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.formats import write_grid
from twin.meshes.formats.atria import grid_of
from twin.meshes.formats.pvd import write_frames
from twin.meshes.formats.vtkhdf_series import write_series
from twin.meshes.progress import Progress, silent
from twin.meshes.torso import Torso
from twin.simulation.atria.action_potential import atrial_action_potential
from twin.simulation.atria.conduction import AtrialWall, ConductingAtrium
from twin.simulation.atria.ecg import AtrialLeads, atrial_lead_field
from twin.simulation.atria.rhythm import (
    FIBRILLATING,
    Fibrillation,
    beat,
    courtemanche_fibrillating,
    fibrillate,
)
from twin.simulation.atria.sites import RHYTHMS
from twin.simulation.ecg import ECG
from twin.simulation.recording.paper import plot_ecgs

FIBRILLATION = "fibrillation"
CELLS = ("modified-mitchell-schaeffer", "courtemanche")
"""Of fibrillation."""
PVD_INTERVAL = 10.0
"""ms"""

Summary = dict[str, float | bool | str]


def simulate_to(
    folder: Path,
    atrium: Atrium,
    rhythm: str = "sinus",
    duration: float = 1000.0,
    progress: Progress = silent,
    cell: str = CELLS[0],
    pvd: bool = False,
) -> Summary:
    """A beat or fibrillation, its fields for ParaView, its ECG and a summary, in a folder.

    activation.vtp or potentials.vtkhdf, ecg.csv, ecg.png, summary.json; with `pvd` potentials.pvd
    too, every 10 ms.
    """
    if cell not in CELLS:
        raise InputError(f"cell {cell!r} is not known here; expected {' or '.join(CELLS)}")
    if rhythm not in (*RHYTHMS, FIBRILLATION):
        known = ", ".join((*RHYTHMS, FIBRILLATION))
        raise InputError(f"rhythm {rhythm!r} is not known; expected one of {known}")
    conducting = AtrialWall().of(atrium)
    progress("lead field", 0.05)
    leads = AtrialLeads.of(conducting, atrial_lead_field(conducting, Torso.template()))
    if rhythm == FIBRILLATION:
        membrane = courtemanche_fibrillating(conducting) if cell == CELLS[1] else FIBRILLATING
        run = fibrillate(conducting, duration, cell=membrane, progress=progress)
        ecg, summary = _fibrillation(folder, run, leads, pvd)
    else:
        ecg, summary = _beat(folder, conducting, leads, rhythm)
    ecg.write(folder / "ecg.csv")
    # Nothing is measured: there are no ventricles.
    plot_ecgs({"": ecg}, folder / "ecg.png", title=f"Left atrium, {rhythm}")
    summary = {"rhythm": rhythm, "atrium": atrium.content, **summary}
    with whole_file(folder / "summary.json") as part:
        part.write_text(json.dumps(summary, indent=1))
    return summary


def _beat(
    folder: Path, conducting: ConductingAtrium, leads: AtrialLeads, rhythm: str
) -> tuple[ECG, Summary]:
    found = beat(conducting, rhythm)
    grid = grid_of(conducting.atrium)
    fields = {**grid.point_fields, "activation_time": np.asarray(found.times)}
    write_grid(replace(grid, point_fields=fields, notes={}), folder / "activation.vtp")
    ecg = leads.of_activation(found, atrial_action_potential())
    return ecg, {"activation_ms": found.total, "largest_mV": float(np.abs(ecg.signals).max())}


def _fibrillation(
    folder: Path, run: Fibrillation, leads: AtrialLeads, pvd: bool
) -> tuple[ECG, Summary]:
    times = np.arange(len(run.potentials)) * run.interval
    grid = replace(grid_of(run.conducting.atrium), notes={})
    write_series(grid, folder / "potentials.vtkhdf", "potential", times, run.potentials)
    if pvd:
        every = max(1, round(PVD_INTERVAL / run.interval))
        states = zip(times[::every].tolist(), run.potentials[::every], strict=True)
        write_frames(grid, folder / "potentials.pvd", "potential", states)
    ecg = leads.of_potentials(run.potentials, 1000 / run.interval)
    return ecg, {
        "sustained": run.sustained,
        "cycle_length_ms": run.cycle_length,
        "dominant_frequency_hz": float(np.nanmedian(run.frequencies)),
        "mean_singularities": float(run.singularities.mean()),
    }
