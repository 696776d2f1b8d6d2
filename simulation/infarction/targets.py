"""How large and how deep an infarct is to be: what goes together, and how to draw that.

An infarct of a mass m (share of the left ventricle) and a transmurality t stands on a footprint
of m / t of the left ventricle's wall, which must fit into the place. So not every pair is possible:
45 % of the mass at 25 % transmurality would need 180 % of the wall.
"""

from dataclasses import dataclass

import numpy as np

from twin.meshes.errors import InputError
from twin.simulation.infarction.places import Area
from twin.simulation.infarction.wavefront import Solver

Wish = float | tuple[float, float]

FULLEST = 0.97
"""Of the room that a footprint may take where targets are drawn: edges vary."""


@dataclass(frozen=True)
class Targets:
    """Shares: of the left ventricle's mass, and of the footprint's wall."""

    mass: float
    transmurality: float


def settle_targets(
    solver: Solver,
    room: float,
    mass: Wish,
    transmurality: Wish,
    areas: list[Area],
    random: np.random.Generator,
) -> Targets:
    """Numbers as they are, where they go together; from ranges what does.

    The mass is drawn first, evenly from what the place can hold at the greatest transmurality, and
    then the transmurality, evenly from what fits that mass and what the mesh can show.
    """
    low, high = _range("mass", mass)
    shallow, deep = _range("transmurality", transmurality)
    share = room / solver.wall.left_volume
    where = " and ".join(dict.fromkeys(area.words for area in areas))
    if low > share * deep:
        raise InputError(
            f"scar of {low:.1%} of the left ventricle's mass at a transmurality of {deep:.0%} "
            f"needs {low / deep:.0%} of its wall, but {where} has {share:.0%}: ask for at most "
            f"{share * deep:.1%} of the mass" + _deeper(low, share, deep)
        )
    drawn_mass = low + (min(high, max(low, FULLEST * share * deep)) - low) * random.uniform()
    needed = drawn_mass / share
    least = max(shallow, min(needed / FULLEST, deep) if shallow < deep else shallow)
    drawn_depth = least + (deep - least) * random.uniform()
    finest = _finest(solver, drawn_mass * solver.wall.left_volume, drawn_depth)
    if drawn_depth < finest:
        if deep < finest:
            raise InputError(
                f"a transmurality of {deep:.0%} is less than one element of this mesh, which shows "
                f"{finest:.0%} or more there; ask for that, or take a finer mesh"
            )
        drawn_depth = finest + (deep - finest) * random.uniform()
    return Targets(drawn_mass, drawn_depth)


def _range(name: str, wish: Wish) -> tuple[float, float]:
    low, high = wish if isinstance(wish, tuple | list) else (wish, wish)
    if not 0 < low <= high <= 1:
        raise InputError(f"{name} {wish}: expected a share above 0 and at most 1, or (low, high)")
    return float(low), float(high)


def _deeper(mass: float, share: float, deep: float) -> str:
    """What else is possible."""
    return f", or for a transmurality of at least {mass / share:.0%}" if mass < share else ""


def _finest(solver: Solver, volume: float, transmurality: float) -> float:
    """The least transmurality that the mesh shows on the footprint of such an infarct."""
    limit = solver.limit(min(volume / transmurality, solver.largest))
    footprint = solver.footprint_volume(limit)
    return solver.thinnest(limit) / footprint if footprint else 0.0
