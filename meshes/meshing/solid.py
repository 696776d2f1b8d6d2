"""What the mesher meshes: a body known by its signed distance."""

from typing import Protocol

import numpy as np
from jaxtyping import Float, Int


class Solid(Protocol):
    """Myocardium as a set of points: parametric, from surfaces, or from images. Lengths in mm."""

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
        """Lowest and highest corner of a box that holds the whole solid."""
        ...

    def distance(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """Signed distance to the boundary, mm, negative inside.

        The sign must be right everywhere and the value good near the boundary; farther off it may
        be too small, as a smooth union's is, but not much too large.
        """
        ...

    def label(self, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        """`Boundary` of the nearest piece of the boundary; 0 where the solid does not know it."""
        ...
