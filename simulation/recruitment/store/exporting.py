"""One case of a cohort as files that other programs open."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from twin.meshes.folder import whole_folder
from twin.meshes.formats import vtk
from twin.meshes.formats.record import grid_of
from twin.simulation.recording.paper import plot_ecgs
from twin.simulation.recruitment.store.stored_case import StoredCase

HEART, RECORD = "heart.vtu", "case.json"
NAMES = (HEART, RECORD, "ecg.hea", "ecg.dat", "ecg.csv", "ecg.png")


def export_case(case: StoredCase, folder: Path) -> None:
    """The heart with its zones and its activation in health for ParaView, the ECG as WFDB, CSV and
    a picture, and what was drawn and measured as JSON."""
    with whole_folder(folder, NAMES, RECORD) as part:
        grid = grid_of(case.heart)
        own = {"zone": case.zones, "activation_time_in_health": case.patient.times}
        vtk.write(replace(grid, point_fields={**own, **grid.point_fields}), part / HEART)
        case.ecg.write(part / "ecg.hea")
        case.ecg.write(part / "ecg.csv")
        plot_ecgs({"": case.ecg}, part / "ecg.png", title=f"case {case.number}")
        (part / RECORD).write_text(json.dumps(_said(case), indent=1) + "\n")


def _said(case: StoredCase) -> dict[str, object]:
    return {
        "cohort": str(case.store.folder),
        "recipe": case.store.header.get("recipe", {}).get("name"),
        "case": case.number,
        "seed": case.seed,
        "anatomy": case.anatomy,
        "healthy": case.healthy,
        "draws": _plain(case.draws),
        "summary": _plain(case.summary),
    }


def _plain(row) -> dict[str, object]:
    """JSON has no NaN."""
    return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in row.items()}
