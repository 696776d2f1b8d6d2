"""Pictures of left atria from four sides, off screen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.meshes.atria.regions import Region
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.picture import plotting

if TYPE_CHECKING:
    import pyvista as pv

VIEWS = {
    "from behind": ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "from the front": ((0.0, -1.0, 0.0), (0.0, 0.0, 1.0)),
    "from the left": ((1.0, -0.2, 0.0), (0.0, 0.0, 1.0)),
    "from the mitral valve": ((0.44, -0.56, -0.7), (0.0, 0.0, 1.0)),
}
"""Where one looks from, and what is up."""

COLOURS = {
    Region.BODY: "#e8c9b0",
    Region.LEFT_SUPERIOR_VEIN: "#c0392b",
    Region.LEFT_INFERIOR_VEIN: "#e98980",
    Region.RIGHT_SUPERIOR_VEIN: "#1f5f99",
    Region.RIGHT_INFERIOR_VEIN: "#9dc3e6",
    Region.RIGHT_MIDDLE_VEIN: "#17a2b8",
    Region.LEFT_COMMON_TRUNK: "#f39c4a",
    Region.APPENDAGE: "#3a8f4b",
    Region.MITRAL_VESTIBULE: "#8e6bb0",
}
SIDE = 420
HALF_HEIGHT = 46
"""mm that are seen above and below the middle."""
BAR = {
    "n_labels": 2, "color": "black", "label_font_size": 14,
    "position_x": 0.2, "position_y": 0.01, "width": 0.6, "height": 0.06,
}  # fmt: skip
FIBRES = {"endocardial_fibre", "epicardial_fibre"}
SHOWN_FIBRES = 3000
HALF_LENGTH, LIFT = 1.1, 0.3
"""Of a fibre's stroke, and how far it stands off the surface, mm."""


def picture_atrium(atrium: Atrium, path: str | Path, fields: Sequence[str] = ("regions",)) -> None:
    """One picture: a row for each field, a column for each side. Known are the names of the
    atrium's own arrays."""
    known = [name for name in atrium.arrays if name not in ("points", "triangles")]
    unknown = [name for name in fields if name not in known]
    if unknown:
        raise InputError(f"no field '{unknown[0]}' to show; known are: {', '.join(known)}")
    picture_values(atrium, path, {name: atrium.arrays[name] for name in fields})


def picture_values(
    atrium: Atrium, path: str | Path, values: dict[str, np.ndarray], alike: bool = False
) -> None:
    """The same of any values on nodes or triangles; where they are `alike`, in the same colours."""
    ends = np.array([[np.nanmin(field), np.nanmax(field)] for field in values.values()], float)
    if alike:
        ends[:] = ends[:, 0].min(), ends[:, 1].max()
    ranges = [np.round(pair, _decimals(pair)) for pair in ends]
    pv = plotting(True)
    shape = (len(values), len(VIEWS))
    plotter = pv.Plotter(
        off_screen=True,
        shape=shape,
        window_size=(SIDE * shape[1], SIDE * shape[0]),
        border=False,
    )
    for row, (name, field) in enumerate(values.items()):
        for column, (view, (towards, up)) in enumerate(VIEWS.items()):
            plotter.subplot(row, column)
            plotter.set_background("white")
            _add(plotter, atrium, name, field, ranges[row], bar=column == 0)
            title = f"{name.replace('_', ' ')}, {view}"
            plotter.add_text(title, position="upper_edge", font_size=8, color="black")
            centre = atrium.points.mean(axis=0)
            eye = centre + 170 * np.array(towards)
            plotter.camera_position = [tuple(eye), tuple(centre), up]
            plotter.camera.parallel_projection = True
            plotter.camera.parallel_scale = HALF_HEIGHT
    with whole_file(path) as part:
        plotter.screenshot(str(part))
    plotter.close()


def _decimals(ends: np.ndarray) -> int:
    """That three figures of a range have."""
    return 2 - int(np.floor(np.log10(max(np.ptp(ends), 1e-9))))


def _add(plotter: "pv.Plotter", atrium: Atrium, name: str, field, range_, bar: bool) -> None:
    import pyvista as pv

    mesh = pv.PolyData.from_regular_faces(atrium.points, atrium.triangles)
    looks: dict = {"show_scalar_bar": False, "ambient": 0.2}
    if name in FIBRES:
        plotter.add_mesh(_strokes(atrium, field), color="black", line_width=1.5)
        name, field = "regions", atrium.regions
    mesh[name] = np.asarray(field, float)
    if name == "regions":
        looks |= {"cmap": list(COLOURS.values()), "clim": (0.5, len(COLOURS) + 0.5)}
    elif name == "tissue":
        looks |= {"cmap": "Set2"}
    else:
        looks |= {"cmap": "turbo", "clim": tuple(range_)}
        # Bars of one title are one bar.
        looks |= {"show_scalar_bar": bar, "scalar_bar_args": BAR | {"title": name}}
    plotter.add_mesh(mesh, scalars=name, **looks)
    for loop in atrium.openings.values():
        rim = np.append(loop, loop[0])
        plotter.add_mesh(pv.MultipleLines(atrium.points[rim]), color="black", line_width=3)


def _strokes(atrium: Atrium, fibre: np.ndarray) -> "pv.PolyData":
    """Some of the fibres as short lines a little off the surface."""
    import pyvista as pv

    count = len(atrium.triangles)
    shown = np.linspace(0, count - 1, min(SHOWN_FIBRES, count)).astype(int)
    corners = atrium.points[atrium.triangles[shown]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    middle = corners.mean(axis=1) + LIFT * normals
    ends = [middle - HALF_LENGTH * fibre[shown], middle + HALF_LENGTH * fibre[shown]]
    numbers = np.arange(len(shown))
    lines = np.column_stack([np.full(len(shown), 2), numbers, numbers + len(shown)])
    return pv.PolyData(np.concatenate(ends), lines=lines)
