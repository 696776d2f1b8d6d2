"""A random infarct that is as large and as deep as was asked, where it was asked."""

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from jaxtyping import Bool, Float
from scipy.sparse.csgraph import dijkstra

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.border_zone import BorderZone
from twin.simulation.infarction.extent import extent_of, touched
from twin.simulation.infarction.places import OVERFLOW, Anywhere, Area, Place, draw_centre
from twin.simulation.infarction.targets import Targets, settle_targets
from twin.simulation.infarction.wall import Wall
from twin.simulation.infarction.wavefront import Roughness, Shape, Solver, spread_from

APART = 30.0
"""mm along the wall between the centres of several infarcts, where there is room for it."""

NEAR_RIGHT = 20.0
"""mm from the right ventricle within which an infarct starts that is to reach it."""

DRAWS, ROUNDS = 20, 8
CLOSE_ENOUGH = 0.003
"""Of what was asked for, at which no further round is needed."""


def sample_infarct(
    heart: Heart,
    seed: int,
    *,
    place: Place | Sequence[Place] = Anywhere(),  # noqa: B008 - it has no state
    mass: float | tuple[float, float] = (0.02, 0.45),
    transmurality: float | tuple[float, float] = (0.25, 1.0),
    right: float = 0.0,
    acute: bool = False,
    roughness: Roughness | None = None,
    border: BorderZone | None = None,
) -> Infarct:
    """The same heart, seed and wishes give the same bits.

    place: where; several places make several infarcts, which share mass and transmurality.
    mass: scar's share of the left ventricle's mass, or a range to draw from.
    transmurality: scar's share of the wall in the columns whose feet are scar, or a range. From a
        range what goes together is drawn (`infarction.targets`); two numbers that do not go
        together are an InputError that says what does.
    right: the share of the right ventricle's mass that the infarct also takes, where it is nearest.
    """
    random = np.random.default_rng([_valid_seed(seed), 5])
    wall = Wall.of(heart)
    places = (place,) if not isinstance(place, Sequence) else tuple(place)
    _check(wall, places, right)
    areas = [each.area(wall, random) for each in places]
    centres, spread = _lay_out(wall, places, areas, right > 0, random)
    shape = Shape.draw(wall, spread, roughness or Roughness(), random)
    allowed = _left_nodes(wall, right > 0)
    left = Solver(wall, shape, allowed, wall.left_corners, wall.left_volumes)
    room = min(left.largest, OVERFLOW * _volume(wall, areas))
    targets = settle_targets(left, room, mass, transmurality, areas, random)
    others = _right_scar(wall, shape, right)
    # Where the right ventricle is reached, what dies there dies with all below it too.
    mortal = allowed | wall.is_right[wall.columns] if right > 0 else allowed
    scar = _solve(wall, left, targets, others, mortal)
    if right > 0:
        allowed = np.ones(len(scar), bool)
    band = (border or BorderZone()).around(scar, wall, allowed, random)
    zones = np.where(scar, Zone.SCAR, np.where(band, Zone.BORDER, Zone.HEALTHY))
    provenance = {
        "origin": "sample",
        "seed": int(seed),
        "heart": heart.content,
        "areas": [area.words for area in areas],
        "centres": [_coordinates(wall, centre) for centre in centres],
        "mass": targets.mass,
        "transmurality": targets.transmurality,
        "right": float(right),
        "version": version("twin"),
    }
    return Infarct(zones, acute, provenance)


def _valid_seed(seed: int) -> int:
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"seed is {seed!r}; expected a whole number, 0 or more")
    return int(seed)


def _check(wall: Wall, places: tuple[Place, ...], right: float) -> None:
    if not places:
        raise InputError("no place for an infarct: give one, or Infarct.none(heart) for a heart")
    if not 0 <= right <= 0.9:
        raise InputError(f"right is {right}; expected a share of the right ventricle, 0 to 0.9")
    if right > 0 and not wall.is_right.any():
        raise InputError("this heart has no right ventricle for the infarct to reach (right=0)")


def _lay_out(
    wall: Wall,
    places: tuple[Place, ...],
    areas: list[Area],
    reach_right: bool,
    random: np.random.Generator,
) -> tuple[list[int], Float[np.ndarray, " columns"]]:
    """The centres, apart from each other, and how far each column is from them."""
    near = _near_right(wall) if reach_right else np.ones(len(wall.feet), bool)
    centres: list[int] = []
    for place, area in zip(places, areas, strict=True):
        for _ in range(DRAWS):
            centre = draw_centre(place, area, wall, random)
            if near[centre] and _apart(wall, centre, centres):
                break
        centres.append(centre)
    sizes = [1.0, *random.uniform(0.5, 1.0, len(places) - 1).tolist()]
    return centres, spread_from(wall, centres, sizes, areas, reach_right)


