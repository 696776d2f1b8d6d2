"""A triangle surface that is cut along curves, exactly, and made even without leaving them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

from twin.meshes.anatomy.implicit import Level, Shape
from twin.meshes.topology import open_edges, shared_edges, triangle_edges

FREE, CORNER = -1, -2
"""Of a node that is on no curve, and of one that is on two and stays where it is."""

SNAP = 0.35
"""A node nearer to the curve than this share of its crossed edge is moved onto it."""
STEPS, STEPS_BETWEEN = 4, 1
"""Of Newton's method, onto the surface and its curves; fewer while the nodes still move."""
LEAST_SINE = 0.05
"""Squared, of the angle between the surface and what cuts it, below which it is taken for more."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """Triangles on the surface where `wall` vanishes; `curve` says on which of `curves` a node is.

    A curve is where the wall and a second function vanish together.
    """

    points: Float[np.ndarray, "points 3"]
    triangles: Int[np.ndarray, "tris 3"]
    curve: Int[np.ndarray, " points"]
    wall: Shape
    curves: tuple[Shape, ...] = ()

    @staticmethod
    def of(
        points: Float[np.ndarray, "points 3"], triangles: Int[np.ndarray, "tris 3"], wall: Shape
    ) -> "Sheet":
        sheet = Sheet(points, triangles, np.full(len(points), FREE), wall)
        return replace(sheet, points=sheet.projected(points))

    def projected(
        self, points: Float[np.ndarray, "points 3"], steps: int = STEPS
    ) -> Float[np.ndarray, "points 3"]:
        """The points moved onto the wall, and those of a curve onto it."""
        points = np.array(points)
        free = np.flatnonzero(self.curve == FREE)
        points[free] = project(points[free], [self.wall], steps)
        for number, curve in enumerate(self.curves):
            on = np.flatnonzero(self.curve == number)
            points[on] = project(points[on], [self.wall, curve], steps)
        return points

    def cut(self, level: Shape, where: Bool[np.ndarray, " tris"] | None = None) -> "Sheet":
        """With nodes all along where `level` vanishes, in the triangles `where`.

        Nodes close by are moved onto that curve, then the edges that still cross it are divided
        (as isosurface stuffing does with tetrahedra): no sliver stays. Where a node of another
        curve is moved it becomes a corner.
        """
        where = np.ones(len(self.triangles), bool) if where is None else where
        values = level(self.points.T).value
        sheet = replace(self, curves=(*self.curves, level))
        values, points = _snapped(sheet, values, where)
        number = len(self.curves)
        moved = (points != self.points).any(axis=1)
        points[moved] = project(points[moved], [self.wall, level])
        on = np.zeros(len(points), bool)
        on[self.triangles[where]] = True
        on &= values == 0
        curve = np.where(on, np.where(self.curve == FREE, number, CORNER), self.curve)
        return _divided(replace(sheet, points=points, curve=curve), values, where)

    def restricted(self, keep: Bool[np.ndarray, " tris"]) -> "Sheet":
        """These triangles alone, and the nodes they need."""
        nodes, triangles = np.unique(self.triangles[keep], return_inverse=True)
        return replace(
            self,
            points=self.points[nodes],
            triangles=triangles.reshape(-1, 3),
            curve=self.curve[nodes],
        )

    def even(self, rounds: int) -> "Sheet":
        """Nodes drawn to the middle of their neighbours, within the wall, or along their curve."""
        sheet = self
        for _ in range(rounds):
            sheet = replace(sheet, triangles=flipped(sheet))
            sheet = replace(sheet, points=sheet.projected(_smoothed(sheet), STEPS_BETWEEN))
        sheet = replace(sheet, points=sheet.projected(sheet.points))
        return replace(sheet, triangles=flipped(sheet))


def project(
    points: Float[np.ndarray, "points 3"], shapes: Sequence[Shape], steps: int = STEPS
) -> Float[np.ndarray, "points 3"]:
    """The points moved to where all the shapes vanish, by the shortest Newton steps."""
    if not len(points):
        return points
    for _ in range(steps):
        levels = [shape(points.T) for shape in shapes]
        points = points - _step(levels, points.shape)
    return points


def _step(levels: list[Level], shape: tuple[int, ...]) -> np.ndarray:
    values = np.stack([level.value for level in levels], axis=1)
    gradients = np.stack([np.broadcast_to(level.gradient.T, shape) for level in levels], axis=1)
    length = np.maximum(np.linalg.norm(gradients, axis=2, keepdims=True), 1e-9)
    values, gradients = values / length[..., 0], gradients / length
    if len(levels) == 1:
        return values * gradients[:, 0]
    # Two unit normals n, m with cosine c: the weights that solve both equations at once.
    cosine = np.einsum("ij,ij->i", gradients[:, 0], gradients[:, 1])
    sine = np.maximum(1 - cosine**2, LEAST_SINE)
    first = (values[:, 0] - cosine * values[:, 1]) / sine
    second = (values[:, 1] - cosine * values[:, 0]) / sine
    return first[:, None] * gradients[:, 0] + second[:, None] * gradients[:, 1]


def _snapped(sheet: Sheet, values, where) -> tuple[np.ndarray, np.ndarray]:
    """Values, zero at the nodes to be moved, and where to; no triangle is made flat by it."""
    edges = np.unique(np.sort(triangle_edges(sheet.triangles[where]), axis=1), axis=0)
    edges = edges[(values[edges] < 0).sum(axis=1) == 1]
    ends = np.concatenate([edges, edges[:, ::-1]])
    share = values[ends[:, 0]] / (values[ends[:, 0]] - values[ends[:, 1]])
    order = np.argsort(-share, kind="stable")
    nearest = np.full(len(values), np.inf)
    target = np.array(sheet.points)
    nearest[ends[order, 0]] = share[order]
    start, end = sheet.points[ends[order, 0]], sheet.points[ends[order, 1]]
    target[ends[order, 0]] = start + share[order, None] * (end - start)
    chosen = (nearest < SNAP) & (sheet.curve != CORNER)
    while (flat := chosen[sheet.triangles].all(axis=1)).any():
        corners = sheet.triangles[flat]
        chosen[corners[np.arange(len(corners)), nearest[corners].argmax(axis=1)]] = False
    return np.where(chosen, 0.0, values), np.where(chosen[:, None], target, sheet.points)


def _divided(sheet: Sheet, values, where) -> Sheet:
    """The triangles `where` divided along the last curve, and those on the other side of an edge
    that is divided with it."""
    level, number = sheet.curves[-1], len(sheet.curves) - 1
    signs = np.sign(values).astype(int)
    edges = np.sort(triangle_edges(sheet.triangles[where]), axis=1)
    edges = np.unique(edges[signs[edges].prod(axis=1) < 0], axis=0)
    a, b = edges.T
    share = (values[a] / (values[a] - values[b]))[:, None]
    new = sheet.points[a] + share * (sheet.points[b] - sheet.points[a])
    new = project(new, [sheet.wall, level])
    # An edge that runs along an older curve is divided where the two curves meet.
    both = (sheet.curve[a] == sheet.curve[b]) & (sheet.curve[a] >= 0)
    middle = {(int(i), int(j)): len(values) + n for n, (i, j) in enumerate(edges)}
    sides = np.sort(triangle_edges(sheet.triangles), axis=1).astype(np.int64)
    keys = edges[:, 0].astype(np.int64) * len(values) + edges[:, 1]
    touched = np.isin(sides[:, 0] * len(values) + sides[:, 1], keys).reshape(-1, 3).any(axis=1)
    pieces = [
        piece for nodes in sheet.triangles[touched].tolist() for piece in _pieces(nodes, middle)
    ]
    triangles = np.concatenate([sheet.triangles[~touched], np.array(pieces, int).reshape(-1, 3)])
    return replace(
        sheet,
        points=np.concatenate([sheet.points, new]),
        triangles=triangles,
        curve=np.concatenate([sheet.curve, np.where(both, CORNER, number)]),
    )


def _pieces(nodes: list[int], middle: dict[tuple[int, int], int]) -> list[tuple[int, ...]]:
    """The two or three triangles that one falls into whose edges have a `middle`."""

    def between(i: int, j: int) -> int | None:
        return middle.get((min(i, j), max(i, j)))

    turns = [tuple(nodes[(start + k) % 3] for k in range(3)) for start in range(3)]
    for a, b, c in turns:
        m, n = between(a, b), between(a, c)
        if m is not None and n is not None:
            return [(a, m, n), (m, b, n), (b, c, n)]
    a, b, c = next(turn for turn in turns if between(turn[1], turn[2]) is not None)
    m = between(b, c)
    assert m is not None
    return [(a, b, m), (a, m, c)]


def _smoothed(sheet: Sheet) -> np.ndarray:
    """Each node halfway to the mean of its neighbours; of a curve's node only those along it."""
    edges = np.unique(np.sort(triangle_edges(sheet.triangles), axis=1), axis=0)
    one, other = sheet.curve[edges].T
    corner = CORNER
    counts = [
        (one == FREE) | ((one == other) | (other == corner)) & _runs_along(sheet, edges),
        (other == FREE) | ((one == other) | (one == corner)) & _runs_along(sheet, edges),
    ]
    rows = np.concatenate([edges[counts[0], 0], edges[counts[1], 1]])
    columns = np.concatenate([edges[counts[0], 1], edges[counts[1], 0]])
    size = len(sheet.points)
    sums = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    number = np.bincount(rows, minlength=size)[:, None]
    movable = (sheet.curve != CORNER)[:, None] & (number > 1)
    mean = (sums @ sheet.points) / np.maximum(number, 1)
    return np.where(movable, 0.5 * (sheet.points + mean), sheet.points)


