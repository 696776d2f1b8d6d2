"""The conduction system: a branching tree on both endocardia, from the bundle of His down."""

from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import bmat, coo_array, csr_array, diags_array
from scipy.sparse.csgraph import breadth_first_order, dijkstra
from scipy.spatial import cKDTree

from twin.meshes.errors import InputError
from twin.meshes.files import content_hash
from twin.meshes.heart import Boundary, Heart


class Bundle(IntEnum):
    """A bundle branch; the number is that of the ventricle it serves."""

    LEFT = 0
    RIGHT = 1


AT_NODE = 0.01
"""Within this many mm of a node the tree lies at it: the rounding of single precision."""

ENDOCARDIUM = {Bundle.LEFT: Boundary.LV_ENDOCARDIUM, Bundle.RIGHT: Boundary.RV_ENDOCARDIUM}


@dataclass(frozen=True)
class PurkinjeRule:
    """How a tree is grown.

    speed: mm/ms along the bundle branches and their fascicles (2 to 3).
    network_speed: mm/ms along what fans out from them, left and right.
    spacing: distance between neighbouring junctions with the myocardium, mm.
    reach: apicobasal height up to which the network spreads, left and right.
    fascicles: where the bundle branches run before they fan out: for each branch, lists of
        (apicobasal, rotational) on its endocardium, the first at the top of the septum. The left
        one has an anterior, a septal and a posterior fascicle, the right one runs down the
        septum.
    insulated: apicobasal height above which the left and the right bundle branch give off
        nothing.
    free_wall: fascicles on the right free wall, beginning where the moderator band ends, which
        carries the right bundle branch through the cavity from the end of its first fascicle.
    irregularity: spread of the logarithm of the way's cost, which makes branches wind and meet.
    balance: 0 joins every branch to the nearest older one, 1 takes the shortest way from the top.
    """

    speed: float = 3.0
    network_speed: tuple[float, float] = (1.2, 1.8)
    spacing: float = 4.0
    reach: tuple[float, float] = (0.85, 1.0)
    fascicles: tuple[tuple[tuple[tuple[float, float], ...], ...], ...] = (
        (
            ((0.90, 0.83), (0.75, 0.72), (0.45, 0.50)),
            ((0.90, 0.83), (0.70, 0.83), (0.50, 0.83)),
            ((0.90, 0.83), (0.75, 0.94), (0.45, 0.10)),
        ),
        (((0.90, 0.80), (0.60, 0.80), (0.50, 0.78)),),
    )
    insulated: tuple[float, float] = (0.63, 0.55)
    free_wall: tuple[tuple[tuple[float, float], ...], ...] = (
        ((0.50, 0.80), (0.75, 0.75)),
        ((0.50, 0.80), (0.75, 0.90)),
    )
    irregularity: float = 0.2
    balance: float = 0.9


