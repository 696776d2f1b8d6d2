"""The same places in every heart: a fixed lattice in a heart's own coordinates.

What a network learns of one heart it says of another in these terms. The left ventricle has LEFT
places (apicobasal, around, deep), the right one RIGHT; each place holds for the part of the wall
nearest to it. A mesh of any density is carried to the lattice and back.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.spatial import cKDTree

from twin.meshes.fields.segments import aha_segments
from twin.meshes.heart import Coordinates, Heart

LEFT = (12, 24, 4)
RIGHT = (6, 8, 2)
RIGHT_START = 2 / 3
"""Rotational coordinate of the right ventricle's anterior border; the inferior one is at 1."""

PLACES = LEFT[0] * LEFT[1] * LEFT[2] + RIGHT[0] * RIGHT[1] * RIGHT[2]

LENGTHS = (80.0, 30.0, 10.0)
"""mm: from apex to base, radius, wall; how far coordinates are apart where a mesh is too coarse."""


def lattice_coordinates() -> Coordinates:
    """Of all places, the left ventricle's first."""
    parts = [_middles(LEFT, 0.0, 0), _middles(RIGHT, RIGHT_START, 1)]
    fields = [np.concatenate(field) for field in zip(*parts, strict=True)]
    return Coordinates(*fields)


def lattice_edges() -> Int[np.ndarray, "2 edges"]:
    """Neighbours along each coordinate, in both directions; around the left ventricle without a
    seam, and between the ventricles where the right one is attached."""
    left = np.arange(np.prod(LEFT)).reshape(LEFT)
    right = len(left.ravel()) + np.arange(np.prod(RIGHT)).reshape(RIGHT)
    pairs = [_pairs(left[:-1], left[1:]), _pairs(left, np.roll(left, -1, axis=1))]
    pairs += [_pairs(left[:, :, :-1], left[:, :, 1:]), _pairs(right[:-1], right[1:])]
    pairs += [_pairs(right[:, :-1], right[:, 1:]), _pairs(right[:, :, :-1], right[:, :, 1:])]
    pairs += [_pairs(right[:, end, -1], _attached(left, end)) for end in (0, -1)]
    both = np.concatenate(pairs, axis=1)
    return np.concatenate([both, both[::-1]], axis=1)


def _middles(shape: tuple[int, int, int], start: float, ventricle: int):
    steps = [(np.arange(n) + 0.5) / n for n in shape]
    steps[1] = start + (1 - start) * steps[1]
    height, around, depth = (grid.ravel() for grid in np.meshgrid(*steps, indexing="ij"))
    return height, depth, around, np.full(len(height), ventricle, np.int8)


def _pairs(one: np.ndarray, other: np.ndarray) -> Int[np.ndarray, "2 pairs"]:
    return np.stack([one.ravel(), other.ravel()])


def _attached(left: np.ndarray, end: int) -> Int[np.ndarray, " heights"]:
    """Outermost places of the left ventricle where the right one begins or ends."""
    around = round(RIGHT_START * LEFT[1]) if end == 0 else LEFT[1] - 1
    heights = (np.arange(RIGHT[0]) * LEFT[0]) // RIGHT[0]
    return left[heights, around, -1]


