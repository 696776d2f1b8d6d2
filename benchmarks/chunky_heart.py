"""A heart of a few thousand nodes, for what must be quick."""

from pathlib import Path

from twin.meshes.anatomy.biventricular import Anatomy
from twin.meshes.build import build_heart
from twin.meshes.meshing.lattice import mesh_solid

WALLS = Anatomy(wall_thickness=12.0, rv_wall_thickness=11.0)
"""So thick that no part of the mesh is refined for them."""

SPACING = 6.0


def write_chunky_heart(path: Path) -> Path:
    build_heart(mesh_solid(WALLS.solid, spacing=SPACING)).write(path)
    return path
