"""What the learned forward model leaves on disk."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from twin.inverse.forward_model.model import ForwardModel, PreparedForward
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.formats import write_grid
from twin.meshes.formats.atria import grid_of
from twin.meshes.formats.vtkhdf_series import read_series
from twin.meshes.progress import Progress, silent
from twin.meshes.torso import Torso
from twin.simulation.recording.paper import plot_ecgs


def forward_to(
    folder: Path,
    atrium: Atrium,
    potentials: Path,
    rate: float | None = None,
    electrodes: Path | None = None,
    torso: Path | None = None,
    model: Path | None = None,
    read: bool = True,
    progress: Progress = silent,
) -> dict[str, float | str | bool]:
    """ecg.csv, ecg.png, summary.json and conductivities.vtp: what tissue is taken for."""
    if torso and not electrodes:
        raise InputError(f"{torso} is a skin without electrodes; name them with --electrodes")
    body = Torso.read(torso, electrodes) if electrodes else Torso.template()
    values, rate = read_potentials(potentials, rate)
    taught = ForwardModel.read(model)
    progress("anatomy", 0.2)
    ready = taught.prepared(atrium, body)
    progress("forward model", 0.6)
    ecg = ready.ecg(values, rate, read)
    ecg.write(folder / "ecg.csv")
    # Nothing is measured: there are no ventricles.
    plot_ecgs({"": ecg}, folder / "ecg.png", title="Left atrium, learned forward model")
    _write_conductivities(ready, values if read else None, rate, folder / "conductivities.vtp")
    summary: dict[str, float | str | bool] = {
        "potentials": str(potentials),
        "atrium": atrium.content,
        "torso": "the patient's" if electrodes else "template",
        "rate_hz": rate,
        "duration_ms": len(values) * 1000 / rate,
        "largest_mV": float(np.abs(ecg.signals).max()),
        "tissue_read_from_recording": read,
        "purpose": str(taught.card["purpose"]),
    }
    with whole_file(folder / "summary.json") as part:
        part.write_text(json.dumps(summary, indent=1))
    return summary


def read_potentials(path: Path, rate: float | None) -> tuple[np.ndarray, float]:
    """Times x nodes, mV, and how many times a second."""
    if path.suffix == ".vtkhdf":
        times, values = read_series(path, "potential")
        steps = np.diff(times)
        if len(steps) == 0 or np.ptp(steps) > 1e-3 * steps.mean():
            raise InputError(f"{path}: its times are not evenly spaced")
        return values, float(1000 / steps.mean())
    if path.suffix != ".npy":
        raise InputError(f"{path}: expected potentials as .vtkhdf or .npy")
    if rate is None:
        raise InputError(f"{path}: a .npy does not say its rate; name it with --rate, in Hz")
    try:
        return np.load(path, allow_pickle=False), rate
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read as .npy ({error})") from None


def _write_conductivities(ready: PreparedForward, values, rate: float, path: Path) -> None:
    """For each triangle, that of its patch."""
    across, more = ready.conductivities(values, rate).T
    of_triangle = ready.patches.of_triangle
    grid = grid_of(ready.patches.atrium)
    fields = {
        **grid.triangle_fields,
        "across_s_m": across[of_triangle],
        "along_s_m": (across + more)[of_triangle],
        "patch": of_triangle,
    }
    write_grid(replace(grid, triangle_fields=fields, notes={}), path)
