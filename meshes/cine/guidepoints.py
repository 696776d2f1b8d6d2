"""Cine-MRI guide points to the wall of a heart.

Three smooth surfaces are laid through the contours: the left endocardium, the right one, and the
heart's outline. Each is the zero of the function that takes the contour points as 0 and points a
little to either side as their distance, with the least third derivatives (a triharmonic radial
basis, Carr et al. 2001), smoothed by the noise of hand-drawn contours.

The endocardia run on as tubes through the valve rings, the outline closes over the valves, and
the base cuts it flat around each ring.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from twin.meshes.cine.alignment import align_slices
from twin.meshes.cine.annuli import Annulus, find_annulus
from twin.meshes.cine.contours import outward_normals
from twin.meshes.cine.slices import (
    EPICARDIUM,
    LV_ENDOCARDIUM,
    RV_ENDOCARDIUM,
    VALVES,
    GuidePoints,
)
from twin.meshes.errors import InputError
from twin.meshes.meshing.wall import Field, Grid, Wall, as_distance, smooth_union
from twin.meshes.progress import Progress, silent

RIGHT_WALL = 3.0
"""mm; where the right epicardium was not drawn (Prakash 1978; Matsukubo 1977)."""

THINNEST_LEFT_WALL = 4.0
THINNEST_RIGHT_WALL = 2.5
STEP_OFF = 4.0
SMOOTHING = 3000.0
"""Weight of smoothness against the points, mm3; larger is smoother."""

GUESSED = 0.3
"""Weight of what the ring of a valve was completed to, against 1 for a point that was drawn."""

TUBE_HEIGHTS = (0.0, 4.0, 8.0, 12.0, 16.0)
CEILING_HEIGHT = 6.0
CEILING_WIDTHS = (8.0, 16.0)
RIM = 2.0
"""mm of wall around a valve's ring."""

CUT_DEPTH = 3.0
"""mm below a valve's ring down to which the outer surface around it counts as base."""

CUT_REACH = 4.0
TUBE_REACH = 8.0
"""mm outside a valve's ring up to which the base is cut flat, and no wall is put around a tube."""

FARTHER = 2.0
"""mm from a contour beyond which the points of other walls tell inside from outside."""

SURROUNDINGS = 25.0
GRID_STEP = 2.0
COARSER = 2
"""The basis functions, dear to evaluate, are summed on a grid so many times coarser."""

MARGIN = 12.0
CREASE = 2.0
ROUNDING = 1.0
"""Grid steps over which the creases of the outer surface are rounded."""

FEWEST_CONTOUR_POINTS = 30


@dataclass(frozen=True, eq=False)
class Constraints:
    """Places where a surface's function is known, mm; `weight` says how well."""

    points: Float[np.ndarray, "n 3"]
    values: Float[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]

    @classmethod
    def of(
        cls, points: Float[np.ndarray, "n 3"], value: float, weight: float = 1.0
    ) -> "Constraints":
        return cls(points, np.full(len(points), value), np.full(len(points), weight))

    def __add__(self, other: "Constraints") -> "Constraints":
        return Constraints(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.values, other.values]),
            np.concatenate([self.weight, other.weight]),
        )

    def keep(self, chosen) -> "Constraints":
        return Constraints(self.points[chosen], self.values[chosen], self.weight[chosen])


def reconstruct(guide: GuidePoints, *, align: bool = True, progress: Progress = silent) -> Wall:
    """The wall that guide points describe; `align` moves slices within their planes first."""
    _require(guide)
    progress("align", 0.0)
    guide = align_slices(guide) if align else guide
    annuli = _annuli(guide)
    grid = _grid(guide)
    progress("surfaces", 0.1)
    left = _sample(grid, _cavity(guide, LV_ENDOCARDIUM, _left(annuli)))
    right = None
    if guide.has(*RV_ENDOCARDIUM):
        progress("surfaces", 0.4)
        right = _sample(grid, _cavity(guide, RV_ENDOCARDIUM, _right(annuli)))
        right = np.maximum(right, THINNEST_LEFT_WALL - left)
    progress("surfaces", 0.7)
    outer = _sample(grid, _outline(guide, annuli))
    tubes = _base(grid.points, annuli, TUBE_REACH).reshape(grid.shape)
    outer = _leave_wall(outer, left, right, tubes, guide)
    base = _base(grid.points, annuli, CUT_REACH).reshape(grid.shape)
    progress("surfaces", 1.0)
    return Wall(
        Field(grid, outer),
        Field(grid, left),
        None if right is None else Field(grid, right),
        Field(grid, base),
        rim=CUT_DEPTH,
        remarks=(*guide.remarks, *_remarks(guide, annuli)),
    )


