"""Frames of a run that ParaView can open while it goes on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from twin.meshes.formats import vtk
from twin.meshes.formats.pvd import collect
from twin.meshes.formats.record import grid_of
from twin.meshes.heart import Heart


class LiveFrames:
    """A .vtu for each frame in `folder`, and `potentials.pvd`, which names all that are whole."""

    def __init__(self, heart: Heart, folder: str | Path, interval: float) -> None:
        self.folder, self.interval = Path(folder), interval
        grid = grid_of(heart)
        self._bare = replace(
            grid, triangles=np.zeros((0, 3), np.int32), triangle_fields={}, point_fields={}
        )

    def show(self, time: float, potential: Float[np.ndarray, " points"]) -> None:
        number = round(time / self.interval)
        fields = {"transmembrane_potential": np.asarray(potential, np.float32)}
        vtk.write(replace(self._bare, point_fields=fields), self._file(number))
        # Also those before a run was killed.
        whole = [n for n in range(number + 1) if self._file(n).exists()]
        collect(
            self.folder / "potentials.pvd",
            [(n * self.interval, self._file(n).name) for n in whole],
        )

    def _file(self, number: int) -> Path:
        return self.folder / f"potentials_{number:05d}.vtu"
