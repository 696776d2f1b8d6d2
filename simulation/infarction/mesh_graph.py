"""A heart's edges: which tetrahedra they bound, how long they are, how far it is along them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from twin.meshes.heart import Heart
from twin.meshes.topology import row_keys

CORNER_PAIRS = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
MEASURED, NEAR = 12, 6.0
"""From how many nodes, and up to how many mm, ways along edges are held against straight ones."""


@dataclass(frozen=True, eq=False)
class MeshGraph:
    """The edges of a heart's tetrahedra, each once, and the six of each tetrahedron."""

    nodes: int
    edges: Int[np.ndarray, "edges 2"]
    of_tetrahedra: Int[np.ndarray, "tets 6"]
    lengths: Float[np.ndarray, " edges"]

    @staticmethod
    def of(heart: Heart) -> "MeshGraph":
        pairs = np.sort(heart.tetrahedra[:, CORNER_PAIRS].reshape(-1, 2), axis=1)
        _, first, place = np.unique(row_keys(pairs), return_index=True, return_inverse=True)
        edges = pairs[first]
        lengths = np.linalg.norm(
            heart.points[edges[:, 0]].astype(float) - heart.points[edges[:, 1]], axis=1
        )
        return MeshGraph(len(heart.points), edges, place.reshape(-1, 6).astype(np.int32), lengths)

    @cached_property
    def tetrahedra_at(self) -> Int[np.ndarray, " edges"]:
        """How many tetrahedra there are around each edge."""
        return np.bincount(self.of_tetrahedra.ravel(), minlength=len(self.edges))

    def stretch(self, points: Float[np.ndarray, "points 3"]) -> float:
        """By how much ways along edges are longer than straight ones, over a few millimetres, in
        the mean: edges do not lead everywhere."""
        graph = _symmetric(self.edges, self.lengths, self.nodes)
        starts = np.linspace(0, self.nodes - 1, MEASURED).astype(int)
        reach = max(NEAR, 3 * float(self.lengths.mean()))
        along = dijkstra(graph, indices=starts, limit=reach)
        straight = np.linalg.norm(points[None].astype(float) - points[starts][:, None], axis=2)
        # Where the mesh is concave the way around a corner is no fault of the edges.
        known = np.isfinite(along) & (straight > reach / 3) & (along < 1.3 * straight)
        return float((along[known] / straight[known]).mean()) if known.any() else 1.0

    def ways(self, points: Float[np.ndarray, "points 3"]) -> csr_array:
        """The edges both ways with their lengths over `stretch`, mm."""
        return _symmetric(self.edges, self.lengths / self.stretch(points), self.nodes)

    def around(self, some: Bool[np.ndarray, " points"]) -> Bool[np.ndarray, " points"]:
        """The nodes at edges between some and others: on both sides."""
        across = some.take(self.lower_nodes) != some.take(self.upper_nodes)
        rim = np.zeros(self.nodes, bool)
        rim[self.lower_nodes[across]] = True
        rim[self.upper_nodes[across]] = True
        return rim

    def cut_off(
        self, dead: Bool[np.ndarray, " points"], dead_tetrahedra: Bool[np.ndarray, " tets"]
    ) -> Bool[np.ndarray, " points"]:
        """Living nodes to which no living tetrahedron leads from the largest living part."""
        around = np.bincount(self.of_tetrahedra[dead_tetrahedra].ravel(), minlength=len(self.edges))
        alive = around < self.tetrahedra_at
        # The edges stand in the order of their first nodes: a sparse matrix as they are.
        before = np.concatenate([[0], np.cumsum(alive)])
        rows, others = before[self.first_edges], self.upper_nodes[alive]
        graph = csr_array((np.ones(len(others)), others, rows), shape=(len(dead), len(dead)))
        part = connected_components(graph, directed=False)[1]
        largest = np.bincount(part[~dead]).argmax() if not dead.all() else -1
        return ~dead & (part != largest)

    @cached_property
    def upper_nodes(self) -> Int[np.ndarray, " edges"]:
        return np.ascontiguousarray(self.edges[:, 1])

    @cached_property
    def lower_nodes(self) -> Int[np.ndarray, " edges"]:
        return np.ascontiguousarray(self.edges[:, 0])

    @cached_property
    def first_edges(self) -> Int[np.ndarray, " points+1"]:
        """Where the edges begin whose lower node each is."""
        return np.searchsorted(self.edges[:, 0], np.arange(self.nodes + 1))


def _symmetric(edges: np.ndarray, lengths: np.ndarray, nodes: int) -> csr_array:
    both = np.concatenate([edges, edges[:, ::-1]])
    return coo_array((np.tile(lengths, 2), tuple(both.T)), shape=(nodes, nodes)).tocsr()
