"""Frames of a run that ParaView can open while it goes on."""

from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from jaxtyping import Float

from twin.meshes.files import whole_file
from twin.meshes.formats import vtk
from twin.meshes.formats.record import grid_of
from twin.meshes.heart import Heart

COLLECTION = """<?xml version="1.0"?>
<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">
  <Collection>
{frames}
  </Collection>
</VTKFile>
"""


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
        lines = [
            f'    <DataSet timestep="{n * self.interval:g}" part="0" '
            f"file={quoteattr(self._file(n).name)}/>"
            for n in range(number + 1)
            if self._file(n).exists()
        ]
        with whole_file(self.folder / "potentials.pvd") as part:
            part.write_text(COLLECTION.format(frames="\n".join(lines)))

    def _file(self, number: int) -> Path:
        return self.folder / f"potentials_{number:05d}.vtu"