@dataclass(frozen=True, eq=False)
class Placement:
    """The lattice in one heart.

    Field values at nodes are `weights` (eight each, adding to 1) of those at the places `places`.
    `points` (mm) and `masses` (mm3) are those of places; a heart without a right ventricle has no
    mass there.
    """

    places: Int[np.ndarray, "nodes 8"]
    weights: Float[np.ndarray, "nodes 8"]
    points: Float[np.ndarray, "places 3"]
    masses: Float[np.ndarray, " places"]
    nearest: Int[np.ndarray, " places"]
    gathering: sparse.csr_array

    @staticmethod
    def of(heart: Heart) -> "Placement":
        places, weights = node_weights(heart.coordinates)
        node_masses = masses_of(heart)
        rows = np.repeat(np.arange(len(places)), 8)
        shares = (weights * node_masses[:, None]).ravel()
        spread = sparse.csr_array((shares, (places.ravel(), rows)), shape=(PLACES, len(places)))
        there = np.unique(heart.coordinates.ventricle)
        masses = np.asarray(spread.sum(axis=1)).ravel()
        masses[~np.isin(lattice_coordinates().ventricle, there)] = 0.0
        nearest = _nearest_nodes(heart)
        own = sparse.diags_array(1 / np.where(masses > 0, masses, 1)) @ spread
        alone = np.flatnonzero(masses == 0)
        lone = sparse.csr_array((np.ones(len(alone)), (alone, nearest[alone])), shape=spread.shape)
        gathering = sparse.csr_array(own + lone)
        return Placement(places, weights, gathering @ heart.points, masses, nearest, gathering)

    def gather(self, field: Float[np.ndarray, "nodes ..."]) -> Float[np.ndarray, "places ..."]:
        """From nodes to places: the mean around each."""
        flat = field.reshape(len(field), -1)
        return (self.gathering @ flat).reshape(PLACES, *field.shape[1:])

    def spread(self, field: Float[np.ndarray, "places ..."]) -> Float[np.ndarray, "nodes ..."]:
        """From places to nodes, linear between them."""
        return np.einsum("nk,nk...->n...", self.weights, field[self.places])

    @property
    def present(self) -> Bool[np.ndarray, " places"]:
        """Places of a ventricle that the heart has."""
        return self.masses > 0


def masses_of(heart: Heart) -> Float[np.ndarray, " points"]:
    """Of each node: a quarter of the tetrahedra around it, mm3."""
    quarters = np.repeat(heart.element_volumes / 4, 4)
    return np.bincount(heart.tetrahedra.ravel(), quarters, len(heart.points))


def node_weights(coordinates: Coordinates):
    """The eight places around each node and their shares."""
    left = _trilinear(coordinates, LEFT, 0.0, wraps=True)
    right = _trilinear(coordinates, RIGHT, RIGHT_START, wraps=False)
    is_right = (coordinates.ventricle == 1)[:, None]
    places = np.where(is_right, right[0] + int(np.prod(LEFT)), left[0])
    return places.astype(np.int32), np.where(is_right, right[1], left[1]).astype(np.float32)


def _trilinear(coordinates: Coordinates, shape, start: float, wraps: bool):
    around = (coordinates.rotational - start) / (1 - start)
    along = []
    for count, value, turns in zip(
        shape,
        (coordinates.apicobasal, around, coordinates.transmural),
        (False, wraps, False),
        strict=True,
    ):
        place = value * count - 0.5
        low = np.floor(place).astype(int)
        share = place - low
        pair = np.stack([low, low + 1], axis=1)
        pair = pair % count if turns else np.clip(pair, 0, count - 1)
        along.append((pair, np.stack([1 - share, share], axis=1)))
    (i, a), (j, b), (k, c) = along
    number = (i[:, :, None, None] * shape[1] + j[:, None, :, None]) * shape[2] + k[:, None, None, :]
    weight = a[:, :, None, None] * b[:, None, :, None] * c[:, None, None, :]
    return number.reshape(-1, 8), weight.reshape(-1, 8)


def _embedded(coordinates: Coordinates) -> Float[np.ndarray, "points 4"]:
    """As places in a space where distances are about those in a heart, mm."""
    long, radius, wall = LENGTHS
    return np.stack(
        [
            long * coordinates.apicobasal,
            radius * coordinates.rotational_sine,
            radius * coordinates.rotational_cosine,
            wall * coordinates.transmural + 1000.0 * coordinates.ventricle,
        ],
        axis=1,
    )


def _nearest_nodes(heart: Heart) -> Int[np.ndarray, " places"]:
    return cKDTree(_embedded(heart.coordinates)).query(_embedded(lattice_coordinates()))[1]


def lattice_segments() -> Int[np.ndarray, " places"]:
    """AHA segment of each place; 0 in the right ventricle."""
    return aha_segments(lattice_coordinates())


class _Lattice:
    """What never changes, computed once."""

    @cached_property
    def coordinates(self) -> Coordinates:
        return lattice_coordinates()

    @cached_property
    def edges(self) -> Int[np.ndarray, "2 edges"]:
        return lattice_edges()

    @cached_property
    def segments(self) -> Int[np.ndarray, " places"]:
        return lattice_segments()

    @cached_property
    def left(self) -> Bool[np.ndarray, " places"]:
        return self.coordinates.ventricle == 0


LATTICE = _Lattice()
