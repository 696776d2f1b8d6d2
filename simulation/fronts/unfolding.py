"""Straight ways over a surface: its triangles laid out, one after the other, in one plane."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from twin.simulation.fronts.front import Front
from twin.simulation.fronts.sources import Ways, join_ways, reach

MOST_PIECES = 200
SLACK = 1e-12
"""Of an area, mm2, by which a node may lie outside of what is seen of it, by rounding."""


def unfold_ways(
    front: Front,
    places: Float[np.ndarray, "sources 3"],
    at_node: Int[np.ndarray, " sources"],
    triangles: Int[np.ndarray, " sources"],
) -> Ways:
    """Ways to every node near a place, which lies at a node or in a triangle of the front.

    On a surface that can be laid flat they are the shortest. Elsewhere each is as short as any
    through its own triangles; behind the apex of a saddle none leads to a node, which then gets
    its time from its neighbours.
    """
    traced = []
    for place, node, triangle in zip(places, at_node, triangles, strict=True):
        layout = Layout(front, np.asarray(place, np.float64))
        starts = layout.around(int(node)) if node >= 0 else [int(triangle)]
        ways = [way for start in starts for way in layout.ways(start, int(node))]
        traced.append(_packed(ways))
    return join_ways(front, traced, np.asarray(at_node, np.int32))


class Sight(NamedTuple):
    """What is seen from the place through an edge from `first` to `second` (anticlockwise).

    Places are two-dimensional; `left` and `right` bound what is seen.
    """

    first: int
    second: int
    first_place: np.ndarray
    second_place: np.ndarray
    left: np.ndarray
    right: np.ndarray
    pieces: tuple


class Way(NamedTuple):
    node: int
    target: np.ndarray
    elements: tuple[int, ...]
    axes: tuple[np.ndarray, ...]
    planes: tuple[np.ndarray, ...]


class Layout:
    """The triangles around a place, seen from there."""

    def __init__(self, front: Front, place: Float[np.ndarray, " 3"]) -> None:
        self.front, self.place, self.radius = front, place, reach(front)
        self.points = front.points.astype(np.float64, copy=False)
        self.corners = np.asarray(front.rings.corners)

    def around(self, node: int) -> list[int]:
        """The triangles at a node."""
        rings = self.front.rings
        slots = np.asarray(rings.slots)[rings.start[node] : rings.start[node + 1]]
        return np.unique(slots // 4).tolist()

    def ways(self, start: int, node: int) -> Iterator[Way]:
        """Ways that set out through triangle `start`, from the node where `node` >= 0."""
        corners = [int(v) for v in self.corners[start, :3]]
        origin = self.points[corners]
        along = _unit(origin[1] - origin[0])
        height = origin[2] - origin[0]
        across = _unit(height - (height @ along) * along)
        self.frame = _frame(along, across)
        flat = (origin - self.place) @ self.frame[:2].T
        piece = (start, self._axes(start), None)
        stack = []
        for k in range(3):
            a, b = (k + 1) % 3, (k + 2) % 3
            if corners[k] != node:
                yield self._way(corners[k], flat[k], (piece,))
            if node in (-1, corners[k]):
                sight = (corners[a], corners[b], flat[a], flat[b], flat[a], flat[b])
                stack.append(Sight(*sight, (piece,)))
        while stack:
            yield from self._look(stack.pop(), stack)

    def _look(self, sight: Sight, stack: list[Sight]) -> Iterator[Way]:
        """What comes into sight behind an edge."""
        p, q = sight.first_place, sight.second_place
        if len(sight.pieces) >= MOST_PIECES or _distance(*_seen(sight)) > self.radius:
            return
        for element in self.around(sight.first):
            corners = self.corners[element, :3]
            if element == sight.pieces[-1][0] or sight.second not in corners:
                continue
            third = int(corners.sum() - sight.first - sight.second)
            r, axes = self._lay(element, sight, third)
            line = np.array([(q - p)[1], -(q - p)[0]])
            edge = np.append(line @ self.frame[:2], -line @ p)
            edge[3] -= edge[:3] @ self.place
            pieces = (*sight.pieces, (element, axes, edge))
            over_left, over_right = _cross(sight.left, r), _cross(r, sight.right)
            if over_left >= -SLACK and over_right >= -SLACK and np.hypot(*r) <= self.radius:
                yield self._way(third, r, pieces)
            if over_left > SLACK:
                right = r if over_right > 0 else sight.right
                stack.append(Sight(sight.first, third, p, r, sight.left, right, pieces))
            if over_right > SLACK:
                left = r if over_left > 0 else sight.left
                stack.append(Sight(third, sight.second, r, q, left, sight.right, pieces))

    def _lay(self, element: int, sight: Sight, third: int):
        """Where the third corner comes to lie, and the element's axes turned with it."""
        p = self.points[sight.first]
        along = _unit(self.points[sight.second] - p)
        height = self.points[third] - p
        across = height - (height @ along) * along
        length = np.linalg.norm(across)
        own = _frame(along, across / length)
        ahead = _unit(sight.second_place - sight.first_place)
        out = np.array([ahead[1], -ahead[0]])
        place = sight.first_place + (height @ along) * ahead + length * out
        laid = np.stack([ahead @ self.frame[:2], out @ self.frame[:2], -self.frame[2]])
        return place, self._axes(element) @ own.T @ laid

    def _axes(self, element: int) -> Float[np.ndarray, "3 3"]:
        given = np.asarray(self.front.metric.order)[element]
        return np.stack([axis[given] for axis in self.front.axes]).astype(np.float64)

    def _way(self, node: int, flat: np.ndarray, pieces: tuple) -> Way:
        elements, axes, edges = zip(*pieces, strict=True)
        target = self.place + flat @ self.frame[:2]
        return Way(node, target, elements, axes, (*edges[1:], np.zeros(4)))


def _packed(ways: list[Way]) -> dict[str, np.ndarray]:
    """As `trace_rays` gives them, with targets and axes as laid out."""
    return {
        "nodes": np.array([way.node for way in ways], np.int32),
        "counts": np.array([len(way.elements) for way in ways], np.int32),
        "elements": np.array([e for way in ways for e in way.elements], np.int32),
        "planes": np.array([plane for way in ways for plane in way.planes]).reshape(-1, 4),
        "targets": np.array([way.target for way in ways]).reshape(-1, 3),
        "axes": np.array([a for way in ways for a in way.axes]).reshape(-1, 3, 3),
    }


def _seen(sight: Sight) -> tuple[np.ndarray, np.ndarray]:
    """The part of the edge that is in sight."""
    p, way = sight.first_place, sight.second_place - sight.first_place
    cut = [(_cross(side, way), -_cross(side, p)) for side in (sight.left, sight.right)]
    first, last = (
        min(max(over / under, 0.0), 1.0) if under > 0 else otherwise
        for (under, over), otherwise in zip(cut, (0.0, 1.0), strict=True)
    )
    return p + first * way, p + last * way


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _frame(along: np.ndarray, across: np.ndarray) -> Float[np.ndarray, "3 3"]:
    (ax, ay, az), (bx, by, bz) = along, across
    return np.array([along, across, [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx]])


def _cross(a: np.ndarray, b: np.ndarray) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


def _distance(p: np.ndarray, q: np.ndarray) -> float:
    """Of the origin from the line between p and q."""
    way = q - p
    share = min(max(-(p @ way) / max(way @ way, 1e-300), 0), 1)
    return float(np.hypot(*(p + share * way)))
