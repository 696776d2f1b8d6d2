"""How tetrahedra and triangles hang together: faces, edges, components, manifoldness.

Only indices count here, never positions. Two tetrahedra are neighbours when they share a face,
two triangles when they share an edge.
"""

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import coo_array, csgraph

FACES_OF_TETRAHEDRON = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
"""Face i lies opposite corner i and faces outwards where the tetrahedron's volume is positive."""


def row_keys(rows: Int[np.ndarray, "rows columns"]) -> Int[np.ndarray, " rows"]:
    """One integer for each row of non-negative indices, equal exactly where the rows are."""
    if len(rows) == 0:
        return np.zeros(0, np.int64)
    base = size = int(rows.max()) + 1
    keys = rows[:, 0].astype(np.int64)
    for column in rows.T[1:]:
        if size * base > np.iinfo(np.int64).max:
            keys = np.unique(keys, return_inverse=True)[1]
            size = int(keys.max()) + 1
        keys = keys * base + column
        size *= base
    return keys


def chain_equal_rows(
    rows: Int[np.ndarray, "rows columns"],
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Pairs of row numbers that chain all equal rows together; those of a chain stand together."""
    keys = row_keys(rows)
    order = np.argsort(keys, kind="stable")
    equal = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    return order[equal], order[equal + 1]


def repeated_rows(rows: Int[np.ndarray, "rows columns"]) -> Bool[np.ndarray, " rows"]:
    """True where an earlier row holds the same indices, in whatever order."""
    first = np.unique(row_keys(np.sort(rows, axis=1)), return_index=True)[1]
    repeated = np.ones(len(rows), bool)
    repeated[first] = False
    return repeated


def tetrahedron_faces(tetrahedra: Int[np.ndarray, "tets 4"]) -> Int[np.ndarray, "faces 3"]:
    """The four faces of each tetrahedron, one tetrahedron after the other."""
    return tetrahedra[:, FACES_OF_TETRAHEDRON].reshape(-1, 3)


def is_folded(tetrahedra: Int[np.ndarray, "tets 4"]) -> bool:
    """Whether two tetrahedra, both of positive volume, lie on the same side of a face."""
    faces = tetrahedron_faces(tetrahedra)
    lowest = faces.argmin(axis=1)[:, None]
    turned = np.take_along_axis(faces, (lowest + np.arange(3)) % 3, axis=1)
    keys = np.sort(row_keys(turned))
    return bool((keys[1:] == keys[:-1]).any())


def boundary_triangles(tetrahedra: Int[np.ndarray, "tets 4"]) -> Int[np.ndarray, "faces 3"]:
    """The faces that belong to one tetrahedron alone, facing outwards."""
    faces = tetrahedron_faces(tetrahedra)
    _, first, count = np.unique(
        row_keys(np.sort(faces, axis=1)), return_index=True, return_counts=True
    )
    return faces[np.sort(first[count == 1])]


def face_neighbours(tetrahedra: Int[np.ndarray, "tets 4"]) -> Int[np.ndarray, "tets 4"]:
    """The tetrahedron across the face opposite each corner; -1 where there is none, or several."""
    order, starts, counts = _groups(np.sort(tetrahedron_faces(tetrahedra), axis=1))
    one = order[starts[counts == 2]]
    other = order[starts[counts == 2] + 1]
    neighbours = np.full(4 * len(tetrahedra), -1, dtype=np.int64)
    neighbours[one] = other // 4
    neighbours[other] = one // 4
    return neighbours.reshape(-1, 4)


def shared_faces(
    tetrahedra: Int[np.ndarray, "tets 4"],
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Pairs of equal rows of `tetrahedron_faces`; a face of three tetrahedra makes two pairs.

    The pairs of one face follow each other and form a chain.
    """
    return chain_equal_rows(np.sort(tetrahedron_faces(tetrahedra), axis=1))


def shared_edges(
    triangles: Int[np.ndarray, "faces 3"],
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Pairs of rows of `triangle_edges` that are equal up to direction, chained likewise."""
    return chain_equal_rows(np.sort(triangle_edges(triangles), axis=1))


def connected_components(tetrahedra: Int[np.ndarray, "tets 4"]) -> Int[np.ndarray, " tets"]:
    """The component of each tetrahedron, linked through shared faces; 0 is the largest."""
    one, other = shared_faces(tetrahedra)
    return label_components(one // 4, other // 4, len(tetrahedra))


def surface_components(triangles: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, " faces"]:
    """The component of each triangle, linked through shared edges; 0 is the largest."""
    one, other = shared_edges(triangles)
    return label_components(one // 3, other // 3, len(triangles))


def triangle_edges(triangles: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, "edges 2"]:
    """The three directed edges of each triangle, one triangle after the other."""
    return triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)


def open_edges(triangles: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, "edges 2"]:
    """The edges of one triangle alone, directed as in it; none on a closed surface."""
    edges = triangle_edges(triangles)
    order, starts, counts = _groups(np.sort(edges, axis=1))
    return edges[np.sort(order[starts[counts == 1]])]


def non_manifold_edges(triangles: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, "edges 2"]:
    """The edges where more than two triangles meet, lower node first."""
    edges = np.sort(triangle_edges(triangles), axis=1)
    order, starts, counts = _groups(edges)
    return edges[order[starts[counts > 2]]]


def non_manifold_nodes(triangles: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, " nodes"]:
    """The nodes that join several fans of triangles which no edge at the node connects."""
    edges = triangle_edges(triangles)
    one, other = shared_edges(triangles)
    # Corners of triangles are the vertices of the graph: corner 3f + i is triangles[f, i], and
    # edge 3f + i runs from it to the next corner of the same triangle.
    following = np.arange(len(edges)) + np.tile([1, 1, -2], len(triangles))
    same_direction = edges[one, 0] == edges[other, 0]
    start = np.where(same_direction, other, following[other])
    end = np.where(same_direction, following[other], other)
    fans = label_components(
        np.concatenate([one, following[one]]), np.concatenate([start, end]), len(edges)
    )
    node_of_fan = np.unique(np.column_stack([fans, triangles.ravel()]), axis=0)[:, 1]
    nodes, count = np.unique(node_of_fan, return_counts=True)
    return nodes[count > 1]


def wrongly_turned_edges(triangles: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, "edges 2"]:
    """The directed edges which two triangles run along the same way: one of the two is flipped."""
    edges = triangle_edges(triangles)
    order, starts, counts = _groups(edges)
    return edges[np.sort(order[starts[counts > 1]])]


def _groups(rows):
    """The order that sorts equal rows together, where each group starts in it, and its length."""
    keys = row_keys(rows)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    return order, starts, np.diff(starts, append=len(order))


def label_components(
    one: Int[np.ndarray, " edges"], other: Int[np.ndarray, " edges"], count: int
) -> Int[np.ndarray, " vertices"]:
    """Connected components of a graph of `count` vertices, numbered from the largest down."""
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(count, count))
    labels = csgraph.connected_components(graph, directed=False)[1]
    by_size = np.argsort(-np.bincount(labels), kind="stable") if count else labels
    rank = np.empty_like(by_size)
    rank[by_size] = np.arange(len(by_size))
    return rank[labels]