@dataclass(frozen=True, eq=False)
class Purkinje:
    """A tree whose branches are insulated from the heart except at its junctions.

    `edges` run from parent to child between `points` (mm); node 0 is the bundle of His. Each row
    of `junctions` ties a node of the tree to a node of the heart. `band` is the node at which the
    moderator band meets the right free wall, where there is one.
    """

    points: Float[np.ndarray, "nodes 3"]
    edges: Int[np.ndarray, "edges 2"]
    bundle: Int[np.ndarray, " edges"]
    speeds: Float[np.ndarray, " edges"]
    junctions: Int[np.ndarray, "junctions 2"]
    rule: PurkinjeRule = field(default_factory=PurkinjeRule)
    band: int | None = None

    @staticmethod
    def grow(heart: Heart, rule: PurkinjeRule | None = None, seed: int = 0) -> "Purkinje":
        """A tree on both endocardia of `heart`; the same seed gives the same tree."""
        rule = rule or PurkinjeRule()
        for name in ("speed", "network_speed", "spacing"):
            if np.min(getattr(rule, name)) <= 0:
                raise InputError(f"Purkinje {name} is {getattr(rule, name)}, expected above 0")
        random = np.random.default_rng(seed)
        present = [b for b in Bundle if len(heart.boundary_triangles(ENDOCARDIUM[b]))]
        return _join(heart, [(b, *_grow_branch(heart, b, rule, random)) for b in present], rule)

    @property
    def lengths(self) -> Float[np.ndarray, " edges"]:
        """mm."""
        return np.linalg.norm(np.diff(self.points[self.edges], axis=1)[:, 0], axis=1)

    @property
    def durations(self) -> Float[np.ndarray, " edges"]:
        """How long a front takes along each edge, ms."""
        return self.lengths / self.speeds

    @cached_property
    def content(self) -> str:
        """SHA-256 of the tree: two trees with the same content conduct the same."""
        return content_hash(self.points, self.edges, self.durations, self.junctions)

    def cut(self, bundle: Bundle, reentry: bool = False) -> "Purkinje":
        """Bundle-branch block: the branch is severed at its origin.

        As in the textbook, its ventricle is then activated through the septum's muscle: the branch
        and the network it feeds take no part. Only what lies beyond the moderator band, the network
        of the right free wall, conducts a front that enters it from the heart. With `reentry` all
        of the network does, which leaves little of a right block.
        """
        own = self.bundle == bundle
        first = (self.edges[:, 0] == 0) & own
        if not first.any():
            raise InputError(f"the tree has no {bundle.name.lower()} bundle branch left to cut")
        kept = ~first if reentry else ~own | self._beyond_band()
        left = {name: getattr(self, name)[kept] for name in ("edges", "bundle", "speeds")}
        silent = np.setdiff1d(self.edges[~kept, 1], left["edges"])
        tied = ~np.isin(self.junctions[:, 0], silent)
        return replace(self, junctions=self.junctions[tied], **left)

    def _beyond_band(self) -> Bool[np.ndarray, " edges"]:
        """The branches that the moderator band carries the right bundle branch to."""
        if self.band is None:
            return np.zeros(len(self.edges), bool)
        size = len(self.points)
        ways = coo_array((np.ones(len(self.edges)), tuple(self.edges.T)), shape=(size, size))
        below = breadth_first_order(ways.tocsr(), self.band, return_predecessors=False)
        return np.isin(self.edges[:, 0], below)

    def dead_branches(
        self, heart: Heart, dead: Bool[np.ndarray, "*batch points"]
    ) -> Bool[np.ndarray, "*batch edges"]:
        """The branches that begin or end at one of the `dead` nodes of the heart that the tree was
        grown in; for one set of them or several. Bundle branches and fascicles survive: they are
        insulated, and the blood of the cavity feeds the first layer of cells beneath it."""
        distance, lying_at = cKDTree(heart.points).query(self.points, workers=1)
        gone = np.asarray(dead, bool)[..., lying_at] & (distance <= AT_NODE)
        return gone[..., self.edges].any(axis=-1) & (self.speeds != self.rule.speed)

    def without_branches(self, dead: Bool[np.ndarray, " edges"]) -> "Purkinje":
        """What hangs below a dead branch is cut from the bundle of His, but a front may enter it
        from the heart."""
        left = {name: getattr(self, name)[~dead] for name in ("edges", "bundle", "speeds")}
        return replace(self, **left)

    def without(self, heart: Heart, dead: Bool[np.ndarray, " points"]) -> "Purkinje":
        """The tree where some of the heart's nodes are dead: its own nodes and junctions there are
        dead with them."""
        left = self.without_branches(self.dead_branches(heart, dead))
        return replace(left, junctions=self.junctions[~np.asarray(dead)[self.junctions[:, 1]]])

    def within(
        self, heart: Heart
    ) -> tuple[Float[np.ndarray, "extra 3"], Int[np.ndarray, "edges 2"], int]:
        """The tree as part of a mesh that begins with the heart's own nodes.

        Returns the points to be added after the heart's, the branches in the numbers of that
        mesh, and the number of the bundle of His. Where the tree meets the heart its node is the
        heart's, so that a front passes either way.
        """
        number = np.full(len(self.points), -1)
        number[self.junctions[:, 0]] = self.junctions[:, 1]
        own = number < 0
        number[own] = len(heart.points) + np.arange(own.sum())
        return self.points[own], number[self.edges].astype(np.int32), int(number[0])

    def his(self, heart: Heart) -> int:
        """The number of the bundle of His in the mesh that `within` makes."""
        return self.within(heart)[2]

    def reached_junctions(self) -> tuple[Int[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
        """The heart's nodes at junctions that the bundle of His reaches, and when, ms after it."""
        arrivals = self.arrival_times()[self.junctions[:, 0]]
        reached = np.isfinite(arrivals)
        return self.junctions[reached, 1], arrivals[reached]

    def arrival_times(self) -> Float[np.ndarray, " nodes"]:
        """ms after the bundle of His, through the tree alone; infinite below a cut."""
        size = len(self.points)
        graph = coo_array((self.durations, tuple(self.edges.T)), shape=(size, size)).tocsr()
        return dijkstra(graph, directed=False, indices=0)


def _grow_branch(heart: Heart, bundle: Bundle, rule: PurkinjeRule, random: np.random.Generator):
    """Edges (parent, child) between heart nodes, their speeds, the top node, the terminal heart
    nodes, and the one at which the moderator band ends."""
    triangles = heart.boundary_triangles(ENDOCARDIUM[bundle])
    nodes, triangles = np.unique(triangles, return_inverse=True)
    graph = _surface_graph(heart.points[nodes], triangles.reshape(-1, 3))
    costs = graph.copy()
    costs.data = costs.data * _winding(heart.points[nodes], graph, rule.irregularity, random)

    trunk = _trunk(heart, nodes, graph, rule.fascicles[bundle])
    top = _nearest(heart, nodes, rule.fascicles[bundle][0][0])
    band = None
    if bundle == Bundle.RIGHT and rule.free_wall:
        band = _nearest(heart, nodes, rule.free_wall[0][0], ventricle=1)
        trunk[band] = _nearest(heart, nodes, rule.fascicles[bundle][0][-1])
        trunk = _trunk(heart, nodes, graph, rule.free_wall, ventricle=1) | trunk
    height = heart.coordinates.apicobasal[nodes]
    low = np.flatnonzero(height < rule.reach[bundle])
    if len(low) == 0:
        raise InputError(
            f"the Purkinje tree's {bundle.name.lower()} branch finds no place on its endocardium "
            f"below {rule.reach[bundle]:g} of the way to the base: the mesh is too coarse for this "
            "wall; use a finer one"
        )
    terminals = _spread(heart.points[nodes], low, rule.spacing)
    laid = np.array([top, *trunk])
    giving = laid[height[laid] <= max(rule.insulated[bundle], height[laid].min())]
    shut = np.isin(np.arange(len(nodes)), np.setdiff1d(laid, giving))
    delay = rule.balance * _lengths_from(top, trunk, heart.points[nodes])[giving]
    parents = _shortest_way_parents(_without(costs, shut), giving, delay)
    # Insulated branches may enclose a patch between them, to which no way then leads.
    terminals = terminals[parents[terminals] >= 0]
    parents[list(trunk)] = list(trunk.values())
    parents[top] = -1
    edges = _ways_to_top(parents, np.concatenate([terminals, laid]))
    bundled = np.isin(edges[:, 1], laid)
    speeds = np.where(bundled, rule.speed, rule.network_speed[bundle])
    terminals = nodes[np.setdiff1d(terminals, laid)]
    return nodes[edges], speeds, int(nodes[top]), terminals, None if band is None else nodes[band]


def _surface_graph(points: np.ndarray, triangles: np.ndarray) -> csr_array:
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    lengths = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    size = len(points)
    return coo_array((np.tile(lengths, 2), tuple(both.T)), shape=(size, size)).tocsr()


def _winding(points, graph, irregularity, random) -> np.ndarray:
    """A random factor for each edge, alike over a few millimetres, so that ways wind but agree."""
    seeds = points[random.choice(len(points), size=max(1, len(points) // 12), replace=False)]
    levels = random.normal(0.0, irregularity, len(seeds))
    _, nearest = cKDTree(seeds).query(points, k=min(3, len(seeds)))
    smooth = np.exp(levels[nearest].reshape(len(points), -1).mean(axis=1))
    rows, columns = graph.tocoo().coords
    return (smooth[rows] + smooth[columns]) / 2


def _without(graph: csr_array, shut: np.ndarray) -> csr_array:
    """The graph without the edges at `shut` nodes."""
    left = diags_array((~shut).astype(float))
    graph = (left @ graph @ left).tocsr()
    graph.eliminate_zeros()
    return graph


def _trunk(
    heart: Heart, nodes: np.ndarray, graph: csr_array, fascicles, ventricle: int = 0
) -> dict[int, int]:
    """Parent of every node of the fascicles but their common top, the first to be laid winning."""
    parent_of: dict[int, int] = {}
    top = _nearest(heart, nodes, fascicles[0][0], ventricle)
    for fascicle in fascicles:
        start = top
        for place in fascicle[1:]:
            end = _nearest(heart, nodes, place, ventricle)
            _, before = dijkstra(graph, indices=start, return_predecessors=True)
            way = [end]
            while way[-1] != start:
                way.append(int(before[way[-1]]))
            for child, parent in zip(way[-2::-1], way[:0:-1], strict=True):
                parent_of.setdefault(child, parent)
            start = end
    parent_of.pop(top, None)
    return parent_of


def _lengths_from(top: int, trunk: dict[int, int], points: np.ndarray) -> np.ndarray:
    """mm along the trunk from its top to each of its nodes; elsewhere infinite."""
    pairs = np.array([(parent, child) for child, parent in trunk.items()])
    lengths = np.linalg.norm(np.diff(points[pairs], axis=1)[:, 0], axis=1)
    graph = coo_array((lengths, tuple(pairs.T)), shape=(len(points), len(points))).tocsr()
    return dijkstra(graph, indices=top)


def _nearest(
    heart: Heart, nodes: np.ndarray, place: tuple[float, float], ventricle: int = 0
) -> int:
    """The node of an endocardium closest to (apicobasal, rotational) on what belongs to that
    ventricle: on the right endocardium, the left one's is the septum, where the bundle branch
    runs."""
    c = heart.coordinates
    angle = 2 * np.pi * place[1]
    around = np.hypot(
        c.rotational_cosine[nodes] - np.cos(angle), c.rotational_sine[nodes] - np.sin(angle)
    )
    distance = np.hypot(2 * (c.apicobasal[nodes] - place[0]), around)
    return int(np.argmin(np.where(c.ventricle[nodes] == ventricle, distance, np.inf)))


def _spread(points: np.ndarray, candidates: np.ndarray, spacing: float) -> np.ndarray:
    """Candidates no two of which are closer than `spacing`, greedily from the farthest on."""
    chosen = [int(candidates[0])]
    distance = np.linalg.norm(points[candidates] - points[chosen[0]], axis=1)
    while distance.max() > spacing:
        chosen.append(int(candidates[distance.argmax()]))
        further = np.linalg.norm(points[candidates] - points[chosen[-1]], axis=1)
        distance = np.minimum(distance, further)
    return np.array(chosen)


def _shortest_way_parents(costs: csr_array, starts: np.ndarray, delays: np.ndarray) -> np.ndarray:
    """Parent of each node on its cheapest way from any of `starts`, each entered at its delay."""
    size = costs.shape[0]
    # An extra node from which every start is reached at the cost of its delay (never zero, which
    # a sparse graph takes for no edge at all).
    extra = coo_array((delays + 1e-6, (np.zeros(len(starts), int), starts)), shape=(1, size))
    graph = bmat([[costs, None], [extra, csr_array((1, 1))]], format="csr")
    _, parents = dijkstra(graph, indices=size, return_predecessors=True)
    return parents[:size]


def _ways_to_top(parents: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Edges (parent, child) of the ways from `ends` up to the node whose parent is -1."""
    used = np.zeros(len(parents), bool)
    front = np.unique(ends)
    while len(front):
        used[front] = True
        above = np.unique(parents[front])
        front = above[(above >= 0) & ~used[above]]
    children = np.flatnonzero(used & (parents >= 0))
    return np.stack([parents[children], children], axis=1)


def _join(heart: Heart, branches: list, rule: PurkinjeRule) -> Purkinje:
    """The branches as one tree under the bundle of His, which lies where they begin."""
    his = np.mean([heart.points[top] for _, _, _, top, _, _ in branches], axis=0)
    points, edges, bundles, speeds, junctions = [his[None]], list[np.ndarray](), [], [], []
    size, band = 1, None
    for bundle, own_edges, own_speeds, top, terminals, landing in branches:
        nodes, renumbered = np.unique(own_edges, return_inverse=True)
        place = dict(zip(nodes.tolist(), range(size, size + len(nodes)), strict=True))
        edges += [np.array([[0, place[top]]]), renumbered.reshape(-1, 2) + size]
        speeds += [np.array([rule.speed]), own_speeds]
        bundles.append(np.full(1 + len(own_edges), int(bundle), np.int8))
        junctions.append(np.array([(place[int(t)], t) for t in terminals], np.int32))
        band = band if landing is None else place[int(landing)]
        points.append(heart.points[nodes])
        size += len(nodes)
    return Purkinje(
        points=np.concatenate(points),
        edges=np.concatenate(edges).astype(np.int32),
        bundle=np.concatenate(bundles),
        speeds=np.concatenate(speeds),
        junctions=np.concatenate(junctions),
        rule=rule,
        band=band,
    )
