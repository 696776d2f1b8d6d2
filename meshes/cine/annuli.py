"""Valve rings from the few points where long-axis views cut them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from twin.meshes.cine.slices import GuidePoints

RING_POINTS = 24
PULL_TO_CIRCLE = 1e-3


@dataclass(frozen=True, eq=False)
class Annulus:
    """A valve's ring: `points` in order around it, `normal` of unit length out of the heart."""

    name: str
    points: Float[np.ndarray, "ring 3"]
    normal: Float[np.ndarray, " 3"]

    @property
    def centre(self) -> Float[np.ndarray, " 3"]:
        return self.points.mean(axis=0)

    @property
    def radius(self) -> float:
        """Mean, mm."""
        return float(np.linalg.norm(self.points - self.centre, axis=1).mean())

    @property
    def spokes(self) -> Float[np.ndarray, "ring 3"]:
        """Unit directions from the axis through the ring's points, across the axis."""
        offsets = self.points - self.centre
        offsets = offsets - np.outer(offsets @ self.normal, self.normal)
        return offsets / np.linalg.norm(offsets, axis=1, keepdims=True)

    def height(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """mm beyond the ring's plane, away from the heart."""
        return (points - self.centre) @ self.normal

    def off_axis(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """mm from the ring's axis."""
        offsets = points - self.centre
        return np.linalg.norm(offsets - np.outer(offsets @ self.normal, self.normal), axis=1)


def find_annulus(guide: GuidePoints, name: str, up: Float[np.ndarray, " 3"]) -> Annulus | None:
    """The ring of a valve; None where fewer than two points tell of it.

    Two points are the ends of a diameter of a circle at right angles to the view they are drawn
    in. More are joined by an ellipse: x = a + b cos t + c sin t, t the angle around their plane.
    """
    points = guide.of(name)
    if len(points) < 2:
        return None
    if len(points) == 2:
        number = int(guide.slices[guide.on([name])][0])
        ring, normal = _circle(points, guide.planes[number].normal)
    else:
        ring, normal = _ellipse(points)
    return Annulus(name, ring, normal if normal @ up > 0 else -normal)


def _angles():
    return np.linspace(0, 2 * np.pi, RING_POINTS, endpoint=False)[:, None]


def _circle(ends, view):
    spoke = (ends[0] - ends[1]) / 2
    radius = np.linalg.norm(spoke)
    across = view - (view @ spoke) / radius**2 * spoke
    across *= radius / np.linalg.norm(across)
    ring = ends.mean(axis=0) + np.cos(_angles()) * spoke + np.sin(_angles()) * across
    return ring, np.cross(spoke, across) / radius**2


def _ellipse(points):
    centre = points.mean(axis=0)
    first, second, normal = np.linalg.svd(points - centre)[2]
    angle = np.arctan2((points - centre) @ second, (points - centre) @ first)
    waves = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1)
    terms = np.linalg.solve(
        waves.T @ waves + PULL_TO_CIRCLE * np.eye(3), waves.T @ (points - centre)
    )
    around = np.concatenate([np.ones_like(_angles()), np.cos(_angles()), np.sin(_angles())], axis=1)
    return centre + around @ terms, normal
