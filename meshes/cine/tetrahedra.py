"""Tetrahedra in a wall that images or contours gave."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from twin.meshes.checking.repair import repair
from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary
from twin.meshes.meshing.lattice import mesh_solid
from twin.meshes.meshing.wall import Wall
from twin.meshes.progress import Progress, silent
from twin.meshes.volume import Volume

SPACING = 3.0
"""mm; drawn contours are no finer, and the mesher halves it where the wall is thin."""


@contextmanager
def only_hearts() -> Iterator[None]:
    """What is not shaped like a heart breaks the arithmetic somewhere; say so."""
    try:
        yield
    except (ArithmeticError, IndexError, ValueError) as error:
        raise InputError(
            f"no wall of a heart can be made of it ({type(error).__name__}: {error}); "
            "look at its contours or labels"
        ) from error


def mesh_wall(wall: Wall, spacing: float | None = None, progress: Progress = silent) -> Volume:
    """The wall filled and labelled; what was decided about it, and its volumes, in the remarks."""
    volume = mesh_solid(wall, spacing=spacing or SPACING, progress=progress)
    volume, _ = repair(volume)
    return replace(volume, remarks=(*wall.remarks, _say_volumes(wall), *volume.remarks))


def _say_volumes(wall):
    left = wall.cavity(Boundary.LV_ENDOCARDIUM).enclosed_volume / 1000
    sizes = [f"left cavity {left:.0f} ml"]
    if wall.right is not None:
        sizes.append(f"right {wall.cavity(Boundary.RV_ENDOCARDIUM).enclosed_volume / 1000:.0f} ml")
    return ", ".join([*sizes, f"wall {wall.surface().enclosed_volume / 1000:.0f} ml"])
