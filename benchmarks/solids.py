"""Bodies of known volume to try the mesher on: round, thin, sharp-edged, and blended ones. mm."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.heart import Boundary


@dataclass(frozen=True)
class Shell:
    """What lies between two spheres, the inner one off centre: thinnest at the top, z > 0."""

    radius: float = 30.0
    inner: float = 20.0
    offset: float = 0.0

    @property
    def volume(self) -> float:
        return 4 / 3 * np.pi * (self.radius**3 - self.inner**3)

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
        return np.full(3, -self.radius), np.full(3, self.radius)

    def distance(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        return np.max(self._sides(points), axis=0)

    def label(self, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        sides = np.abs(self._sides(points))
        return np.array([Boundary.EPICARDIUM, Boundary.LV_ENDOCARDIUM])[sides.argmin(axis=0)]

    def _sides(self, points):
        outer = np.linalg.norm(points, axis=1) - self.radius
        inner = self.inner - np.linalg.norm(points - [0, 0, self.offset], axis=1)
        return outer, inner


@dataclass(frozen=True)
class Cup:
    """An ellipsoidal wall with half axes `axes` outside, cut off flat at z = `base`: sharp rims.

    The distance to an ellipsoid is |p/a| (|p/a| - 1) / |p/a^2|, right to first order only.
    """

    axes: tuple[float, float, float] = (32.0, 28.0, 45.0)
    wall: float = 9.0
    base: float = 12.0

    @property
    def volume(self) -> float:
        return _below(self.axes, self.base) - _below(self._inside, self.base)

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
        x, y, z = self.axes
        return np.array([-x, -y, -z]), np.array([x, y, self.base])

    def distance(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        return np.max(self._sides(points), axis=0)

    def label(self, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        walls = np.array([Boundary.EPICARDIUM, Boundary.LV_ENDOCARDIUM, Boundary.BASE])
        return walls[np.abs(self._sides(points)).argmin(axis=0)]

    @property
    def _inside(self):
        x, y, z = self.axes
        return (x - self.wall, y - self.wall, z - self.wall)

    def _sides(self, points):
        outer = _to_ellipsoid(points, self.axes)
        return outer, -_to_ellipsoid(points, self._inside), points[:, 2] - self.base


@dataclass(frozen=True)
class Chain:
    """Balls blended into each other, each touching the next; only nearly a distance."""

    centres: Float[np.ndarray, "balls 3"]
    radii: Float[np.ndarray, " balls"]
    blend: float = 3.0

    @staticmethod
    def sample(seed: int, balls: int = 6) -> "Chain":
        generator = np.random.default_rng(seed)
        radii = generator.uniform(6, 14, balls)
        steps = generator.standard_normal((balls, 3))
        steps *= (radii / np.linalg.norm(steps, axis=1))[:, None]
        return Chain(np.cumsum(steps, axis=0), radii)

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
        reach = self.radii[:, None] + 2 * self.blend
        return (self.centres - reach).min(axis=0), (self.centres + reach).max(axis=0)

    def distance(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        apart = np.linalg.norm(points[:, None] - self.centres, axis=2) - self.radii
        return -self.blend * np.logaddexp.reduce(-apart / self.blend, axis=1)

    def label(self, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        return np.full(len(points), Boundary.EPICARDIUM)


def _below(axes, height):
    """Volume of an ellipsoid under a plane z = height."""
    x, y, z = axes
    return np.pi * x * y * (height - height**3 / (3 * z**2) + 2 * z / 3)


def _to_ellipsoid(points, axes):
    once = np.linalg.norm(points / np.array(axes), axis=1)
    twice = np.linalg.norm(points / np.square(axes), axis=1)
    return once * (once - 1) / np.maximum(twice, 1e-9)
