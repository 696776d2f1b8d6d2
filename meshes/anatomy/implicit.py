"""Smooth shapes given by functions: negative inside, zero on the surface, distance near it.

Every shape answers with its value and its gradient together, and whatever is built from others
carries both along, because value / |gradient| is the distance to first order: what is blended,
bent or bumped on the way stays a distance in the end.

Points and gradients lie in columns, (3, points), so that each coordinate is contiguous.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

NEAR = 3.0


class Level(NamedTuple):
    """A shape seen from some points: `value` in mm and its gradient."""

    value: Float[np.ndarray, " points"]
    gradient: Float[np.ndarray, "3 points"]


Shape = Callable[[Float[np.ndarray, "3 points"]], Level]


def normalise(level: Level) -> Level:
    """Distance to first order, of a shape whose gradient vanishes nowhere."""
    return _divided(level, _length(level.gradient))


def normalise_blend(level: Level) -> Level:
    """Distance to first order near the surface, the value itself from `NEAR` on.

    Halfway between two surfaces a blend's gradient vanishes, and what it says of the distance
    ends there: the farther off, the less is made of it. Value and sense of growth are kept.
    """
    length = np.maximum(_length(level.gradient), 0.1)
    far = np.minimum(np.abs(level.value) / NEAR, 1)
    return _divided(level, length + far * (1 - length))


def _length(vectors: Float[np.ndarray, "3 points"]) -> Float[np.ndarray, " points"]:
    return np.sqrt(np.einsum("ij,ij->j", vectors, vectors))


def _divided(level: Level, length: Float[np.ndarray, " points"]) -> Level:
    return Level(level.value / length, level.gradient / length)


def refine(shape: Shape, points: Float[np.ndarray, "3 points"]) -> Level:
    """Distance to second order: the first step to the surface and what was still missing there.

    Where so much is missing that the step was a bad one, far inside, little of it is added.
    """
    level = shape(points)
    rest = shape(points - level.value * level.gradient)
    limit = 0.25 * np.abs(level.value)
    return Level(level.value + np.clip(rest.value, -limit, limit), rest.gradient)


def outside(level: Level) -> Level:
    """The complement."""
    return Level(-level.value, -level.gradient)


def grown(level: Level, thickness: float) -> Level:
    return Level(level.value - thickness, level.gradient)


def intersection(first: Level, second: Level, radius: float) -> Level:
    """What lies in both, the edge rounded: max(a, b) + (r - |a - b|)^2 / 4r within |a - b| < r."""
    difference = np.clip((first.value - second.value) / radius, -1, 1)
    value = np.maximum(first.value, second.value) + radius / 4 * (1 - np.abs(difference)) ** 2
    weight = (1 + difference) / 2
    return Level(value, second.gradient + weight * (first.gradient - second.gradient))


def union(first: Level, second: Level, radius: float) -> Level:
    """What lies in either, the crease filled."""
    return outside(intersection(outside(first), outside(second), radius))


@dataclass(frozen=True, eq=False)
class Egg:
    """{x : |q| <= 1}, q = M (x - c) with q_x and q_y divided by 1 + taper q_z.

    Without taper any affine image of a ball, so also a leaning ellipsoid; with a positive taper
    its lower end is the pointed one.
    """

    centre: Float[np.ndarray, "3"]
    to_unit_ball: Float[np.ndarray, "3 3"]
    taper: float = 0.0

    def __call__(self, points: Float[np.ndarray, "3 points"]) -> Level:
        """(|q| - 1) / |grad |q||, exact to first order; at most the least radius in the centre."""
        q = self.to_unit_ball @ (points - self.centre[:, None])
        widening = 1 + self.taper * np.clip(q[2], -1.5, 1.5)
        q[:2] /= widening
        radius = _length(q) + 1e-12
        q[2] -= self.taper * (q[0] ** 2 + q[1] ** 2) / widening
        q[:2] /= widening
        gradient = self.to_unit_ball.T @ (q / radius)
        steepness = _length(gradient) + 1e-12
        far_inside = np.maximum(1 - radius, 0) * self._steepest
        return Level((radius - 1) / np.maximum(steepness, far_inside), gradient / steepness)

    @cached_property
    def _steepest(self) -> float:
        return float(np.linalg.norm(self.to_unit_ball, ord=2))


@dataclass(frozen=True, eq=False)
class HalfSpace:
    """{x : n . x <= offset}, n of unit length."""

    normal: Float[np.ndarray, "3"]
    offset: float

    def __call__(self, points: Float[np.ndarray, "3 points"]) -> Level:
        gradient = np.broadcast_to(self.normal[:, None], points.shape)
        return Level(self.normal @ points - self.offset, gradient)


@dataclass(frozen=True, eq=False)
class Undulation:
    """A smooth random field, sum of a_j cos(k_j . x + phase_j), mm: low harmonics of the body."""

    wavevectors: Float[np.ndarray, "waves 3"]
    phases: Float[np.ndarray, " waves"]
    amplitudes: Float[np.ndarray, " waves"]

    @classmethod
    def draw(
        cls, random: np.random.Generator, deviation: float, shortest: float, waves: int = 6
    ) -> "Undulation":
        """A field of standard deviation `deviation`, no wave shorter than `shortest` mm."""
        directions = random.normal(size=(waves, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = shortest * random.uniform(1, 2, size=(waves, 1))
        amplitudes = np.full(waves, deviation * np.sqrt(2 / waves))
        return cls(
            2 * np.pi * directions / lengths, random.uniform(0, 2 * np.pi, waves), amplitudes
        )

    def __call__(self, points: Float[np.ndarray, "3 points"]) -> Level:
        phase = self.wavevectors @ points + self.phases[:, None]
        slope = -self.amplitudes[:, None] * np.sin(phase)
        return Level(self.amplitudes @ np.cos(phase), self.wavevectors.T @ slope)


def swollen(level: Level, field: Level) -> Level:
    """The shape grown by a field instead of a number; distance to first order near the surface."""
    moved = Level(level.value - field.value, level.gradient - field.gradient)
    return _divided(moved, np.maximum(_length(moved.gradient), 0.8))
