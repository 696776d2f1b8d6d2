"""The blood in the ventricles: closed surfaces made of the endocardium and lids over its valves."""

import numpy as np
import pyvista
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as graph_components

from twin.meshes.atrium import Atrium
from twin.meshes.heart import Boundary, Heart
from twin.meshes.meshing.distance import SurfaceSolid
from twin.meshes.meshing.octree import Grid, build_lattice, find_cells
from twin.meshes.meshing.stuffing import stuff
from twin.meshes.surface import Surface
from twin.meshes.topology import boundary_triangles, connected_components, open_edges
from twin.simulation.conductor.solid_angles import winding_numbers

USUAL_SPACING = 6.0
"""mm; edges are about as long, which makes some 1,200 triangles of a pool."""

ATRIAL_SPACING = 4.0
"""mm; an atrium is smaller (docs/atria.md says what 6 mm would cost)."""

KEPT_TRIANGLES = 2500
"""Of the endocardium, for finding the blood's shape."""


def blood_pools(heart: Heart | Atrium, spacing: float | None = None) -> tuple[Surface, ...]:
    """What each ventricle holds, or an atrium, in even triangles that face the myocardium.

    The left one first; a heart without right ventricle has one.
    """
    if isinstance(heart, Atrium):
        # Its triangles face outwards, an endocardium's the blood.
        cavity = Cavity(heart.points, heart.triangles[:, ::-1])
        return (even_surface(cavity, spacing or ATRIAL_SPACING),)
    endocardia = (Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM)
    patches = (heart.boundary_triangles(label) for label in endocardia)
    return tuple(
        even_surface(Cavity(heart.points, patch), spacing or USUAL_SPACING)
        for patch in patches
        if len(patch)
    )


class Cavity:
    """The solid within an endocardium and, over each opening of it, a lid to the rim's centre.

    Lids over crescents fold, so that inside is where the surface winds round once.
    """

    def __init__(
        self, points: Float[np.ndarray, "points 3"], endocardium: Int[np.ndarray, "faces 3"]
    ) -> None:
        self.surface = _lidded(_coarser(points, endocardium[:, ::-1]))
        self._sheet = SurfaceSolid(self.surface)

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
        return self._sheet.bounds

    def distance(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        inside = winding_numbers(points, self.surface.corners) > 0.5
        return np.where(inside, -1, 1) * np.abs(self._sheet.distance(points))

    def label(self, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        return np.zeros(len(points), np.int8)


def even_surface(cavity: Cavity, spacing: float) -> Surface:
    """The solid's surface in triangles of one size, holding as much, with folds rounded off."""
    grid = Grid.around(cavity, spacing)
    cells = find_cells(cavity, grid)
    lattice = build_lattice(cavity, grid, cells, np.zeros(grid.shape, np.int8))
    points, tetrahedra, _ = stuff(lattice, cavity.distance)
    faces = boundary_triangles(tetrahedra[connected_components(tetrahedra) == 0])
    nodes, number = np.unique(faces, return_inverse=True)
    surface = Surface(points[nodes], number.reshape(-1, 3))
    return _inflated(surface, cavity.surface.enclosed_volume)


def _inflated(surface, volume):
    """Flat triangles cut off what bulges: all moved outwards until they hold `volume`, mm3."""
    for _ in range(2):
        normals = np.zeros_like(surface.points)
        for corner in range(3):
            np.add.at(normals, surface.triangles[:, corner], surface.area_vectors)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        step = (volume - surface.enclosed_volume) / surface.area
        surface = Surface(surface.points + step * normals, surface.triangles)
    return surface


def _coarser(points, triangles):
    nodes, number = np.unique(triangles, return_inverse=True)
    mesh = pyvista.PolyData.from_regular_faces(
        points[nodes].astype(np.float64), number.reshape(-1, 3).astype(int)
    )
    share = 1 - KEPT_TRIANGLES / len(triangles)
    if share > 0:
        mesh = mesh.decimate_pro(share, preserve_topology=True, boundary_vertex_deletion=False)
    return Surface(np.asarray(mesh.points, np.float64), mesh.regular_faces.astype(np.int64))


def _lidded(surface):
    """Each opening closed by triangles from its rim to its centre."""
    edges = open_edges(surface.triangles)
    count = len(surface.points)
    graph = coo_array((np.ones(len(edges)), edges.T), shape=(count, count))
    rim = graph_components(graph, directed=False)[1][edges[:, 0]]
    rims, rim = np.unique(rim, return_inverse=True)
    middles = (surface.points[edges[:, 0]] + surface.points[edges[:, 1]]) / 2
    lengths = np.linalg.norm(surface.points[edges[:, 1]] - surface.points[edges[:, 0]], axis=1)
    centres = [
        np.average(middles[rim == r], axis=0, weights=lengths[rim == r]) for r in range(len(rims))
    ]
    lids = np.column_stack([edges[:, ::-1], count + rim])
    return Surface(
        np.concatenate([surface.points, *[c[None] for c in centres]]),
        np.concatenate([surface.triangles, lids]),
    )
