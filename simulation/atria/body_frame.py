"""The body's own axes, told from its electrodes."""

import numpy as np
from jaxtyping import Float

from twin.simulation.lead_field import ELECTRODES


def body_frame(
    electrodes: Float[np.ndarray, "electrodes 3"],
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, " 3"]]:
    """Axes to the left, the back and up, from the limbs' electrodes; the origin between V1, V2."""
    at = dict(zip(ELECTRODES, np.asarray(electrodes, float), strict=True))
    left = at["LA"] - at["RA"]
    left /= np.linalg.norm(left)
    up = (at["LA"] + at["RA"]) / 2 - at["LL"]
    up -= (up @ left) * left
    up /= np.linalg.norm(up)
    return np.stack([left, np.cross(up, left), up]), (at["V1"] + at["V2"]) / 2