def _runs_along(sheet: Sheet, edges) -> Bool[np.ndarray, " edges"]:
    """Both ends are on curves: for a curve's node such a neighbour is one along it."""
    return (sheet.curve[edges] != FREE).all(axis=1)


def flipped(sheet: Sheet) -> Int[np.ndarray, "tris 3"]:
    """Triangles with edges turned where that makes the angles opposite to them smaller.

    Lawson's flips on a surface; each triangle takes part in at most one. Curves stay edges.
    """
    triangles = sheet.triangles.copy()
    one, other = shared_edges(triangles)
    a, b = triangle_edges(triangles)[one].T
    c = triangles[one // 3, (one % 3 + 2) % 3]
    d = triangles[other // 3, (other % 3 + 2) % 3]
    held = (sheet.curve[a] != FREE) & (sheet.curve[b] != FREE)
    turn = np.flatnonzero((_opposite(sheet.points, a, b, c, d) > np.pi + 1e-6) & ~held)
    turn = turn[_stays_flat(sheet.points, a[turn], b[turn], c[turn], d[turn])]
    turn = turn[~_exists(triangles, c[turn], d[turn])]
    turn = _independent(turn, one // 3, other // 3, len(triangles))
    # Far from each other two flips can still make one and the same new edge.
    new = np.sort(np.column_stack([c, d])[turn], axis=1)
    turn = turn[np.unique(new, axis=0, return_index=True)[1]]
    triangles[one[turn] // 3] = np.column_stack([a, d, c])[turn]
    triangles[other[turn] // 3] = np.column_stack([d, b, c])[turn]
    return triangles


def _opposite(points, a, b, c, d) -> np.ndarray:
    """Sum of the two angles opposite to the edge a b."""
    total = np.zeros(len(a))
    for tip in (c, d):
        u, v = points[a] - points[tip], points[b] - points[tip]
        inner = np.einsum("ij,ij->i", u, v)
        lengths = np.einsum("ij,ij->i", u, u) * np.einsum("ij,ij->i", v, v)
        total += np.arctan2(np.sqrt(np.maximum(lengths - inner**2, 0)), inner)
    return total


def _stays_flat(points, a, b, c, d) -> np.ndarray:
    """The two new triangles face the way of the old ones."""

    def normal(i, j, k):
        return np.cross(points[j] - points[i], points[k] - points[i])

    old = normal(a, b, c) + normal(b, a, d)
    facing = [np.einsum("ij,ij->i", old, normal(*new)) for new in ((a, d, c), (d, b, c))]
    return (facing[0] > 0) & (facing[1] > 0)


def _exists(triangles, c, d) -> np.ndarray:
    base = int(triangles.max()) + 1
    edges = np.sort(triangle_edges(triangles), axis=1).astype(np.int64)
    keys = edges[:, 0] * base + edges[:, 1]
    return np.isin(np.minimum(c, d).astype(np.int64) * base + np.maximum(c, d), keys)


def _independent(chosen, one, other, count: int) -> np.ndarray:
    """Of the chosen pairs of triangles those that come first at both."""
    first = np.full(count, len(chosen))
    rank = np.arange(len(chosen))
    np.minimum.at(first, one[chosen], rank)
    np.minimum.at(first, other[chosen], rank)
    return chosen[(first[one[chosen]] == rank) & (first[other[chosen]] == rank)]


def rims(triangles: Int[np.ndarray, "tris 3"]) -> list[Int[np.ndarray, " nodes"]]:
    """The closed curves that bound the triangles, each once around, the longest first."""
    edges = open_edges(triangles)
    following = dict(zip(edges[:, 0].tolist(), edges[:, 1].tolist(), strict=True))
    loops = []
    while following:
        node, following_node = following.popitem()
        loop = [node]
        while following_node in following:
            loop.append(following_node)
            following_node = following.pop(following_node)
        loops.append(np.array(loop))
    return sorted(loops, key=len, reverse=True)
