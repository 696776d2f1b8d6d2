"""Meshes made ready for the eikonal solver: ordered, packed, and measured along their axes."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from twin.meshes.errors import InputError, TwinError
from twin.meshes.heart import Heart
from twin.meshes.shell import Shell
from twin.native import kernels
from twin.simulation.purkinje import Purkinje

EDGES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
"""The corners of an element that each of its six edges joins."""


AnyArray = Array | np.ndarray
"""Of NumPy until it is passed to a compiled function."""


class Rings(NamedTuple):
    """What meets at each node, as the kernels read it (twin/native/eikonal_ring.h)."""

    start: Int[AnyArray, " points+1"]
    slots: Int[AnyArray, " slots"]
    places: Int[AnyArray, " bytes"]
    neighbour_start: Int[AnyArray, " points+1"]
    neighbours: Int[AnyArray, " pairs"]
    corners: Int[AnyArray, "elements 4"]


class Metric(NamedTuple):
    """What makes travel times of speeds (twin/native/eikonal_metric.h).

    `spans` are the extents, mm, along each of an element's three axes of its three edges from its
    first corner. `absent` marks which of its six edges do not exist; it is empty where all do.
    `order` holds the given number of each element.
    """

    spans: Float[AnyArray, "3 3 elements"]
    absent: Bool[AnyArray, "elements 6"] | Bool[AnyArray, "0 6"]
    order: Int[AnyArray, " elements"]


@dataclass(frozen=True, eq=False)
class Front:
    """A mesh on which fronts run: tetrahedra, triangles and branches, of 4, 3 and 2 corners.

    Nodes are numbered anew along a space-filling curve and elements by their first node:
    `node_order` and `metric.order` hold the given number of each. Where an element has fewer
    corners, `rings.corners` holds the number of nodes. `axes` are in the given order.
    """

    points: Float[np.ndarray, "points 3"]
    rings: Rings
    node_order: Int[np.ndarray, " points"]
    metric: Metric
    axes: tuple[Float[np.ndarray, "elements 3"], ...]

    @staticmethod
    def of_mesh(mesh: Heart | Shell, tree: Purkinje | None = None) -> "Front":
        """The mesh's own, and a heart's tree's; made once and kept while it is among the latest.

        The tree's nodes and branches come after the heart's.
        """
        key = mesh.content + (tree.content if tree else "")
        front = _latest.pop(key, None) or _with_tree(mesh, tree)
        _latest[key] = front
        while len(_latest) > KEPT:
            _latest.popitem(last=False)
        return front

    @staticmethod
    def build(
        points: Float[np.ndarray, "points 3"],
        elements: Int[np.ndarray, "elements corners"],
        axes: tuple[Float[np.ndarray, "elements 3"], ...],
    ) -> "Front":
        """From elements of up to four corners, -1 where there is none, and the three axes along
        which each element's speeds are given. Precision is that of `points`."""
        if kernels is None:
            raise TwinError(
                "the native kernels are not built here, and meshes are made ready for fronts by "
                "them alone; install the package with a C++ compiler at hand (`pip install .`)"
            )
        padded = np.full((len(elements), 4), -1, np.int32)
        padded[:, : elements.shape[1]] = elements
        try:
            packed = kernels.prepare_front(np.ascontiguousarray(points, np.float64), padded)
        except ValueError as fault:
            raise InputError(str(fault)) from None
        node_order, element_order = packed.pop("node_order"), packed.pop("element_order")
        corners = packed.pop("corners").reshape(-1, 4)
        ordered = np.ascontiguousarray(points[node_order])
        return Front(
            points=ordered,
            rings=Rings(corners=corners, **packed),
            node_order=node_order,
            metric=Metric(
                spans=_measure(ordered, corners, axes, element_order),
                absent=_absent(corners, len(points)),
                order=element_order,
            ),
            axes=axes,
        )

    @cached_property
    def node_number(self) -> Int[np.ndarray, " points"]:
        """The new number of each given node."""
        return _inverse(self.node_order)

    @cached_property
    def parts(self) -> Int[np.ndarray, " points"]:
        """A number for each node, the same wherever elements connect."""
        return connected_parts(np.asarray(self.rings.corners), len(self.points))

    @property
    def edge_length(self) -> float:
        """Root mean square over the edges from the first corners of whole elements, mm; branches
        are no measure of the mesh around them."""
        spans, absent = np.asarray(self.metric.spans), np.asarray(self.metric.absent)[:, :3]
        there = ~absent.T if len(absent) else np.ones(spans.shape[1:], bool)
        whole = there.sum(axis=0) == there.sum(axis=0).max()
        some = np.flatnonzero(whole)[:: max(1, int(whole.sum()) // 10_000)]
        squares = (spans[:, :, some].astype(np.float64) ** 2).sum(axis=0)
        return float(np.sqrt(squares[there[:, some]].mean()))

    @property
    def nbytes(self) -> int:
        """Memory that is held besides the heart's own arrays."""
        arrays = (*self.rings, *self.metric, self.points, self.node_order)
        return sum(np.asarray(a).nbytes for a in arrays)


def _with_tree(mesh: Heart | Shell, tree: Purkinje | None) -> Front:
    fibres = mesh.fibres
    axes = (fibres.fibre, fibres.sheet, fibres.normal)
    if tree is None or isinstance(mesh, Shell):
        return Front.build(mesh.points, mesh.elements, axes)
    extra, branches, _ = tree.within(mesh)
    elements = np.full((len(mesh.elements) + len(branches), 4), -1, np.int32)
    elements[: len(mesh.elements)] = mesh.elements
    elements[len(mesh.elements) :, :2] = branches
    # A branch has one speed, so that any three axes will do.
    along = [np.broadcast_to(axis, (len(branches), 3)) for axis in np.eye(3)]
    return Front.build(
        np.concatenate([mesh.points, extra]).astype(mesh.points.dtype),
        elements,
        tuple(np.concatenate(pair) for pair in zip(axes, along, strict=True)),
    )


KEPT = 4
_latest: OrderedDict[str, Front] = OrderedDict()


def connected_parts(
    corners: Int[np.ndarray, "elements 4"], nodes: int
) -> Int[np.ndarray, " points"]:
    """Which part of the mesh each node is in, parts counted by the elements given."""
    first = np.repeat(corners[:, 0], 3)
    other = corners[:, 1:].ravel()
    real = other < nodes
    pairs = (first[real], other[real])
    graph = coo_array((np.ones(len(pairs[0]), bool), pairs), shape=(nodes, nodes))
    return connected_components(graph, directed=False)[1]


def conducting_nodes(
    corners: Int[np.ndarray, "elements 4"], conducting: Bool[np.ndarray, " elements"], nodes: int
) -> Bool[np.ndarray, " points"]:
    """The nodes of at least one conducting element."""
    touched = np.zeros(nodes + 1, bool)
    touched[corners[conducting].ravel()] = True
    return touched[:nodes]


def _measure(points, corners, axes, order) -> Float[np.ndarray, "3 3 elements"]:
    """Extent along each axis of the edges to an element's second, third and fourth corner."""
    axes = [np.ascontiguousarray(axis, points.dtype) for axis in axes]
    return np.stack(
        [kernels.measure_spans(points, corners, order, axis).reshape(3, -1) for axis in axes]
    )


def _absent(corners, nodes) -> Bool[np.ndarray, "elements 6"]:
    missing = corners == nodes
    return missing[:, EDGES].any(axis=2) if missing.any() else np.zeros((0, 6), bool)


def _inverse(order: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order), dtype=order.dtype)
    return inverse