def _require(guide):
    """What no heart can be made without."""
    for kinds in (LV_ENDOCARDIUM, ("LV_EPICARDIAL",), ("MITRAL_VALVE",)):
        need = 2 if kinds == ("MITRAL_VALVE",) else FEWEST_CONTOUR_POINTS
        _require_points(guide, kinds, need)
    if guide.has(*RV_ENDOCARDIUM):
        _require_points(guide, ("RV_FREEWALL",), FEWEST_CONTOUR_POINTS)
        _require_points(guide, ("RV_SEPTUM",), FEWEST_CONTOUR_POINTS)
        _require_points(guide, ("TRICUSPID_VALVE",), 2)


def _require_points(guide, kinds, need):
    found = int(guide.on(kinds).sum())
    if found < need:
        raise InputError(
            f"guide points: {found} points of {' and '.join(kinds)}, expected at least {need}; "
            f"the file has {', '.join(sorted(set(guide.kind.tolist())))}"
        )


def _remarks(guide, annuli):
    """What had to be assumed."""
    missing = [name for name in VALVES if name not in annuli]
    if missing and guide.has(*RV_ENDOCARDIUM):
        yield f"no ring for {', '.join(missing)}: the wall is closed there"
    if guide.has(*RV_ENDOCARDIUM) and not guide.has("RV_EPICARDIAL"):
        yield f"no RV_EPICARDIAL points: the right wall is taken as {RIGHT_WALL:g} mm"
    if not guide.has(*RV_ENDOCARDIUM):
        yield "no right ventricle in the guide points: a left ventricle alone"


def _long_axis(guide):
    """Unit direction from the apex to the mitral valve."""
    mitral = guide.of("MITRAL_VALVE").mean(axis=0)
    wall = guide.of(*EPICARDIUM)
    apex = guide.of("APEX_POINT")
    far = wall[np.linalg.norm(wall - mitral, axis=1).argmax()]
    axis = mitral - (apex.mean(axis=0) if len(apex) else far)
    return axis / np.linalg.norm(axis)


def _annuli(guide) -> dict[str, Annulus]:
    up = _long_axis(guide)
    found = {name: find_annulus(guide, name, up) for name in VALVES}
    return {name: annulus for name, annulus in found.items() if annulus is not None}


def _left(annuli):
    return [annuli[name] for name in ("MITRAL_VALVE", "AORTA_VALVE") if name in annuli]


def _right(annuli):
    return [annuli[name] for name in ("TRICUSPID_VALVE", "PULMONARY_VALVE") if name in annuli]


def _grid(guide):
    up = _long_axis(guide)
    axes = _axes(up)
    walls = guide.of(*EPICARDIUM, *LV_ENDOCARDIUM, *RV_ENDOCARDIUM)
    return Grid.around(walls, axes, GRID_STEP, MARGIN)


def _axes(up):
    """A right-handed frame whose third axis is `up`."""
    side = np.linalg.svd(up[None])[2][1]
    return np.stack([side, np.cross(up, side), up])


def _sample(grid, constraints):
    """The smoothest function that keeps to the constraints, as a distance on the grid."""
    smooth = RBFInterpolator(
        constraints.points,
        constraints.values,
        kernel="cubic",
        smoothing=SMOOTHING / constraints.weight,
        degree=1,
    )
    coarse = Grid(grid.origin, grid.axes, COARSER * grid.spacing, _coarse_shape(grid))
    values = Field(coarse, smooth(coarse.points).reshape(coarse.shape))
    return as_distance(grid, values(grid.points).reshape(grid.shape))


def _coarse_shape(grid):
    return tuple(int(np.ceil(count / COARSER)) + 1 for count in grid.shape)


def _cavity(guide, kinds, annuli):
    """A ventricle's endocardium, running on through its valves; all other walls lie outside it."""
    contour = _contour(guide, kinds[:1], kinds)
    if kinds == RV_ENDOCARDIUM:
        contour = contour + _contour(guide, kinds[1:], kinds[:1], LV_ENDOCARDIUM)
    walls = {*EPICARDIUM, *LV_ENDOCARDIUM, *RV_ENDOCARDIUM} - set(kinds)
    contour = contour + _elsewhere(guide.of(*walls), guide.of(*kinds), 1.0)
    contour = contour + _elsewhere(_surroundings(guide)[0], guide.of(*kinds), 1.0)
    for annulus in annuli:
        others = [other for other in annuli if other is not annulus]
        contour = contour + _tube(annulus, others) + _ceiling(annulus)
    return _thin(contour)


def _outline(guide, annuli):
    """The heart's outer surface, closed over the valves; both endocardia lie inside it."""
    kinds = EPICARDIUM if guide.has("RV_EPICARDIAL") else EPICARDIUM[:1]
    contour = _contour(guide, kinds, kinds)
    inner = guide.of(*LV_ENDOCARDIUM, *RV_ENDOCARDIUM)
    contour = contour + _elsewhere(inner, guide.of(*kinds), -1.0)
    contour = contour + _elsewhere(np.concatenate(_surroundings(guide)), guide.of(*kinds), 1.0)
    for annulus in annuli.values():
        contour = contour + _lid(annulus) + _ceiling(annulus)
    return _thin(contour)


