"""A heartbeat as a folder of files that other programs open; docs/simulate.md lists them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from twin.meshes.files import whole_file
from twin.meshes.folder import check_folder, require_space, whole_folder
from twin.meshes.formats import vtk
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.record import grid_of
from twin.meshes.formats.vtkhdf_series import write_series
from twin.meshes.heart import Heart
from twin.meshes.progress import Progress, silent
from twin.simulation.heartbeat import HeartBeat
from twin.simulation.recording.paper import plot_ecgs, summarise
from twin.simulation.settings import Potentials, Settings
from twin.simulation.simulation import Simulation

if TYPE_CHECKING:
    from twin.simulation.reaction_simulation import ReactionSimulation

ACTIVATION = "activation.vtu"
POTENTIALS = "potentials.vtkhdf"
ECG_FILES = ("ecg.hea", "ecg.dat", "ecg.csv", "ecg.png")
MEASURES = "measures.json"
SETTINGS = "settings.toml"
RECORD = "simulation.json"
NAMES = (ACTIVATION, POTENTIALS, *ECG_FILES, MEASURES, SETTINGS, RECORD)

GRAIN = 1 / 64
"""mV to which written potentials are rounded, so that they pack well."""


def check_results(folder: str | Path) -> None:
    """Refuse early what `simulate_to` would refuse."""
    check_folder(folder, NAMES, RECORD)


def simulate_to(
    folder: str | Path,
    simulation: "Simulation | ReactionSimulation",
    inputs: Mapping[str, object] | None = None,
    progress: Progress = silent,
) -> HeartBeat:
    """Run and write everything to `folder`, which afterwards is of this run alone.

    `inputs` (names of the files read and their hashes) are recorded.
    """
    with whole_folder(folder, NAMES, RECORD) as part:
        require_space(folder, _size(simulation.heart, simulation.settings.potentials))
        beat = simulation.run(progress)
        _write(beat, simulation.settings, part, progress)
        _write_json({**beat.provenance, "inputs": dict(inputs or {}), **_said(beat)}, part / RECORD)
    return beat


def _write(beat: HeartBeat, settings: Settings, folder: Path, progress: Progress) -> None:
    grid = _grid(beat)
    vtk.write(grid, folder / ACTIVATION)
    for name in ("ecg.hea", "ecg.csv"):
        beat.ecg.write(folder / name)
    summary = summarise(beat.measures)
    plot_ecgs({"": beat.rhythm}, folder / "ecg.png", title="simulated", summary=summary)
    _write_json(beat.measures.table(), folder / MEASURES)
    settings.write(folder / SETTINGS)
    if settings.potentials.write:
        times = settings.potentials.times
        bare = replace(grid, triangles=np.zeros((0, 3), np.int32), triangle_fields={})
        states = _states(beat, times, progress)
        write_series(bare, folder / POTENTIALS, "transmembrane_potential", times, states)


def _grid(beat: HeartBeat) -> Grid:
    """The heart with its times in ms, NaN where no front comes."""
    grid = grid_of(beat.heart)
    reached = np.isfinite(beat.activation.times)
    times = {
        "activation_time": beat.activation.times,
        "repolarisation_time": beat.repolarisation_times,
        "action_potential_duration": beat.durations,
    }
    fields = {name: np.where(reached, values, np.nan) for name, values in times.items()}
    single = {name: values.astype(np.float32) for name, values in fields.items()}
    return replace(grid, point_fields={**single, **grid.point_fields})


def _states(
    beat: HeartBeat, times: Float[np.ndarray, " times"], progress: Progress
) -> Iterator[Float[np.ndarray, " points"]]:
    for number, time in enumerate(times):
        progress("potentials", number / len(times))
        yield np.round(beat.potentials(time) / GRAIN) * GRAIN


def _size(heart: Heart, potentials: Potentials) -> int:
    """Bytes, about and not too few."""
    mesh = 200 * len(heart.points) + 100 * len(heart.tetrahedra)
    return mesh + potentials.write * 2 * len(heart.points) * len(potentials.times)


def _said(beat: HeartBeat) -> dict[str, object]:
    return {"remarks": list(dict.fromkeys((*beat.remarks, *beat.ecg.remarks)))}


def _write_json(value: object, path: Path) -> None:
    with whole_file(path) as part:
        part.write_text(json.dumps(value, indent=1, default=_plain) + "\n")


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
