"""A short-axis stack of labelled slices to the wall of a heart.

Each slice gives signed distances to the outline of the left ventricle, its cavity and the right
cavity; between the thick slices these are interpolated (shape-based interpolation, Raya and Udupa
1990), after the slices have been shifted so that their centres follow a smooth line. Beyond the
last slices the shapes are closed by half ellipsoids; the base is cut where the slices end that
show the whole ring of the left ventricle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter, shift

from twin.meshes.errors import InputError
from twin.meshes.meshing.wall import Field, Grid, Wall, as_distance, smooth_union
from twin.meshes.progress import Progress, silent

NAMES = ("lv_cavity", "myocardium", "rv_cavity", "rv_myocardium")
NEEDED = ("lv_cavity", "myocardium")

RIGHT_WALL = 3.0
"""mm; where the right wall has no label (Prakash 1978; Matsukubo 1977)."""

THINNEST_RIGHT_WALL = 2.0
CREASE = 5.0
COMPLETE_RING = 0.95
"""Part of the cavity that the myocardium has to enclose in a slice that counts as complete."""

STAIRCASE = 1.0
"""Pixels over which the steps of the label map are smoothed."""

THICKEST_STEP = 2.0
MARGIN = 10.0
FEWEST_SLICES = 3
FEWEST_PIXELS = 12
CENTRE_LINE_DEGREE = 2
FEWEST_ALIGNED_SLICES = 5
LIKE_SIZED = 0.1
APEX_DIRECTION = np.array([1.0, -1.0, -1.0]) / np.sqrt(3)
"""The apex lies to the left, in front and below (LPS)."""


@dataclass(frozen=True, eq=False)
class Stack:
    """A label map: voxel [i, j, k] lies at `grid.position([i, j, k])`, slices along k, mm LPS."""

    labels: Int[np.ndarray, "i j k"]
    grid: Grid
    remarks: tuple[str, ...] = ()


def reconstruct(
    stack: Stack,
    labels: Mapping[str, int],
    *,
    align: bool = True,
    progress: Progress = silent,
) -> Wall:
    """The wall that a label map shows.

    `labels` says which number means what: lv_cavity and myocardium, and, for both ventricles,
    rv_cavity and perhaps rv_myocardium.
    """
    masks = _masks(stack, labels)
    stack, masks, remarks = _apex_last(stack, masks)
    masks, base, said = _complete_slices(masks)
    remarks += said
    if align:
        masks, said = _align(masks, stack.grid)
        remarks += said
    progress("surfaces", 0.3)
    grid, depth = _grid(stack.grid, masks, base)
    shapes, said = _shapes(masks, stack.grid, grid, depth, base)
    progress("surfaces", 1.0)
    fields = {name: Field(grid, as_distance(grid, values)) for name, values in shapes.items()}
    cut = Field(grid, np.broadcast_to((base - 0.5) * stack.grid.spacing[2] - depth, grid.shape))
    wall = Wall(fields["outer"], fields["left"], fields.get("right"), cut)
    return replace(wall, remarks=(*stack.remarks, *remarks, *said))


def _masks(stack, labels):
    """Where each named part is, checked."""
    unknown = sorted(set(labels) - set(NAMES))
    found = {int(value): int((stack.labels == value).sum()) for value in np.unique(stack.labels)}
    listed = ", ".join(f"{value} ({count:,} voxels)" for value, count in found.items() if value)
    if unknown or not set(NEEDED) <= set(labels):
        raise InputError(
            f"labels name {', '.join(labels) or 'nothing'}; expected lv_cavity and myocardium, and "
            f"rv_cavity, rv_myocardium where there are such; the numbers in it: {listed}"
        )
    for name, number in labels.items():
        if found.get(int(number), 0) == 0:
            raise InputError(f"no voxel is {number} ({name}); the numbers in it: {listed}")
    return {name: stack.labels == number for name, number in labels.items()}


def _areas(mask):
    return mask.sum(axis=(0, 1))


def _apex_last(stack, masks):
    """Slices in the order from base to apex: the apical end is smaller, or else left and below."""
    outline = _areas(masks["lv_cavity"] | masks["myocardium"])
    shown = outline[outline > 0]
    part = max(1, len(shown) // 3)
    first, last = shown[:part].mean(), shown[-part:].mean()
    if abs(first - last) > LIKE_SIZED * max(first, last):
        turn, why = first < last, "where the left ventricle is smaller"
    else:
        turn, why = stack.grid.axes[2] @ APEX_DIRECTION < 0, "left and below: all slices are alike"
    remark = f"apex found at the {'first' if turn else 'last'} slice, {why}"
    if not turn:
        return stack, masks, (remark,)
    axes = stack.grid.axes * [[1], [1], [-1]]
    end = stack.grid.position(np.array([[0, 0, stack.labels.shape[2] - 1]]))[0]
    grid = replace(stack.grid, origin=end, axes=axes)
    turned = {name: mask[:, :, ::-1] for name, mask in masks.items()}
    return replace(stack, labels=stack.labels[:, :, ::-1], grid=grid), turned, (remark,)


def _complete_slices(masks):
    """Masks from the first slice, of those in a row, whose myocardium encloses the left cavity."""
    cavity, ring = masks["lv_cavity"], masks["myocardium"]
    enclosed = np.stack(
        [binary_fill_holes(ring[:, :, k]) & cavity[:, :, k] for k in range(ring.shape[2])], axis=2
    )
    complete = (_areas(cavity) >= FEWEST_PIXELS) & (
        _areas(enclosed) >= COMPLETE_RING * _areas(cavity)
    )
    if complete.sum() < FEWEST_SLICES:
        raise InputError(
            f"{int(complete.sum())} slices show a closed ring of myocardium around the left "
            f"cavity, expected at least {FEWEST_SLICES}; are the labels right?"
        )
    last = int(np.flatnonzero(complete)[-1])
    broken = np.flatnonzero(~complete[:last])
    base = int(broken[-1]) + 1 if len(broken) else 0
    if last - base + 1 < FEWEST_SLICES:
        raise InputError(f"slice {int(broken[-1])} of the stack shows no whole ring; mend it first")
    shown = int((_areas(ring | cavity)[:base] > 0).sum())
    remarks = [f"base cut above slice {base + 1} from it, the last with a whole ring"]
    if shown:
        remarks.append(f"{shown} slices beyond it left out: their ring is open")
    emptied = {name: mask.copy() for name, mask in masks.items()}
    for mask in emptied.values():
        mask[:, :, :base] = False
    return emptied, base, tuple(remarks)


def _align(masks, grid):
    """Slices shifted in their plane onto a smooth line of centres of the left ventricle."""
    outline = masks["lv_cavity"] | masks["myocardium"]
    slices = np.flatnonzero(_areas(outline) >= FEWEST_PIXELS)
    if len(slices) < FEWEST_ALIGNED_SLICES:
        return masks, (f"{len(slices)} slices are too few to align",)
    centres = np.array([np.argwhere(outline[:, :, k]).mean(axis=0) for k in slices])
    line = np.polynomial.Polynomial.fit
    smooth = np.stack(
        [line(slices, centres[:, axis], CENTRE_LINE_DEGREE)(slices) for axis in (0, 1)], axis=1
    )
    moves = np.round(smooth - centres).astype(int)
    size = np.linalg.norm((smooth - centres) * grid.spacing[:2], axis=1)
    moved = {name: mask.copy() for name, mask in masks.items()}
    for number, move in zip(slices, moves, strict=True):
        for mask in moved.values():
            mask[:, :, number] = shift(mask[:, :, number].astype(np.uint8), move, order=0) > 0
    done = np.linalg.norm(moves * grid.spacing[:2], axis=1)
    return moved, (
        f"{len(slices)} slices aligned within their planes by up to {done.max():.1f} mm; their "
        f"centres were {np.sqrt((size**2).mean()):.1f} mm rms off a smooth line",
    )


def _grid(image, masks, base):
    """A finer grid along the image's axes around the heart, and the depth of its points, mm below
    the first slice of the stack."""
    found = np.argwhere(np.logical_or.reduce(list(masks.values())))
    step = np.minimum(image.spacing, THICKEST_STEP)
    low = found.min(axis=0) * image.spacing - MARGIN
    high = found.max(axis=0) * image.spacing + MARGIN
    reach = 0.5 * (high - low)[:2].min()
    low[2] = (base - 2) * image.spacing[2] - MARGIN / 2
    high[2] += reach / 2
    shape = tuple((np.ceil((high - low) / step).astype(int) + 1).tolist())
    origin = image.position((low / image.spacing)[None])[0]
    grid = Grid(origin, image.axes, step, shape)
    return grid, low[2] + step[2] * np.arange(shape[2])


def _shapes(masks, image, grid, depth, base):
    """Outline and cavities as functions on the finer grid, and what was assumed."""
    cavity = masks["lv_cavity"]
    left, left_end = _solid_shape(cavity, image, grid, depth)
    wall = _wall_thickness(cavity, masks["myocardium"], image)
    outer, _ = _solid_shape(cavity | masks["myocardium"], image, grid, depth, left_end + wall)
    remarks = [f"apex closed {wall:.1f} mm beyond the cavity, as thick as the wall beside it"]
    if "rv_cavity" not in masks:
        remarks.append("no label for the right cavity: a left ventricle alone")
        return {"outer": outer, "left": left}, tuple(remarks)
    right, right_end = _solid_shape(masks["rv_cavity"], image, grid, depth, deepest=left_end)
    right = as_distance(grid, right)
    if "rv_myocardium" in masks:
        whole = masks["rv_cavity"] | masks["rv_myocardium"]
        drawn, _ = _solid_shape(whole, image, grid, depth, right_end + RIGHT_WALL)
        drawn = np.minimum(as_distance(grid, drawn), right - THINNEST_RIGHT_WALL)
        outer = smooth_union(as_distance(grid, outer), drawn, CREASE)
    else:
        outer = smooth_union(as_distance(grid, outer), right - RIGHT_WALL, CREASE)
        remarks.append(f"no label for the right wall: taken as {RIGHT_WALL:g} mm")
    return {"outer": outer, "left": left, "right": right}, tuple(remarks)


def _wall_thickness(cavity, ring, image):
    """Median thickness, mm, of the myocardium in the last slice that has a cavity."""
    last = int(np.flatnonzero(_areas(cavity) >= FEWEST_PIXELS)[-1])
    whole = cavity[:, :, last] | ring[:, :, last]
    inner = distance_transform_edt(~cavity[:, :, last], sampling=image.spacing[:2])
    edge = whole & (distance_transform_edt(whole) <= 1)
    return float(np.median(inner[edge]))


def _solid_shape(
    mask: Bool[np.ndarray, "i j k"],
    image: Grid,
    grid: Grid,
    depth: Float[np.ndarray, " k"],
    end: float = 0.0,
    deepest: float = np.inf,
) -> tuple[Float[np.ndarray, "i j k"], float]:
    """The shape between and beyond its slices, and the depth at which it ends.

    Beyond the last slice, at distance t, the shape is f + R (1 - sqrt(1 - (t/h)^2)), f and R that
    slice's distances and inner radius: a half ellipsoid of height h. It ends half-way to the next
    slice, if that is in the stack; else, h = R. `end` asks for more, `deepest` for no more.
    """
    slices = np.flatnonzero(_areas(mask) >= FEWEST_PIXELS)
    if len(slices) < 2:
        raise InputError("a label is seen in fewer than two slices; expected a stack of them")
    distances = np.stack([_slice_distance(mask[:, :, k], image, grid) for k in slices], axis=2)
    places = slices * image.spacing[2]
    inside = np.clip(depth, places[0], places[-1])
    shape = PchipInterpolator(places, distances, axis=2)(inside)
    radius = float(-distances[:, :, -1].min())
    in_stack = slices[-1] + 1 < mask.shape[2]
    half_step = image.spacing[2] / 2
    rounded = half_step if in_stack else min(radius, max(deepest - places[-1], half_step))
    height = max(rounded, end - places[-1])
    beyond = np.maximum(depth - places[-1], 0)
    dome = 1 - np.sqrt(np.maximum(1 - (beyond / height) ** 2, 0))
    return shape + radius * dome + np.maximum(beyond - height, 0), float(places[-1] + height)


def _slice_distance(mask, image, grid):
    """Signed mm within the slice, negative in the mask, at the grid's in-plane points."""
    spacing = image.spacing[:2]
    padding = np.ceil(MARGIN / spacing).astype(int) + 2
    padded = np.pad(mask, [(n, n) for n in padding])
    half = 0.5 * spacing.mean()
    outside = np.maximum(distance_transform_edt(~padded, sampling=spacing) - half, 0)
    inside = np.maximum(distance_transform_edt(padded, sampling=spacing) - half, 0)
    smooth = gaussian_filter(outside - inside, STAIRCASE, mode="nearest")
    plane = Field(Grid(np.zeros(3), np.eye(3), np.ones(3), (*smooth.shape, 1)), smooth[:, :, None])
    offset = image.steps(grid.origin[None])[0, :2] + padding
    i, j = np.indices(grid.shape[:2])
    ratio = grid.spacing[:2] / spacing
    places = np.stack([offset[0] + i * ratio[0], offset[1] + j * ratio[1], 0 * i], axis=-1)
    return plane(places.reshape(-1, 3)).reshape(grid.shape[:2])
