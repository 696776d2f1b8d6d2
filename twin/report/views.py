"""The heart in three dimensions and in short-axis slices: zones, and how likely scar is."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from twin.inverse.finding import Finding
from twin.meshes.heart import Heart
from twin.meshes.topology import boundary_triangles
from twin.picture import long_axis, plotting
from twin.report.colours import BORDER, OUTLINE, SCAR, WALL, chance_colours
from twin.simulation.infarct import Zone

if TYPE_CHECKING:
    import pyvista as pv

TILE = (420, 345)
"""Pixels of each view: 46 mm on paper at 230 dots an inch."""

LEVELS = (0.2, 0.4, 0.6, 0.8)
"""Apicobasal heights of the slices."""

TITLES = (
    "zones, from the front",
    "zones, from behind and below",
    "probability of scar: anterior half, from inside",
    "probability of scar: inferior half, from inside",
    *(f"short axis at {level:.0%}" for level in LEVELS),
)

Frame = Float[np.ndarray, "3 3"]
Tile = Int[np.ndarray, "height width 3"]


def draw_views(finding: Finding) -> dict[str, Tile]:
    """Pixels of each view by its title. Needs OpenGL, and says so where there is none."""
    pv = plotting(off_screen=True)
    columns, rows = len(LEVELS), 2
    size = (TILE[0] * columns, TILE[1] * rows)
    plotter = pv.Plotter(off_screen=True, shape=(rows, columns), window_size=size, border=False)
    plotter.set_background("white")
    heart, frame = finding.heart, frame_of(finding.heart)
    front = np.array([0.0, -1.0, 0.0])
    below = np.array([0.25, 1.0, -0.9])
    for column, direction in enumerate((front, below)):
        plotter.subplot(0, column)
        _add_zones(plotter, heart, finding.posterior.zones)
        _look(plotter, heart, direction, frame[0])
    scar = finding.posterior.probabilities[:, Zone.SCAR]
    for column, toward in ((2, -frame[2]), (3, frame[2])):
        plotter.subplot(0, column)
        _add_half(plotter, heart, scar, toward)
        _look(plotter, heart, toward, frame[0])
    for column, height in enumerate(LEVELS):
        plotter.subplot(1, column)
        middle = _add_slice(plotter, heart, scar, frame, height)
        _look(plotter, heart, -frame[0], frame[2], middle)
    pixels = plotter.screenshot(return_img=True)
    plotter.close()
    tiles = [tile for row in np.split(pixels, rows) for tile in np.split(row, columns, axis=1)]
    return dict(zip(TITLES, tiles, strict=True))


def frame_of(heart: Heart) -> Frame:
    """Unit vectors: towards the base, towards the middle of the septum, and, at right angles to
    both, towards the anterior wall."""
    coordinates = heart.coordinates
    left = coordinates.ventricle == 0
    up = long_axis(heart)
    septum = heart.points[left & (np.abs(coordinates.rotational - 5 / 6) < 0.05)]
    across = septum.mean(axis=0) - heart.points[left].mean(axis=0)
    across = across - (across @ up) * up
    across /= np.linalg.norm(across)
    return np.stack([up, across, np.cross(up, across)])


def _add_zones(plotter: "pv.Plotter", heart: Heart, zones: Int[np.ndarray, " points"]) -> None:
    """Scar solid and the border zone glassy: both are seen wherever in the wall they lie."""
    worst = zones[heart.tetrahedra].max(axis=1)
    # Without the faces turned to the viewer, nothing lies over the scar and dulls its colour.
    shell = _surface(heart, heart.triangles)
    plotter.add_mesh(shell, color=WALL, opacity=0.3, ambient=0.35, culling="front")
    for zone, colour, opacity in ((Zone.SCAR, SCAR, 1.0), (Zone.BORDER, BORDER, 0.3)):
        within = worst >= zone
        if within.any():
            skin = _surface(heart, boundary_triangles(heart.tetrahedra[within]))
            plotter.add_mesh(skin, color=colour, opacity=opacity, ambient=0.3)


def _add_half(plotter: "pv.Plotter", heart: Heart, values, toward) -> None:
    """What is left behind a plane through the left ventricle's middle, with the cut's face."""
    middle = heart.points[heart.coordinates.ventricle == 0].mean(axis=0)
    shell = _surface(heart, heart.triangles, values)
    _add_chance(plotter, shell.clip(normal=toward, origin=middle), lighting=True)
    _add_face(plotter, _cut(heart, values, toward, middle))


def _add_slice(plotter: "pv.Plotter", heart: Heart, values, frame: Frame, height: float):
    """Answers its middle."""
    coordinates = heart.coordinates
    away = np.abs(coordinates.apicobasal - height) + 9.0 * (coordinates.ventricle == 1)
    nearest = np.argsort(away)[: max(len(away) // 50, 8)]
    face = _cut(heart, values, frame[0], heart.points[nearest].mean(axis=0))
    _add_face(plotter, face)
    return np.array(face.center)


def _add_face(plotter: "pv.Plotter", face: "pv.PolyData") -> None:
    """The face of a cut with its outline: wall without scar is nearly as light as the paper."""
    _add_chance(plotter, face, lighting=False)
    edges = face.clean().extract_feature_edges(
        boundary_edges=True, feature_edges=False, manifold_edges=False, non_manifold_edges=False
    )
    if edges.n_points:
        plotter.add_mesh(edges, color=OUTLINE, line_width=1.5, lighting=False)


def _add_chance(plotter: "pv.Plotter", mesh: "pv.PolyData", *, lighting: bool) -> None:
    if mesh.n_points:
        plotter.add_mesh(
            mesh,
            scalars="scar",
            cmap=list(chance_colours()),
            clim=(0, 1),
            show_scalar_bar=False,
            lighting=lighting,
            ambient=0.35 if lighting else 0.0,
        )


def _surface(heart: Heart, triangles: Int[np.ndarray, "faces 3"], values=None) -> "pv.PolyData":
    import pyvista as pv

    surface = pv.PolyData.from_regular_faces(heart.points, triangles)
    if values is not None:
        surface.point_data["scar"] = values
    return surface


def _cut(heart: Heart, values, normal, origin) -> "pv.PolyData":
    """Only the tetrahedra that the plane meets are handed over: a whole grid costs ten times it."""
    import pyvista as pv

    met = _met(heart, normal, origin)
    grid = pv.UnstructuredGrid({pv.CellType.TETRA: heart.tetrahedra[met]}, heart.points)
    grid.point_data["scar"] = values
    return grid.slice(normal=normal, origin=origin)


def _met(heart: Heart, normal, origin) -> Bool[np.ndarray, " tets"]:
    side = (heart.points - origin) @ normal > 0
    corners = side[heart.tetrahedra].sum(axis=1)
    return (corners > 0) & (corners < 4)


def _look(plotter: "pv.Plotter", heart: Heart, toward, up, middle=None) -> None:
    """From `toward` at `middle`, at a scale at which the whole heart has room."""
    toward = toward / np.linalg.norm(toward)
    centre = (heart.points.min(axis=0) + heart.points.max(axis=0)) / 2
    reach = np.linalg.norm(np.cross(heart.points - centre, toward), axis=1).max()
    at = centre if middle is None else middle
    plotter.camera_position = [tuple(at + 400 * toward), tuple(at), tuple(up)]
    plotter.enable_parallel_projection()  # type: ignore[call-arg]
    plotter.camera.parallel_scale = 1.03 * reach
    plotter.camera.reset_clipping_range()
