"""How fronts passed each patch of an atrium, summed over a recording."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from twin.meshes.errors import InputError
from twin.simulation.atria.patches import Patches

PASSAGE = ("rise", "slope", "along", "slope2", "slope_along", "along2", "rise_slope", "rise_along")
"""What is kept of how fronts went through a patch. With V_t the potential's change (mV/ms), g its
gradient (mV/mm) and F the fibres' dyad, rise is V_t^2, slope g.g and along g.F g; the others are
their products. All are means over time and the patch.

A front that moves with the speed that tissue of conductivity a + b F gives it has rise = k (a slope
+ b along), with one k for all places of one membrane. So the quotients tell of the tissue, whatever
the amplitude is.

Frames have to be close: within 8 ms a front crosses several elements, and the speed at which an
eikonal front passed is told with a correlation of 0.6; with frames of 2 ms it is 0.99.
"""
WATCHED, TOGETHER, THREADS = 8_000, 320, 2
"""Triangles at which fronts are watched, about; how many of them together, so that their numbers
stay in the processor's cache; and by how many threads."""
STEPS = 128
"""From frame to frame that are looked at together; one number, so that it is compiled once."""


class Triangles(NamedTuple):
    """Triangles in groups: their corners; gradients of the second and third corner's hat functions
    (the first one's is what makes their sum 0) along two directions in the triangle; the fibres'
    dyad there."""

    corners: Int[jax.Array, "groups 3 together"]
    slopes: Float[jax.Array, "groups 2 2 together"]
    dyads: Float[jax.Array, "groups 2 2 together"]


@dataclass(frozen=True, eq=False)
class Watch:
    """The triangles that are watched, in parts for as many threads, and the patch of each; any
    beyond these only fill up the last group."""

    patches: int
    patch: Int[np.ndarray, " watched"]
    parts: tuple[Triangles, ...]

    @staticmethod
    def of(patches: Patches) -> "Watch":
        atrium, elements = patches.atrium, patches.elements
        every = -(-len(atrium.triangles) // WATCHED)
        chosen = np.arange(0, len(atrium.triangles), every)
        # The last group is filled up with triangles that are then not counted.
        watched = np.resize(chosen, -(-len(chosen) // TOGETHER) * TOGETHER)
        corners = atrium.triangles[watched]
        a, b, _ = np.moveaxis(atrium.points[corners], 1, 0)
        first = (b - a) / np.linalg.norm(b - a, axis=1, keepdims=True)
        axes = np.stack([first, np.cross(elements.normals[watched], first)], axis=2)
        slopes = np.einsum("tcx,txk->tck", elements.gradients[watched], axes)[:, 1:]
        dyads = np.einsum("txk,txy,tyl->tkl", axes, patches.dyads[watched], axes)
        known = (corners.astype(np.int32), slopes.astype(np.float32), dyads.astype(np.float32))
        cuts = [np.array_split(_grouped(values), THREADS) for values in known]
        parts = [Triangles(*map(jnp.asarray, part)) for part in zip(*cuts, strict=True)]
        kept = tuple(part for part in parts if len(part.corners))
        return Watch(patches.count, patches.of_triangle[chosen], kept)

    def passage(
        self, potentials: Float[np.ndarray, "points times"], interval: float
    ) -> Float[np.ndarray, "patches 8"]:
        """`PASSAGE` of each patch; `interval` is the time between two frames, ms."""
        count = potentials.shape[1]
        parts = [potentials[:, k : k + STEPS + 1] for k in range(0, count - 1, STEPS)]
        return self.mean([self.passing(part, interval) for part in parts], count - 1)

    def passing(
        self,
        potentials: Float[np.ndarray, "points times"],
        interval: float,
        steps: int | None = None,
    ) -> Float[np.ndarray, "watched 8"]:
        """Sums over a recording's first `steps`, or all of them: `STEPS` at most. It is quickest
        with as many frames as these take, whatever the last ones hold."""
        last = potentials.shape[1] - 1
        counted = jnp.arange(STEPS) < (last if steps is None else steps)
        if last < STEPS:
            potentials = np.pad(potentials, ((0, 0), (0, STEPS - last)))

        def of(part: Triangles) -> np.ndarray:
            return np.asarray(_passing(potentials, counted, interval, part))

        with ThreadPoolExecutor(len(self.parts)) as pool:
            return np.concatenate(list(pool.map(of, self.parts)))

    def mean(self, passing, steps: int) -> Float[np.ndarray, "patches 8"]:
        """Of the parts of a recording that has so many steps."""
        if steps < 1:
            raise InputError("a recording of one frame or none is too short to tell speeds")
        sums = np.sum(list(passing), axis=0, dtype=float)[: len(self.patch)]
        found = [np.bincount(self.patch, column, self.patches) for column in sums.T]
        seen = np.maximum(np.bincount(self.patch, minlength=self.patches), 1) * steps
        return np.stack(found, axis=1) / seen[:, None]


def _grouped(values: np.ndarray) -> np.ndarray:
    """Triangles last."""
    return np.moveaxis(values.reshape(-1, TOGETHER, *values.shape[1:]), 1, -1)


@jax.jit
def _passing(potentials, steps, interval, triangles: Triangles):
    found = jax.lax.map(partial(_of_group, potentials, steps, interval), triangles)
    return found.swapaxes(1, 2).reshape(-1, len(PASSAGE))


def _of_group(potentials, steps, interval, group):
    corners, slopes, dyads = group
    a, b, c = (potentials[corner] for corner in corners)
    b, c = b - a, c - a
    mean = a + (b + c) / 3
    rise = jnp.where(steps, ((mean[:, 1:] - mean[:, :-1]) / interval) ** 2, 0)
    b, c = (jnp.where(steps, (x[:, 1:] + x[:, :-1]) / 2, 0) for x in (b, c))
    first, second = (slopes[0, k][:, None] * b + slopes[1, k][:, None] * c for k in range(2))
    mixed, square = 2 * dyads[0, 1][:, None] * second, dyads[1, 1][:, None] * second**2
    along = (dyads[0, 0][:, None] * first + mixed) * first + square
    slope = first**2 + second**2
    products = (slope * slope, slope * along, along * along, rise * slope, rise * along)
    return jnp.stack([x.sum(axis=1) for x in (rise, slope, along, *products)])
