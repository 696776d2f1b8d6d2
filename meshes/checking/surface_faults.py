"""Whether a triangle surface closes around something, and if not, why, where, and what to do."""

from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from twin.meshes import topology
from twin.meshes.checking.examination import COINCIDENT
from twin.meshes.checking.findings import Fault, Finding, Severity, examine
from twin.meshes.surface import Surface

THIN = 1e-6
"""Area below this fraction of the longest edge's square counts as none."""


class SurfaceExamination:
    """A surface under examination: what several faults are judged by, computed once."""

    def __init__(self, surface: Surface) -> None:
        self.points = np.asarray(surface.points, np.float64)
        self.triangles = np.asarray(surface.triangles, np.int64)

    @cached_property
    def surface(self) -> Surface:
        return Surface(self.points, self.triangles)

    @cached_property
    def collapsed(self) -> np.ndarray:
        """Triangles without area."""
        corners = self.surface.corners
        edges = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).max(axis=1)
        area = np.linalg.norm(self.surface.area_vectors, axis=1)
        return area <= THIN * edges**2

    @cached_property
    def enclosed_volumes(self) -> np.ndarray:
        """mm3 within each component, where the surface closes and is turned one way."""
        component = topology.surface_components(self.triangles)
        a, b, c = np.moveaxis(self.surface.corners, 1, 0)
        return np.bincount(component, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6)

    @cached_property
    def closed(self) -> bool:
        faults = (topology.open_edges, topology.non_manifold_edges, topology.wrongly_turned_edges)
        return not any(len(find(self.triangles)) for find in faults)

    def total(self, parts: str) -> int:
        edges = (3 * len(self.triangles) + 1) // 2
        known = {"points": len(self.points), "triangles": len(self.triangles), "edges": edges}
        return known.get(parts, 1)

    def locate(self, parts: str, first: tuple[int, ...]) -> np.ndarray:
        nodes = self.triangles[first[0]] if parts == "triangles" else np.array(first, int)
        if len(nodes) == 0 or nodes.min() < 0 or nodes.max() >= len(self.points):
            return np.zeros(0)
        place = self.points[nodes].mean(axis=0)
        return place if np.isfinite(place).all() else np.zeros(0)


