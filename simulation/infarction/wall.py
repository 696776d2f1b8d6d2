"""A heart's wall as columns from the endocardium outwards: prepared once, for many infarcts."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array, diags_array
from scipy.spatial import cKDTree

from twin.meshes.anatomy.sizes import MYOCARDIAL_DENSITY
from twin.meshes.errors import InputError
from twin.meshes.fields.segments import aha_segments
from twin.meshes.heart import Boundary, Coordinates, Heart
from twin.meshes.topology import face_neighbours, tetrahedron_faces
from twin.simulation.infarction.mesh_graph import MeshGraph
from twin.simulation.infarction.random_field import random_field

APART = 1000.0
"""mm that keep the ventricles' columns apart where columns are looked up."""

ENDOCARDIA = (Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM)


@dataclass(frozen=True, eq=False)
class Wall:
    """Columns: each node of an endocardium is the foot of one, and each node of the wall belongs to
    the column of its own ventricle whose foot has most nearly its apicobasal and rotational
    coordinates. The septum belongs to the left ventricle.

    feet: the node at the foot of each column, those of the left ventricle first.
    columns: the column of each node.
    is_right: whether a column is of the right ventricle.
    middles: the middle of each column's nodes, mm.
    places: where each column is on an ellipsoid of this heart's length and width, mm, the right
        ventricle on one of its own: coordinates without a seam.
    right_tetrahedra: those with most corners in the right ventricle.
    """

    heart: Heart
    graph: MeshGraph
    feet: Int[np.ndarray, " columns"]
    columns: Int[np.ndarray, " points"]
    is_right: Bool[np.ndarray, " columns"]
    middles: Float[np.ndarray, "columns 3"]
    places: Float[np.ndarray, "columns 4"]
    right_tetrahedra: Bool[np.ndarray, " tets"]

    @staticmethod
    def of(heart: Heart) -> "Wall":
        """The heart's own, kept while it is among the latest."""
        wall = _latest.pop(heart.content, None) or _prepare(heart)
        _latest[heart.content] = wall
        while len(_latest) > KEPT:
            _latest.popitem(last=False)
        return wall

    @cached_property
    def volumes(self) -> Float[np.ndarray, " tets"]:
        return self.heart.element_volumes.astype(float)

    @cached_property
    def left_volume(self) -> float:
        """Of the left ventricle's wall, mm3."""
        return float(self.volumes[~self.right_tetrahedra].sum())

    @cached_property
    def right_volume(self) -> float:
        return float(self.volumes[self.right_tetrahedra].sum())

    @cached_property
    def corners(self) -> Int[np.ndarray, "4 tets"]:
        """Of the tetrahedra, laid out to be looked up corner by corner."""
        return np.ascontiguousarray(self.heart.tetrahedra.T, np.intp)

    @cached_property
    def tetrahedra_at(self) -> Int[np.ndarray, " points"]:
        """How many tetrahedra there are at each node."""
        return np.bincount(self.corners.ravel(), minlength=len(self.columns))

    def without(self, dead: Bool[np.ndarray, " tets"]) -> Bool[np.ndarray, " points"]:
        """The nodes all of whose tetrahedra are dead."""
        around = self.corners[:, np.flatnonzero(dead)].ravel()
        return np.bincount(around, minlength=len(self.columns)) == self.tetrahedra_at

    @cached_property
    def left_corners(self) -> Int[np.ndarray, "4 left"]:
        """Of the left ventricle's tetrahedra."""
        return np.ascontiguousarray(self.corners[:, ~self.right_tetrahedra])

    @cached_property
    def left_volumes(self) -> Float[np.ndarray, " left"]:
        return self.volumes[~self.right_tetrahedra]

    @cached_property
    def face_neighbours(self) -> Int[np.ndarray, "tets 4"]:
        """Across each tetrahedron's faces; -1 where there is none."""
        return face_neighbours(self.heart.tetrahedra)

    @cached_property
    def face_areas(self) -> Float[np.ndarray, "tets 4"]:
        """mm2."""
        a, b, c = np.moveaxis(self.heart.points[tetrahedron_faces(self.heart.tetrahedra)], 1, 0)
        return np.linalg.norm(np.cross(b - a, c - a), axis=1).reshape(-1, 4) / 2

    @property
    def left_grams(self) -> float:
        return self.left_volume * MYOCARDIAL_DENSITY / 1000

    @cached_property
    def depth(self) -> Float[np.ndarray, " points"]:
        """Transmural coordinate, exactly 0 at every foot."""
        depth = np.clip(self.heart.coordinates.transmural, 0, 1)
        depth[self.feet] = 0
        return depth

    def field(
        self, length: float, random: np.random.Generator, right: bool
    ) -> Float[np.ndarray, " columns"]:
        """A random field correlated over `length` mm; 0 in the right ventricle where it is not
        needed there, which changes nothing in the left one."""
        count = len(self.feet) if right else int((~self.is_right).sum())
        values = np.zeros(len(self.feet))
        values[:count] = random_field(self.places[:count], length, random)
        return values

    @cached_property
    def within_left(self) -> Bool[np.ndarray, " points"]:
        """Nodes that no tetrahedron of the right ventricle touches."""
        return self._untouched_by(self.right_tetrahedra)

    @cached_property
    def segments(self) -> Int[np.ndarray, " tets"]:
        """AHA segment of each tetrahedron's middle; 0 in the right ventricle."""
        c, corners = self.heart.coordinates, self.heart.tetrahedra
        angle = np.arctan2(
            c.rotational_sine[corners].mean(axis=1), c.rotational_cosine[corners].mean(axis=1)
        )
        middle = Coordinates(
            c.apicobasal[corners].mean(axis=1),
            c.transmural[corners].mean(axis=1),
            angle / (2 * np.pi) % 1,
            self.right_tetrahedra.astype(np.int8),
        )
        return aha_segments(middle)

    @cached_property
    def segment_volumes(self) -> Float[np.ndarray, " 18"]:
        return np.bincount(self.segments, self.volumes, minlength=18)

    @cached_property
    def column_volumes(self) -> Float[np.ndarray, " columns"]:
        """A quarter of the volume of the tetrahedra at each of a column's nodes, mm3."""
        column = self.columns[self.heart.tetrahedra.ravel()]
        return np.bincount(column, np.repeat(self.volumes / 4, 4), len(self.feet))

    @cached_property
    def mesh_ways(self) -> csr_array:
        """Along the mesh's edges, mm, for distances through the wall."""
        return self.graph.ways(self.heart.points)

    @cached_property
    def column_ways(self) -> csr_array:
        """Between the middles of columns that are neighbours, or neighbours' neighbours, mm: with
        these, ways along the wall are but 3 % longer than shortest ones, give or take 4 %."""
        return _column_ways(self)

    @cached_property
    def left_column_ways(self) -> csr_array:
        """The same, without ways through the right ventricle."""
        left = diags_array((~self.is_right).astype(float))
        ways = (left @ self.column_ways @ left).tocsr()
        ways.eliminate_zeros()
        return ways

    def column_at(self, apicobasal: float, rotational: float, right: bool = False) -> int:
        """The column nearest to a place given in coordinates."""
        where = [np.array([value]) for value in (apicobasal, rotational, right)]
        here = _unrolled(where[0], where[1], where[2], *self.size)
        return int(((self.places - here) ** 2).sum(axis=1).argmin())

    @cached_property
    def size(self) -> tuple[float, float]:
        """Length and radius of the left ventricle's middle layer, mm."""
        return _size(self.heart)

    def _untouched_by(self, tetrahedra: Bool[np.ndarray, " tets"]) -> Bool[np.ndarray, " points"]:
        free = np.ones(len(self.heart.points), bool)
        free[self.heart.tetrahedra[tetrahedra].ravel()] = False
        return free


