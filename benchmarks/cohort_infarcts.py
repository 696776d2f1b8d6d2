"""Sampled infarcts against what was asked of them: mass, transmurality, side, layer, and time.

The samples are those of protocol H, half of them anywhere in the left ventricle and half in the
territory of an artery.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.meshes.anatomy.population import sample_heart
from twin.meshes.heart import Heart
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.extent import extent_of
from twin.simulation.infarction.places import Anywhere, Artery, Place, Territory
from twin.simulation.infarction.wall import Wall

HEARTS, QUICK_HEARTS = 10, 1
SAMPLES, QUICK_SAMPLES = 1000, 20
NODES = 60_000
MASS, TRANSMURALITY = (0.02, 0.45), (0.25, 1.0)
TWO, RIGHT, RIGHT_MASS = 0.2, 0.08, 0.15
OBLIQUE = 0.02


@dataclass(frozen=True)
class Sampled:
    """What one infarct came to. Errors are shares of the left ventricle's mass and of the wall."""

    artery: Artery | None
    mass_error: float
    transmurality_error: float
    endocardium_first: bool
    segments_first: bool
    wrong_side: bool
    milliseconds: float
    segments: Mapping[int, float]


def figures(quick: bool) -> Iterator[Figure]:
    hearts = QUICK_HEARTS if quick else HEARTS
    each = (QUICK_SAMPLES if quick else SAMPLES) // hearts
    found = [one for seed in range(hearts) for one in sample_in(sampled_heart(seed), each, seed)]
    how = f"{len(found)} infarcts in {hearts} hearts of {NODES:,} nodes"
    mass = max(one.mass_error for one in found)
    depth = max(one.transmurality_error for one in found)
    yield at_most("infarct_mass_error", mass, 0.02, "", f"{how}; worst, of the LV's mass")
    yield at_most("infarct_transmurality_error", depth, 0.05, "", f"{how}; worst")
    first = float(np.mean([one.endocardium_first for one in found]))
    yield at_least(
        "endocardium_first_share", first, 0.99, "", f"{how}; in every column of the wall"
    )
    segments = float(np.mean([one.segments_first for one in found]))
    said = (
        f"{how}; in every AHA segment, which columns cross a little obliquely, to 2 % of its mass"
    )
    yield report("endocardium_first_in_segments_share", segments, "", said)
    wrong = sum(one.wrong_side for one in found)
    yield at_most("infarct_wrong_side", wrong, 0, "", f"{how}; right ventricle where not asked")
    cost = float(np.mean([one.milliseconds for one in found]))
    yield at_most("infarct_ms", cost, 80, "ms", f"{how}; mean processor time of a sample")
    for artery in Artery:
        own = [one for one in found if one.artery is artery]
        inside = within_territory(own, artery)
        name = f"infarct_in_{artery.name.lower()}_segments_share"
        yield report(name, inside, "", f"{len(own)} of its infarcts; scar in Cerqueira's segments")


def sampled_heart(seed: int) -> Heart:
    return sample_heart(seed, nodes=NODES)


def sample_in(heart: Heart, count: int, heart_seed: int) -> Iterator[Sampled]:
    wall = Wall.of(heart)
    Infarct.sample(heart, 0).describe(heart)
    for number in range(count):
        random = np.random.default_rng([heart_seed, number, 7])
        artery = list(Artery)[random.integers(3)] if random.uniform() < 0.5 else None
        place: Place = Anywhere() if artery is None else Territory(artery)
        places = (place, Anywhere())[: 1 + (random.uniform() < TWO)]
        right = RIGHT_MASS if random.uniform() < RIGHT else 0.0
        seed = int(random.integers(2**31))
        started = time.process_time()
        infarct = Infarct.sample(
            heart, seed, place=places, mass=MASS, transmurality=TRANSMURALITY, right=right
        )
        spent = 1000 * (time.process_time() - started)
        yield _judge(infarct, heart, wall, artery if len(places) == 1 else None, spent)


def _judge(
    infarct: Infarct, heart: Heart, wall: Wall, artery: Artery | None, spent: float
) -> Sampled:
    asked, scar = infarct.provenance, infarct.zones == Zone.SCAR
    extent = extent_of(scar, wall)
    ill = infarct.elements(heart) != Zone.HEALTHY
    return Sampled(
        artery=artery,
        mass_error=abs(extent.left / wall.left_volume - float(str(asked["mass"]))),
        transmurality_error=abs(extent.transmurality - float(str(asked["transmurality"]))),
        endocardium_first=_columns_keep(scar, wall),
        segments_first=_segments_keep(infarct, heart, wall),
        wrong_side=bool(asked["right"] == 0 and ill[wall.right_tetrahedra].any()),
        milliseconds=spent,
        segments=infarct.describe(heart).segments_scar,
    )


def _segments_keep(infarct: Infarct, heart: Heart, wall: Wall) -> bool:
    """In no AHA segment is more of the outer half of the wall scar than of the inner half, but for
    what columns carry across its border."""
    dead = infarct.elements(heart) == Zone.SCAR
    outer = wall.depth[heart.tetrahedra].mean(axis=1) >= 0.5
    shares = [
        np.bincount(wall.segments[half & dead], wall.volumes[half & dead], 18)[1:]
        / np.bincount(wall.segments[half], wall.volumes[half], 18)[1:]
        for half in (~outer, outer)
    ]
    return bool((shares[0] >= shares[1] - OBLIQUE).all())


def _columns_keep(scar: Bool[np.ndarray, " points"], wall: Wall) -> bool:
    """In no column is more of the outer half dead than of the inner one, by volume at nodes."""
    outer = wall.depth >= 0.5
    inner_share, outer_share = (_column_shares(scar, half, wall) for half in (~outer, outer))
    return bool((inner_share >= outer_share).all())


def _column_shares(scar, half, wall: Wall) -> Float[np.ndarray, " columns"]:
    volumes = np.bincount(wall.corners.ravel(), np.tile(wall.volumes / 4, 4), len(half))
    size = len(wall.feet)
    all_of_it = np.bincount(wall.columns[half], volumes[half], size)
    dead = np.bincount(wall.columns[half & scar], volumes[half & scar], size)
    return np.divide(dead, all_of_it, out=np.zeros(size), where=all_of_it > 0)


def within_territory(found: list[Sampled], artery: Artery) -> float:
    """Of the scar in segments, each segment counted alike."""
    inside = sum(one.segments[number] for one in found for number in artery.value)
    total = sum(sum(one.segments.values()) for one in found)
    return inside / total if total else float("nan")