def _elsewhere(points, contour, side):
    """Points known to lie outside (`side` 1) or inside (-1), with their distance to the contour."""
    distance = cKDTree(contour).query(points)[0]
    far = np.flatnonzero(distance > FARTHER)[::3] if len(points) > 50 else np.arange(len(points))
    return Constraints(points[far], side * distance[far], np.ones(len(far)))


def _surroundings(guide):
    """A box of points well outside the heart: the sides and the bottom, and the top."""
    up = _long_axis(guide)
    axes = _axes(up)
    local = guide.of(*EPICARDIUM) @ axes.T
    low, high = local.min(axis=0) - SURROUNDINGS, local.max(axis=0) + SURROUNDINGS
    unit = np.moveaxis(np.indices((4, 4, 4)), 0, -1).reshape(-1, 3) / 3
    unit = unit[((unit == 0) | (unit == 1)).any(axis=1)]
    box = (low + unit * (high - low)) @ axes
    return box[unit[:, 2] < 0.5], box[unit[:, 2] >= 0.5]


def _contour(guide, kinds, inner_kinds, outer_kinds=()):
    """Contour points as 0, and a step to either side where no other contour is nearer."""
    index, normals = outward_normals(guide, kinds, inner_kinds, outer_kinds)
    index, normals = index[guide.weight[index] > 0], normals[guide.weight[index] > 0]
    points, weight = guide.points[index], guide.weight[index]
    found = Constraints(points, np.zeros(len(points)), weight)
    tree = cKDTree(points)
    for side in (STEP_OFF, -STEP_OFF):
        beside = Constraints(points + side * normals, np.full(len(points), side), weight)
        free = tree.query(beside.points)[0] > 0.9 * STEP_OFF
        found = found + beside.keep(np.flatnonzero(free)[::2])
    return found


def _tube(annulus, others):
    """A cylinder on the ring, out of the heart, but for where it would enter another valve's."""
    ring, spokes = annulus.points[::2], annulus.spokes[::2]
    shell = Constraints.of(np.zeros((0, 3)), 0.0)
    axis = shell
    for height in TUBE_HEIGHTS:
        lift = height * annulus.normal
        shell = shell + Constraints.of(ring + lift, 0.0, GUESSED)
        if height > STEP_OFF:
            shell = shell + Constraints.of(ring + lift + STEP_OFF * spokes, STEP_OFF, GUESSED)
        axis = axis + Constraints.of((annulus.centre + lift)[None], -annulus.radius, GUESSED)
    for other in others:
        shell = shell.keep(other.off_axis(shell.points) > other.radius + STEP_OFF)
    return shell + axis


def _ceiling(annulus):
    """Around the pulmonary valve and above its plane, outside: the top of the right ventricle."""
    raised = annulus.centre + CEILING_HEIGHT * annulus.normal
    if annulus.name != "PULMONARY_VALVE":
        return Constraints.of(np.zeros((0, 3)), 0.0)
    rings = [raised + (annulus.radius + width) * annulus.spokes[::3] for width in CEILING_WIDTHS]
    return Constraints.of(np.concatenate(rings), CEILING_HEIGHT, GUESSED)


def _lid(annulus):
    """A flat disc just above the valve and as wide as its rim."""
    disc = [annulus.centre[None]]
    for width in (0.5 * annulus.radius, annulus.radius):
        disc.append(annulus.centre + width * annulus.spokes[::3])
    disc.append(annulus.points[::2] + RIM * annulus.spokes[::2])
    places = np.concatenate(disc) + 1.0 * annulus.normal
    above = places + STEP_OFF * annulus.normal
    below = places - STEP_OFF * annulus.normal
    lid = Constraints.of(places, 0.0) + Constraints.of(above, STEP_OFF)
    return lid + Constraints.of(below, -STEP_OFF)


def _thin(constraints):
    """One constraint in every half millimetre: nearly equal ones spoil the system."""
    cells = np.round(constraints.points * 2).astype(np.int64)
    return constraints.keep(np.unique(cells, axis=0, return_index=True)[1])


def _leave_wall(outer, left, right, tubes, guide):
    """The outline, moved out wherever it comes nearer to a cavity than a wall can be thin, but not
    around the `tubes` in which the cavities run on beyond their valves."""
    left = np.maximum(left, tubes)
    outer = smooth_union(outer, left - THINNEST_LEFT_WALL, CREASE)
    if right is None:
        return gaussian_filter(outer, ROUNDING)
    thinnest = THINNEST_RIGHT_WALL if guide.has("RV_EPICARDIAL") else RIGHT_WALL
    right = np.maximum(right, tubes)
    return gaussian_filter(smooth_union(outer, right - thinnest, CREASE), ROUNDING)


def _base(points, annuli, reach):
    """Positive above a valve's ring, at most `reach` mm outside it: the flat cuts of the base."""
    cuts = [
        np.minimum(annulus.height(points), annulus.radius + reach - annulus.off_axis(points))
        for annulus in annuli.values()
    ]
    return np.maximum.reduce(cuts)
