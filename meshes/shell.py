"""A sheet of conducting tissue: an atrium, or an endocardium by itself."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int

from twin.meshes.errors import InputError
from twin.meshes.files import content_hash
from twin.meshes.heart import Boundary, Fibres, Heart

LEAST_SINE = 1e-3
"""Of the angle between a fibre and its triangle's normal, below which it gives no direction."""


@dataclass(frozen=True, eq=False)
class Shell:
    """Triangles in mm without thickness, and the direction of the fibres in each of them.

    Immutable and valid once it exists. A `fibre` that points out of its triangle is turned into
    it, and made a unit vector.
    """

    points: Float[np.ndarray, "points 3"]
    triangles: Int[np.ndarray, "tris 3"]
    fibre: Float[np.ndarray, "tris 3"]

    def __post_init__(self) -> None:
        _validate(self)
        kind = self.points.dtype if np.issubdtype(self.points.dtype, np.floating) else np.float64
        values = {
            "points": np.array(self.points, kind, order="C"),
            "triangles": np.array(self.triangles, np.int32, order="C"),
            "fibre": _turned_in(self).astype(kind),
        }
        for name, value in values.items():
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @staticmethod
    def endocardium(heart: Heart, label: Boundary) -> "Shell":
        """One of the heart's surfaces, with the fibres of the wall right behind it.

        Its nodes are `heart.boundary_nodes(label)`, in that order. Where the wall's fibres run
        straight into the surface, the direction of its sheets takes their place.
        """
        triangles = heart.boundary_triangles(label)
        if not len(triangles):
            raise InputError(f"the heart has no {label.name} to make a shell of")
        nodes, own = np.unique(triangles, return_inverse=True)
        owner = _owners(heart.tetrahedra, triangles)
        normals = _normals(heart.points, triangles)
        fibre, sheet = heart.fibres.fibre[owner], heart.fibres.sheet[owner]
        across = np.abs(np.einsum("ij,ij->i", fibre, normals)) > 1 - LEAST_SINE
        fibre = np.where(across[:, None], sheet, fibre)
        return Shell(heart.points[nodes], own.reshape(-1, 3), fibre)

    def astype(self, kind: type[np.floating]) -> "Shell":
        """The same shell in single or double precision."""
        return replace(self, points=self.points.astype(kind), fibre=self.fibre.astype(kind))

    @property
    def elements(self) -> Int[np.ndarray, "tris 3"]:
        """What conducts."""
        return self.triangles

    @cached_property
    def content(self) -> str:
        """SHA-256: two shells with the same content give the same results."""
        return content_hash(self.points, self.triangles, self.fibre)

    @cached_property
    def fibres(self) -> Fibres:
        """Along the fibres, across them within the triangle, and out of it."""
        normals = _normals(self.points, self.triangles).astype(self.points.dtype)
        return Fibres(self.fibre, np.cross(normals, self.fibre), normals)

    def nearest(
        self, places: Float[np.ndarray, "places 3"]
    ) -> tuple[Float[np.ndarray, "places 3"], Int[np.ndarray, " places"]]:
        """The points of the shell nearest to some places, and the triangles that those lie in."""
        corners = self.points[self.triangles].astype(np.float64)
        found, triangles = np.zeros((len(places), 3)), np.zeros(len(places), np.int32)
        for i, place in enumerate(np.asarray(places, np.float64)):
            candidates = trimesh.triangles.closest_point(
                corners, np.broadcast_to(place, (len(corners), 3))
            )
            triangles[i] = np.argmin(((candidates - place) ** 2).sum(axis=1))
            found[i] = candidates[triangles[i]]
        return found, triangles

    def __repr__(self) -> str:
        return (
            f"Shell({len(self.points):,} points, {len(self.triangles):,} triangles, "
            f"{self.content[:8]})"
        )


def _normals(points, triangles) -> Float[np.ndarray, "tris 3"]:
    """Unit vectors; NaN where a triangle has no area."""
    a, b, c = np.moveaxis(points[triangles].astype(np.float64), 1, 0)
    normals = np.cross(b - a, c - a)
    with np.errstate(invalid="ignore", divide="ignore"):
        return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _turned_in(shell: Shell) -> Float[np.ndarray, "tris 3"]:
    """The fibres' unit directions within their triangles."""
    normals = _normals(shell.points, shell.triangles)
    fibre = np.asarray(shell.fibre, np.float64)
    fibre = fibre / np.linalg.norm(fibre, axis=1, keepdims=True)
    inside = fibre - np.einsum("ij,ij->i", fibre, normals)[:, None] * normals
    length = np.linalg.norm(inside, axis=1, keepdims=True)
    _refuse(
        (length < LEAST_SINE).ravel(),
        "fibres stand straight on their triangle",
        "give a direction within the surface",
    )
    return inside / length


def _owners(tetrahedra, triangles) -> Int[np.ndarray, " tris"]:
    """The tetrahedron behind each boundary triangle."""
    faces = np.concatenate([np.delete(tetrahedra, k, axis=1) for k in range(4)])
    both = np.concatenate([np.sort(faces, axis=1), np.sort(triangles, axis=1)])
    _, number = np.unique(both, axis=0, return_inverse=True)
    number = number.ravel()
    face_of = np.zeros(number.max() + 1, np.int64)
    face_of[number[: len(faces)]] = np.arange(len(faces))
    return face_of[number[len(faces) :]] % len(tetrahedra)


def _validate(shell: Shell) -> None:
    points, triangles = np.asarray(shell.points), np.asarray(shell.triangles)
    for name, width in (("points", 3), ("triangles", 3), ("fibre", 3)):
        shape = np.shape(getattr(shell, name))
        if len(shape) != 2 or shape[1] != width or shape[0] == 0:
            raise InputError(f"shell: {name} have the shape {shape}, expected one row of 3 each")
    if not np.issubdtype(triangles.dtype, np.integer):
        raise InputError(f"shell: triangles are {triangles.dtype}, expected whole node numbers")
    if len(shell.fibre) != len(triangles):
        raise InputError(
            f"shell: {len(shell.fibre):,} fibre directions for {len(triangles):,} triangles; "
            "expected one for each"
        )
    _refuse(~np.isfinite(points).all(axis=1), "points are not finite", "repair the surface")
    fibre = np.asarray(shell.fibre)
    largest = np.abs(fibre).max(axis=1)
    _refuse(
        ~(np.isfinite(largest) & (largest > 0)),
        "fibres are no direction (not finite, or zero)",
        "give each triangle one",
    )
    outside = (triangles.min(axis=1) < 0) | (triangles.max(axis=1) >= len(points))
    _refuse(outside, f"triangles name nodes outside 0 to {len(points) - 1:,}", "renumber them")
    flat = ~np.isfinite(_normals(points, triangles)).all(axis=1)
    _refuse(flat, "triangles have no area", "take them out of the surface")
    unused = np.ones(len(points), bool)
    unused[triangles.ravel()] = False
    _refuse(unused, "points belong to no triangle", "take them out of the surface")


def _refuse(bad: Bool[np.ndarray, " rows"], what: str, advice: str) -> None:
    if bad.any():
        raise InputError(
            f"shell: {bad.sum():,} of {len(bad):,} {what} (first: {int(np.argmax(bad)):,}); "
            f"{advice}"
        )
