"""Pictures of hearts, off screen or in a window."""

import ctypes.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.meshes.errors import InputError, TwinError
from twin.meshes.files import whole_file
from twin.meshes.heart import Boundary, Heart

if TYPE_CHECKING:
    import pyvista as pv

FIELDS = {
    "boundary": "walls",
    "segments": "AHA-17 segments",
    "apicobasal": "apicobasal, cut open",
    "transmural": "transmural, cut open",
    "rotational": "rotational",
    "ventricle": "ventricle, cut open",
    "fibres": "fibres on the epicardium",
}
"""What can be shown, with the title of its picture."""

AMBIENT = 0.25

BOUNDARY_COLOURS = {
    Boundary.BASE: "#b8b8b8",
    Boundary.EPICARDIUM: "#d9a066",
    Boundary.LV_ENDOCARDIUM: "#b03a2e",
    Boundary.RV_ENDOCARDIUM: "#2e6da4",
}


def picture_heart(
    heart: Heart,
    path: str | Path,
    fields: Sequence[str] = ("boundary", "segments", "transmural", "fibres"),
) -> None:
    """Write one picture with a panel for each field."""
    plotter = _plotter(heart, fields, off_screen=True)
    with whole_file(path) as part:
        plotter.screenshot(str(part))
    plotter.close()


def show_heart(heart: Heart, fields: Sequence[str] = ("boundary",)) -> None:
    """Open a window; it returns when the window is closed."""
    if not os.environ.get("DISPLAY") and os.name == "posix":
        raise TwinError("there is no display for a window; name a picture with --output instead")
    _plotter(heart, fields, off_screen=False).show()


def _plotter(heart: Heart, fields: Sequence[str], *, off_screen: bool) -> "pv.Plotter":
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        raise InputError(f"no field '{unknown[0]}' to show; known are: {', '.join(FIELDS)}")
    pv = plotting(off_screen)
    plotter = pv.Plotter(
        off_screen=off_screen,
        shape=(1, len(fields)),
        window_size=(560 * len(fields), 600),
        border=False,
    )
    for column, name in enumerate(fields):
        plotter.subplot(0, column)
        plotter.set_background("white")
        _add_panel(plotter, heart, name)
        plotter.add_text(FIELDS[name], position="upper_edge", font_size=11, color="black")
        plotter.enable_anti_aliasing("ssaa")
        plotter.remove_all_lights()
        plotter.enable_lightkit()
        _look_from_the_front(plotter, heart)
    return plotter


def plotting(off_screen: bool):
    if off_screen and os.name == "posix" and not os.environ.get("DISPLAY"):
        # VTK ends the whole process where it finds no OpenGL, so look before it does.
        if not ctypes.util.find_library("EGL"):
            raise TwinError("no OpenGL for pictures: install libegl1 and libgl1 (Debian's names)")
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
    import pyvista as pv

    return pv


def _add_panel(plotter: "pv.Plotter", heart: Heart, name: str) -> None:
    if name == "boundary":
        _add_boundary(plotter, heart)
    elif name == "fibres":
        _add_fibres(plotter, heart)
    else:
        _add_coordinate(plotter, heart, name)


def _add_boundary(plotter: "pv.Plotter", heart: Heart) -> None:
    for label, colour in BOUNDARY_COLOURS.items():
        triangles = heart.boundary_triangles(label)
        if len(triangles):
            words = label.name.replace("_", " ").lower().replace("lv", "LV").replace("rv", "RV")
            wall = _polydata(heart.points, triangles)
            plotter.add_mesh(wall, color=colour, label=words, ambient=AMBIENT)
    plotter.add_legend(  # type: ignore[call-arg]
        bcolor=None, size=(0.32, 0.16), loc="lower left", face="circle"
    )


def _add_coordinate(plotter: "pv.Plotter", heart: Heart, name: str) -> None:
    import pyvista as pv

    grid = pv.UnstructuredGrid({pv.CellType.TETRA: heart.tetrahedra}, heart.points)
    values = heart.segments if name == "segments" else getattr(heart.coordinates, name)
    grid.point_data[name] = values
    if FIELDS[name].endswith("cut open"):
        grid = grid.clip(normal=_toward_the_viewer(heart), origin=heart.points.mean(axis=0))
    steps = 18 if name == "segments" else 10
    plotter.add_mesh(
        grid,
        scalars=name,
        cmap="tab20" if name == "segments" else "viridis",
        n_colors=steps,
        clim=(-0.5, 17.5) if name == "segments" else (0, 1),
        ambient=AMBIENT,
        scalar_bar_args={"color": "black", "n_labels": 5, "fmt": "%.2g", "title": name},
    )


def _add_fibres(plotter: "pv.Plotter", heart: Heart) -> None:
    """Short rods along the fibres of the outermost tetrahedra, seen on the epicardium."""
    import pyvista as pv

    epicardium = heart.boundary_triangles(Boundary.EPICARDIUM)
    shell = _polydata(heart.points, epicardium)
    plotter.add_mesh(shell, color="#f3e5d8", ambient=AMBIENT)
    outer = np.isin(heart.tetrahedra, epicardium).sum(axis=1) == 3
    centres = heart.points[heart.tetrahedra[outer]].mean(axis=1)
    rods = pv.PolyData(centres)
    rods["fibre"] = heart.fibres.fibre[outer]
    up = long_axis(heart)
    rods["angle"] = np.degrees(np.arcsin(np.clip(np.abs(rods["fibre"] @ up), 0, 1)))
    every = max(1, len(centres) // 4000)
    thinned = rods.extract_points(range(0, len(centres), every), include_cells=False)
    rod = pv.Cylinder(radius=0.12, height=1.0, direction=(1, 0, 0), resolution=6)
    glyphs = thinned.glyph(orient="fibre", scale=False, factor=4.0, geom=rod)
    plotter.add_mesh(
        glyphs,
        scalars="angle",
        cmap="plasma",
        clim=(0, 90),
        scalar_bar_args={"color": "black", "n_labels": 4, "fmt": "%.0f", "title": "degrees"},
    )


def _polydata(points: np.ndarray, triangles: np.ndarray) -> "pv.PolyData":
    import pyvista as pv

    return pv.PolyData.from_regular_faces(points, triangles).clean()


def long_axis(heart: Heart) -> np.ndarray:
    """Unit vector from the apex to the base: how the apicobasal coordinate grows on the whole."""
    centred = heart.points - heart.points.mean(axis=0)
    height = heart.coordinates.apicobasal - heart.coordinates.apicobasal.mean()
    slope = np.linalg.lstsq(centred, height, rcond=None)[0]
    return slope / np.linalg.norm(slope)


def _toward_the_viewer(heart: Heart) -> np.ndarray:
    """From the heart towards the left front of the chest, at right angles to the long axis."""
    front = np.array([0.5, -1.0, 0.0])
    up = long_axis(heart)
    front = front - (front @ up) * up
    return front / np.linalg.norm(front)


def _look_from_the_front(plotter: "pv.Plotter", heart: Heart) -> None:
    centre = (heart.points.min(axis=0) + heart.points.max(axis=0)) / 2
    up = long_axis(heart)
    toward = _toward_the_viewer(heart) + 0.45 * up
    plotter.camera_position = [tuple(centre + 100 * toward), tuple(centre), tuple(up)]
    plotter.enable_parallel_projection()  # type: ignore[call-arg]
    # Room for the title above and the scale below.
    reach = np.linalg.norm(np.cross(heart.points - centre, toward), axis=1).max()
    plotter.camera.parallel_scale = 1.25 * reach / np.linalg.norm(toward)
    plotter.camera.reset_clipping_range()