def check_surface(surface: Surface, file: str = "FILE") -> list[Finding]:
    """Every fault of a surface that should enclose something; an empty list where it is sound."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return examine(SurfaceExamination(surface), FAULTS, file)


def _outside_indices(mesh):
    corners = mesh.triangles
    return np.flatnonzero(((corners < 0) | (corners >= len(mesh.points))).any(axis=1))


def _duplicate_points(mesh):
    size = float(np.ptp(mesh.points, axis=0).max())
    pairs = cKDTree(mesh.points).query_pairs(COINCIDENT * size, output_type="ndarray")
    return np.unique(pairs.max(axis=1)) if len(pairs) else np.zeros(0, np.int64)


def _facing_inwards(mesh):
    """One closed component that is turned inside out is told by its volume; rows of no length."""
    inwards = mesh.closed and mesh.enclosed_volumes.sum() < 0
    return np.zeros((int(inwards), 0))


def crossing_triangles(mesh: SurfaceExamination) -> np.ndarray:
    """Triangles through which an edge of another one passes.

    Segment against triangle (Möller and Trumbore 1997), for the pairs whose spheres touch and that
    share no node.
    """
    corners = mesh.surface.corners
    edges = np.unique(np.sort(topology.triangle_edges(mesh.triangles), axis=1), axis=0)
    edge, face = _close_pairs(mesh.points[edges], corners)
    apart = ~(edges[edge][:, :, None] == mesh.triangles[face][:, None]).any(axis=(1, 2))
    edge, face = edge[apart], face[apart]
    start, end = mesh.points[edges[edge, 0]], mesh.points[edges[edge, 1]]
    a, b, c = np.moveaxis(corners[face], 1, 0)
    step, ab, ac = end - start, b - a, c - a
    across = np.cross(step, ac)
    determinant = np.einsum("ij,ij->i", ab, across)
    towards = start - a
    turned = np.cross(towards, ab)
    u = np.einsum("ij,ij->i", towards, across) / determinant
    v = np.einsum("ij,ij->i", step, turned) / determinant
    t = np.einsum("ij,ij->i", ac, turned) / determinant
    return np.unique(face[(u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0) & (t <= 1)])


def _close_pairs(segments, triangles):
    """Pairs of a segment and a triangle whose enclosing spheres touch.

    Triangles of like size are searched together, so that a few large ones do not slow down all.
    """
    middle, centre = segments.mean(axis=1), triangles.mean(axis=1)
    half = np.linalg.norm(segments - middle[:, None], axis=2).max(axis=1)
    radius = np.linalg.norm(triangles - centre[:, None], axis=2).max(axis=1)
    octave = np.floor(np.log2(np.maximum(np.concatenate([half, radius]), 1e-300))).astype(int)
    of_segment, of_triangle = octave[: len(half)], octave[len(half) :]
    edges, faces = [], []
    for one in np.unique(of_segment):
        rows = np.flatnonzero(of_segment == one)
        tree = cKDTree(middle[rows])
        for other in np.unique(of_triangle):
            columns = np.flatnonzero(of_triangle == other)
            reach = half[rows].max() + radius[columns].max()
            pairs = cKDTree(centre[columns]).sparse_distance_matrix(
                tree, reach, output_type="ndarray"
            )
            near = pairs["v"] <= half[rows[pairs["j"]]] + radius[columns[pairs["i"]]]
            edges.append(rows[pairs["j"][near]])
            faces.append(columns[pairs["i"][near]])
    return np.concatenate(edges), np.concatenate(faces)


_EDIT = "Mend it where the surface was made (ParaView: Clean; MeshLab: Filters > Cleaning)."

FAULTS: tuple[Fault, ...] = (
    Fault(
        "empty surface",
        "surface",
        lambda mesh: np.zeros((int(len(mesh.points) == 0 or len(mesh.triangles) == 0), 0)),
        "It has no points or no triangles.",
        "Look whether the file holds lines or tetrahedra instead.",
        gate=True,
    ),
    Fault(
        "points not finite",
        "points",
        lambda mesh: np.flatnonzero(~np.isfinite(mesh.points).all(axis=1)),
        "Their coordinates are NaN or infinite.",
        _EDIT,
        gate=True,
    ),
    Fault(
        "node numbers out of range",
        "triangles",
        _outside_indices,
        "They name points that do not exist; perhaps the file counts from 1.",
        _EDIT,
        gate=True,
    ),
    Fault(
        "triangles without area",
        "triangles",
        lambda mesh: np.flatnonzero(mesh.collapsed),
        "Their corners coincide or lie on a line.",
        _EDIT,
    ),
    Fault(
        "duplicate points",
        "points",
        _duplicate_points,
        "They lie where an earlier point lies; what looks joined there is not.",
        "`twin mesh import` merges them; so does ParaView's Clean.",
    ),
    Fault(
        "duplicate triangles",
        "triangles",
        lambda mesh: np.flatnonzero(topology.repeated_rows(mesh.triangles)),
        "An earlier triangle has the same corners.",
        _EDIT,
    ),
    Fault(
        "unreferenced points",
        "points",
        lambda mesh: np.setdiff1d(np.arange(len(mesh.points)), mesh.triangles),
        "No triangle uses them.",
        "They do no harm; ParaView's Clean drops them.",
        severity=Severity.WARNING,
    ),
    Fault(
        "open edges",
        "edges",
        lambda mesh: topology.open_edges(mesh.triangles),
        "One triangle alone is there: the surface has a hole, or its pieces are not joined.",
        "Close the holes, or give all pieces that close the wall together (epicardium and both "
        "endocardia).",
    ),
    Fault(
        "non-manifold edges",
        "edges",
        lambda mesh: topology.non_manifold_edges(mesh.triangles),
        "More than two triangles meet there.",
        "Take away the inner walls or fins. " + _EDIT,
    ),
    Fault(
        "non-manifold nodes",
        "points",
        lambda mesh: topology.non_manifold_nodes(mesh.triangles),
        "The surface touches itself there.",
        "Part the two sides. " + _EDIT,
    ),
    Fault(
        "flipped triangles",
        "edges",
        lambda mesh: topology.wrongly_turned_edges(mesh.triangles),
        "The two triangles there face different sides; the count is of edges.",
        "`twin mesh import` turns them; so does ParaView's Generate Surface Normals.",
    ),
    Fault(
        "surface inside out",
        "surface",
        _facing_inwards,
        "All triangles face inwards: the enclosed volume is negative.",
        "`twin mesh import` turns them; so does ParaView's Generate Surface Normals.",
    ),
    Fault(
        "crossing triangles",
        "triangles",
        crossing_triangles,
        "The surface passes through itself there: inside and outside cannot be told apart.",
        "Part the two sides, or fit the surface anew. " + _EDIT,
    ),
)
