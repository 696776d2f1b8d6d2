"""Slices taken in different breath-holds, moved within their planes until they agree.

Where two slices cross, the contours of one and the same wall cross too. What they miss each other
by, along the line where the planes meet, is the difference of the two slices' shifts. All crossings
together give the shifts by least squares; a prior keeps undetermined ones at zero.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from twin.meshes.cine.slices import EPICARDIUM, LV_ENDOCARDIUM, RV_ENDOCARDIUM, GuidePoints

CONTOUR_NOISE = 1.5
BREATH_HOLD_SHIFT = 3.0
"""Standard deviations, mm, of a drawn contour and of a slice's position."""

NEXT_POINT = 5.0
SAME_CROSSING = 3.0
FARTHEST_PARTNER = 8.0
NEARLY_PARALLEL = 0.3
ROUNDS = 10


def align_slices(guide: GuidePoints) -> GuidePoints:
    """The points with each slice shifted within its plane; the remarks say by how much."""
    numbers = list(guide.planes)
    rows, gaps = _crossings(guide, numbers)
    if len(gaps) == 0:
        return replace(guide, remarks=(*guide.remarks, "no slices cross: none was aligned"))
    directions = np.stack([[guide.planes[n].row, guide.planes[n].column] for n in numbers])
    system = np.einsum("cnd,nkd->cnk", rows, directions).reshape(len(gaps), -1)
    shifts = _solve_robustly(system, gaps)
    rest = gaps - system @ shifts
    moves = np.einsum("nk,nkd->nd", shifts.reshape(-1, 2), directions)
    moved = guide.points + moves[np.searchsorted(numbers, guide.slices)]
    return replace(guide, points=moved, remarks=(*guide.remarks, _remark(moves, gaps, rest)))


def _remark(moves, before, after):
    size, crossings = np.linalg.norm(moves, axis=1), len(before)
    before, after = (np.sqrt((gaps**2).mean()) for gaps in (before, after))
    return (
        f"{len(size)} slices aligned within their planes by up to {size.max():.1f} mm "
        f"({np.sqrt((size**2).mean()):.1f} mm rms); their {crossings} crossings now miss each "
        f"other by {after:.1f} mm rms, {before:.1f} before"
    )


def _solve_robustly(system, gaps):
    """Least squares with a prior, gaps beyond the noise counted linearly (Huber)."""
    prior = (CONTOUR_NOISE / BREATH_HOLD_SHIFT) ** 2 * np.eye(system.shape[1])
    weight = np.ones(len(gaps))
    for _ in range(ROUNDS):
        shifts = np.linalg.solve(
            system.T @ (weight[:, None] * system) + prior, system.T @ (weight * gaps)
        )
        weight = 1 / np.maximum(1, np.abs(gaps - system @ shifts) / CONTOUR_NOISE)
    return shifts


def _crossings(guide, numbers):
    """For each pair of crossing contours a row, which takes the difference of the two slices' moves
    along the line of their planes, and the gap that the difference should close."""
    rows, gaps = [], []
    for one, other in combinations(range(len(numbers)), 2):
        line = np.cross(guide.planes[numbers[one]].normal, guide.planes[numbers[other]].normal)
        if np.linalg.norm(line) < NEARLY_PARALLEL:
            continue
        line /= np.linalg.norm(line)
        for kinds in (LV_ENDOCARDIUM, RV_ENDOCARDIUM, EPICARDIUM):
            for gap in _gaps(guide, kinds, numbers[one], numbers[other]) @ line:
                row = np.zeros((len(numbers), 3))
                row[one], row[other] = line, -line
                rows.append(row)
                gaps.append(gap)
    return np.array(rows), np.array(gaps)


def _gaps(guide, kinds, one, other) -> Float[np.ndarray, "n 3"]:
    """From each place where the contours of slice `one` pass through slice `other` to the place
    where that slice's own contours do."""
    first, second = (guide.points[guide.on(kinds) & (guide.slices == n)] for n in (one, other))
    if len(first) == 0 or len(second) == 0:
        return np.zeros((0, 3))
    through = _pass_through(first, second[0], guide.planes[other].normal)
    back = _pass_through(second, first[0], guide.planes[one].normal)
    if len(through) == 0 or len(back) == 0:
        return np.zeros((0, 3))
    distance, partner = cKDTree(back).query(through)
    near = distance < FARTHEST_PARTNER
    return back[partner[near]] - through[near]


def _pass_through(points, origin, normal):
    """Where a contour given by its points passes through a plane, each place once."""
    height = (points - origin) @ normal
    a, b = cKDTree(points).query_pairs(NEXT_POINT, output_type="ndarray").T
    crossing = (height[a] * height[b] <= 0) & (height[a] != height[b])
    a, b = a[crossing], b[crossing]
    part = height[a] / (height[a] - height[b])
    return _thin(points[a] + part[:, None] * (points[b] - points[a]))


def _thin(places):
    """One place, their mean, for all places near each other."""
    found = []
    while len(places):
        near = np.linalg.norm(places - places[0], axis=1) < SAME_CROSSING
        found.append(places[near].mean(axis=0))
        places = places[~near]
    return np.array(found).reshape(-1, 3)
