"""The action potential that follows an eikonal front in an atrium."""

from hashlib import sha256

import numpy as np
from jaxtyping import Float

from twin.meshes.cache import remembered
from twin.simulation.ionic.cell import pace, resting_cells
from twin.simulation.ionic.courtemanche import Courtemanche

CYCLE, TIME_STEP = 800.0, 0.02
"""ms"""


def atrial_action_potential() -> Float[np.ndarray, " samples"]:
    """Courtemanche's third beat, `CYCLE` ms apart, from its stimulus on, mV each ms."""

    def compute():
        cell = Courtemanche()
        rest = resting_cells(cell, 1)
        each = round(1 / TIME_STEP)
        _, trace = pace(cell, rest, cycle=CYCLE, beats=3, time_step=TIME_STEP, every=each)
        return {"potential": np.asarray(trace)[:, 0]}

    key = sha256(repr((Courtemanche(), CYCLE, TIME_STEP)).encode()).hexdigest()
    return remembered("atrial_action_potential", key, compute)["potential"]
