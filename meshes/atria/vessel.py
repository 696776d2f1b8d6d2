"""A bent, tapering tube as a smooth implicit shape: a vein, the way to the mitral ring."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from twin.meshes.anatomy.implicit import HalfSpace, Level, intersection, normalise

CAP = 4.0
"""How far the tube goes on beyond its rim, where it is cut off exactly later, mm."""
ROUNDING = 2.0
NEAREST_AXIS = 0.05
"""mm; nearer to the centreline the outward direction is not asked for."""


@dataclass(frozen=True, eq=False)
class Vessel:
    """{x : |p| <= r(s)}, s = (x - start) . axis, p = x - start - s axis - s^2 bend.

    The radius falls from `mouth_radius` to `rim_radius` about the distance `funnel` from the
    start, within `funnel_width`. `axis` has unit length and `bend` (1/mm) stands across it.
    `oval` is the ratio of the longer to the shorter diameter, the longer one along `wide`.
    """

    start: Float[np.ndarray, "3"]
    axis: Float[np.ndarray, "3"]
    bend: Float[np.ndarray, "3"]
    wide: Float[np.ndarray, "3"]
    length: float
    mouth_radius: float
    rim_radius: float
    funnel: float
    funnel_width: float = 3.0
    oval: float = 1.0

    def __call__(self, points: Float[np.ndarray, "3 points"]) -> Level:
        """Distance to first order of the tube, closed a little beyond its rim."""
        tube = self._tube(points)
        reach = self.axis @ self.start
        begin = HalfSpace(-self.axis, -reach)(points)
        end = HalfSpace(self.axis, reach + self.length + CAP)(points)
        return intersection(intersection(tube, begin, ROUNDING), end, ROUNDING)

    def _tube(self, points: Float[np.ndarray, "3 points"]) -> Level:
        offset = points - self.start[:, None]
        along = self.axis @ offset
        squeezed = self._stretch @ offset - np.outer(self._stretch @ self.bend, along**2)
        radius = np.maximum(np.sqrt(np.einsum("ij,ij->j", squeezed, squeezed)), NEAREST_AXIS)
        outward = self._stretch.T @ (squeezed / radius)
        width, widening = self._radius(along)
        slope = 2 * along * (self.bend @ outward) + widening
        gradient = outward - self.axis[:, None] * slope
        return normalise(Level(radius - width, gradient))

    @cached_property
    def _stretch(self) -> Float[np.ndarray, "3 3"]:
        """Turns the oval section into a circle of the same area, and takes away what is along."""
        wide = self.wide - (self.wide @ self.axis) * self.axis
        wide = wide / np.linalg.norm(wide)
        narrow = np.cross(self.axis, wide)
        root = np.sqrt(self.oval)
        return np.outer(wide, wide) / root + np.outer(narrow, narrow) * root

    def _radius(self, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The radius at a distance from the start, and how it grows."""
        share = 0.5 * (1 - np.tanh((along - self.funnel) / self.funnel_width))
        excess = self.mouth_radius - self.rim_radius
        return self.rim_radius + excess * share, (
            -2 * excess * share * (1 - share) / self.funnel_width
        )

    @property
    def rim(self) -> HalfSpace:
        """What lies before the rim: a plane straight across the centreline's end."""
        centre = self.centre(self.length)
        normal = self.axis + 2 * self.length * self.bend
        normal = normal / np.linalg.norm(normal)
        return HalfSpace(normal, float(normal @ centre))

    @cached_property
    def ball(self) -> tuple[Float[np.ndarray, "3"], float]:
        """Centre and radius of a ball around the tube."""
        across = self.oval * max(self.mouth_radius, self.rim_radius)
        bow = float(np.linalg.norm(self.bend)) * self.length**2
        return self.centre(self.length / 2), self.length / 2 + CAP + across + bow

    def centre(self, along: float) -> Float[np.ndarray, "3"]:
        return self.start + along * self.axis + along**2 * self.bend
