"""Regions of a left atrium that came without labels, found from its rims and its shape.

The longest rim is the mitral ring. Veins are left or right and superior or inferior by where their
rims lie in the body (LPS). A sleeve reaches from its rim to where the curve at a constant distance
grows much longer than the rim: the ostium. So does the appendage, from its tip.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from twin.meshes.atria.anatomy import VESTIBULE
from twin.meshes.atria.openings import circumference
from twin.meshes.atria.regions import LEFT_VEINS, RIGHT_VEINS, Region
from twin.meshes.errors import InputError
from twin.meshes.meshing.sheet import rims
from twin.meshes.topology import triangle_edges

GROWTH = 1.35
"""Of the curve at a distance from a rim, over the rim's length: there the vein ends."""
LONGEST_SLEEVE = 18.0
"""mm"""
LEVEL = 0.75
"""mm between the curves that are measured."""
APPENDAGE_JUMP = 1.45
"""Of a curve around the appendage's tip over the one `APPENDAGE_STEP` mm nearer to it."""
APPENDAGE_STEP, SHORTEST_APPENDAGE, LONGEST_APPENDAGE = 4.5, 12.0, 42.0


class Surroundings:
    """Distances over a surface, along its edges, and the length of the curves at a distance."""

    def __init__(
        self, points: Float[np.ndarray, "points 3"], triangles: Int[np.ndarray, "tris 3"]
    ) -> None:
        self.points, self.triangles = points, triangles
        edges = np.unique(np.sort(triangle_edges(triangles), axis=1), axis=0)
        length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
        size = len(points)
        self.graph = sparse.csr_array((length, tuple(edges.T)), shape=(size, size))

    def distance(self, nodes: Int[np.ndarray, " nodes"]) -> Float[np.ndarray, " points"]:
        return sparse.csgraph.dijkstra(self.graph, directed=False, indices=nodes, min_only=True)

    def curve_lengths(
        self, distance: Float[np.ndarray, " points"], levels: Float[np.ndarray, " levels"]
    ) -> Float[np.ndarray, " levels"]:
        """Length of the curve at each distance, mm."""
        return np.array([self._curve_length(distance - level) for level in levels])

    def _curve_length(self, values: np.ndarray) -> float:
        own = values[self.triangles]
        crossed = (own.min(axis=1) < 0) & (own.max(axis=1) >= 0)
        own, corners = own[crossed], self.points[self.triangles[crossed]]
        # The corner that lies alone on its side: the curve crosses both of its edges.
        below = own < 0
        alone = np.where(below.sum(axis=1) == 1, below.argmax(axis=1), (~below).argmax(axis=1))
        rows = np.arange(len(own))
        ends = []
        for step in (1, 2):
            other = (alone + step) % 3
            a, b = own[rows, alone], own[rows, other]
            share = (a / (a - b))[:, None]
            ends.append(corners[rows, alone] * (1 - share) + corners[rows, other] * share)
        return float(np.linalg.norm(ends[0] - ends[1], axis=1).sum())


def find_regions(
    points: Float[np.ndarray, "points 3"], triangles: Int[np.ndarray, "tris 3"]
) -> Int[np.ndarray, " tris"]:
    """The `Region` of each triangle of a left atrium in mm and LPS."""
    ring, veins = name_rims(points, triangles)
    around = Surroundings(points, triangles)
    found = np.full(len(points), Region.BODY, np.int8)
    nearest = np.full(len(points), np.inf)
    for region, loop in veins.items():
        distance = around.distance(loop)
        ours = (distance <= _sleeve(around, distance, points[loop])) & (distance < nearest)
        found[ours], nearest[ours] = region, distance[ours]
    found[_appendage(around, ring, found)] = Region.APPENDAGE
    close = (around.distance(ring) <= VESTIBULE) & (found == Region.BODY)
    found[close] = Region.MITRAL_VESTIBULE
    return labels_of_triangles(found, triangles, veins | {Region.MITRAL_VESTIBULE: ring})