KEPT = 4
_latest: OrderedDict[str, Wall] = OrderedDict()


def _prepare(heart: Heart) -> Wall:
    c = heart.coordinates
    feet = [
        nodes[c.ventricle[nodes] == ventricle]
        for ventricle, label in enumerate(ENDOCARDIA)
        if len(nodes := heart.boundary_nodes(label))
    ]
    if not feet or not len(feet[0]):
        raise InputError(
            "the heart has no left endocardium, from which an infarct starts; label its boundary "
            "(`twin mesh repair`)"
        )
    nodes = np.concatenate(feet)
    is_right = c.ventricle[nodes] == 1
    unrolled = _unrolled(c.apicobasal, c.rotational, c.ventricle == 1, *_size(heart))
    columns = cKDTree(unrolled[nodes]).query(unrolled, workers=1)[1]
    columns[nodes] = np.arange(len(nodes))
    count = np.bincount(columns, minlength=len(nodes))
    middles = np.stack([np.bincount(columns, x, len(nodes)) / count for x in heart.points.T], 1)
    return Wall(
        heart=heart,
        graph=MeshGraph.of(heart),
        feet=nodes,
        columns=columns.astype(np.int32),
        is_right=is_right,
        middles=middles,
        places=unrolled[nodes],
        right_tetrahedra=c.ventricle[heart.tetrahedra].mean(axis=1) > 0.5,
    )


def _size(heart: Heart) -> tuple[float, float]:
    """From the middle of the apex to that of the base, and the mean distance from that line."""
    c = heart.coordinates
    left = np.flatnonzero(c.ventricle == 0)
    order = left[np.argsort(c.apicobasal[left], kind="stable")]
    some = max(1, len(order) // 50)
    apex = heart.points[order[:some]].mean(axis=0)
    base = heart.points[order[-some:]].mean(axis=0)
    length = float(np.linalg.norm(base - apex))
    across = np.cross(heart.points[left] - apex, (base - apex) / length)
    upper = c.apicobasal[left] >= 0.5
    return length, float(np.linalg.norm(across[upper], axis=1).mean())


def _unrolled(apicobasal, rotational, is_right, length: float, radius: float) -> np.ndarray:
    """Places on a half ellipsoid, and the ventricle as a direction of its own; mm."""
    height = np.clip(apicobasal, 0, 1)
    ring = radius * np.sqrt(1 - (1 - height) ** 2)
    angle = 2 * np.pi * rotational
    return np.stack(
        [ring * np.cos(angle), ring * np.sin(angle), length * height, APART * is_right], axis=1
    )


def _column_ways(wall: Wall) -> csr_array:
    one, other = wall.columns[wall.graph.edges].T
    size = len(wall.feet)
    touching = csr_array((np.ones(len(one), np.int32), (one, other)), shape=(size, size))
    touching = touching + touching.T
    reachable = (touching + touching @ touching).tocoo()
    apart = reachable.row != reachable.col
    row, column = reachable.row[apart], reachable.col[apart]
    lengths = np.linalg.norm(wall.middles[row] - wall.middles[column], axis=1)
    return csr_array((np.maximum(lengths, 1e-6), (row, column)), shape=(size, size))