def _apart(wall: Wall, centre: int, others: list[int]) -> bool:
    ways = wall.middles[others] - wall.middles[centre]
    return bool((np.linalg.norm(ways, axis=1) > APART).all())


def _near_right(wall: Wall) -> Bool[np.ndarray, " columns"]:
    """The left ventricle's columns beside the right one's free wall."""
    starts = np.flatnonzero(wall.is_right)
    distance = dijkstra(wall.column_ways, indices=starts, min_only=True, limit=NEAR_RIGHT)
    return np.isfinite(distance)


def _left_nodes(wall: Wall, reach_right: bool) -> Bool[np.ndarray, " points"]:
    """Nodes that may become scar: next to the right ventricle only where that is to be reached."""
    left = ~wall.is_right[wall.columns]
    return left if reach_right else left & wall.within_left


def _volume(wall: Wall, areas: list[Area]) -> float:
    together = np.any([area.columns for area in areas], axis=0)
    return float(wall.column_volumes[together].sum())


def _right_scar(wall: Wall, shape: Shape, share: float) -> Bool[np.ndarray, " points"]:
    """The part of the right ventricle's wall nearest to the infarct, through all of its depth."""
    nodes = wall.is_right[wall.columns]
    if share == 0:
        return np.zeros(len(nodes), bool)
    own = wall.right_tetrahedra
    solver = Solver(wall, shape, nodes, wall.corners[:, own], wall.volumes[own])
    return solver.scar(solver.limit(share * wall.right_volume), np.inf)


def _solve(
    wall: Wall,
    left: Solver,
    targets: Targets,
    others: Bool[np.ndarray, " points"],
    allowed: Bool[np.ndarray, " points"],
) -> Bool[np.ndarray, " points"]:
    """Scar of the mass and transmurality that were asked for.

    Elements belong to it by one corner, and what it encloses dies too: so volumes are corrected by
    what came of them, a secant through the origin. What is found enclosed stays dead from then on:
    else it would come and go with every correction.
    """
    wanted = targets.mass * wall.left_volume
    volume, footprint = wanted, wanted / targets.transmurality
    for _ in range(ROUNDS):
        footprint = min(footprint, left.largest)
        scar, dead = _rounded_off(others | left.scar(left.limit(footprint), volume), wall, allowed)
        found = extent_of(scar, wall, dead)
        if not (found.left and found.transmurality):
            raise InputError(
                f"no infarct of {targets.mass:.1%} of the left ventricle's mass fits here: on so "
                "coarse a mesh it has no element; use a finer mesh, or ask for more"
            )
        by_mass = found.left / wanted
        by_depth = found.transmurality / targets.transmurality
        if max(abs(by_mass - 1), abs(by_depth - 1)) < CLOSE_ENOUGH:
            enclosed = wall.graph.cut_off(scar, dead)
            if not enclosed.any():
                return scar
            others = others | _down_to_feet(enclosed, wall, allowed)
        volume /= by_mass
        footprint *= by_depth / by_mass
    while (enclosed := wall.graph.cut_off(scar, dead)).any():
        filled = scar | _down_to_feet(enclosed, wall, allowed)
        scar, dead = _rounded_off(filled, wall, allowed)
    return scar


def _rounded_off(
    scar: Bool[np.ndarray, " points"], wall: Wall, allowed: Bool[np.ndarray, " points"]
) -> tuple[Bool[np.ndarray, " points"], Bool[np.ndarray, " tets"]]:
    """With the nodes that have no living element left, and scar's elements."""
    while True:
        dead = touched(wall, scar)
        whole = scar | wall.without(dead)
        scar = whole | _down_to_feet(whole & ~scar, wall, allowed)
        # A bare node adds no element to the dead ones; what lies below it may.
        if (scar == whole).all():
            return scar, dead


def _down_to_feet(
    nodes: Bool[np.ndarray, " points"], wall: Wall, allowed: Bool[np.ndarray, " points"]
) -> Bool[np.ndarray, " points"]:
    """The nodes with all that lies below them in their columns: nothing dies above what lives."""
    if not nodes.any():
        return nodes
    highest = np.full(len(wall.feet), -1.0)
    np.maximum.at(highest, wall.columns[nodes], wall.depth[nodes])
    return nodes | (allowed & (wall.depth <= highest[wall.columns]))


def _coordinates(wall: Wall, column: int) -> dict[str, float]:
    c, foot = wall.heart.coordinates, wall.feet[column]
    return {
        "apicobasal": round(float(c.apicobasal[foot]), 4),
        "rotational": round(float(c.rotational[foot]), 4),
    }