def labels_of_triangles(nodal, triangles, openings) -> Int[np.ndarray, " tris"]:
    """What most corners of a triangle are; along a rim what the rim is."""
    corners = np.sort(nodal[triangles], axis=1)
    # Of three sorted numbers the middle one is that of the majority, if there is one.
    regions = corners[:, 1].copy()
    for region, loop in openings.items():
        regions[np.isin(triangles, loop).sum(axis=1) >= 2] = region
    return regions


def name_rims(
    points: Float[np.ndarray, "points 3"], triangles: Int[np.ndarray, "tris 3"]
) -> tuple[Int[np.ndarray, " nodes"], dict[Region, Int[np.ndarray, " nodes"]]]:
    """The mitral ring, and the rim of each vein."""
    loops = sorted(rims(triangles), key=lambda loop: circumference(points[loop]), reverse=True)
    if len(loops) < 5 or len(loops) > 6:
        lengths = ", ".join(f"{circumference(points[loop]):.0f}" for loop in loops)
        raise InputError(
            f"it has {len(loops)} openings ({lengths or 'none'} mm long); expected the mitral "
            "ring and four or five veins, each cut open by itself, and the appendage closed: "
            "cut or close them, or give labels"
        )
    ring, veins = loops[0], loops[1:]
    places = np.array([points[loop].mean(axis=0) for loop in veins])
    middle = (places[:, 0].min() + places[:, 0].max()) / 2
    named: dict[Region, Int[np.ndarray, " nodes"]] = {}
    for chosen, names in (
        (places[:, 0] > middle, LEFT_VEINS),
        (places[:, 0] <= middle, (RIGHT_VEINS[0], RIGHT_VEINS[2], RIGHT_VEINS[1])),
    ):
        side = np.flatnonzero(chosen)
        if len(side) == 2:
            names = (names[0], names[-1])
        if len(side) != len(names):
            raise InputError(
                f"{len(side)} of its {len(veins)} veins open to one side; expected two on the left "
                "and two or three on the right: are its axes LPS? Else say so, or give labels"
            )
        highest_first = side[np.argsort(-places[side, 2])]
        named |= {name: veins[k] for name, k in zip(names, highest_first, strict=True)}
    return ring, named


def _sleeve(around: Surroundings, distance, loop) -> float:
    """How far from its rim a vein reaches, mm."""
    levels = np.arange(LEVEL, LONGEST_SLEEVE, LEVEL)
    lengths = around.curve_lengths(distance, levels)
    wide = lengths > GROWTH * circumference(loop)
    return float(levels[np.argmax(wide)]) if wide.any() else LONGEST_SLEEVE


def _appendage(around: Surroundings, ring, found) -> Int[np.ndarray, " nodes"]:
    """Nodes from the farthest point, left and in front, to where its neck meets the body."""
    points = around.points
    middle = points[found == Region.BODY].mean(axis=0)
    away = points - middle
    candidates = (found == Region.BODY) & (away[:, 0] > 0) & (away[:, 1] < 0)
    if not candidates.any():
        raise InputError("nothing of it lies left and in front; are its axes LPS?")
    # The ring is as far in front; what is near it is not the tip.
    score = np.where(candidates, np.minimum(around.distance(ring), np.linalg.norm(away, axis=1)), 0)
    distance = around.distance(np.array([score.argmax()]))
    levels = np.arange(LEVEL, LONGEST_APPENDAGE, LEVEL)
    lengths = around.curve_lengths(distance, levels)
    step = round(APPENDAGE_STEP / LEVEL)
    jump = np.zeros(len(levels), bool)
    jump[step:] = lengths[step:] > APPENDAGE_JUMP * lengths[:-step]
    jump &= levels > SHORTEST_APPENDAGE
    reach = levels[np.argmax(jump)] - APPENDAGE_STEP / 2 if jump.any() else LONGEST_APPENDAGE
    return np.flatnonzero((distance <= reach) & (found == Region.BODY))
