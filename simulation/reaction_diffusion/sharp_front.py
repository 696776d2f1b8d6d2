"""Leads of a front that is thinner than the elements it runs through.

Where nodes are far apart they rise one by one, and a lead that sums over them is jagged: a front
that takes 5 ms from a node to the next is seen as two steps. With the arrival times A at the nodes
linear in an element, the upstroke s of the cells passes through it evenly instead. So the steps
s(t - A) at the nodes are taken out of the lead, and the passage of s through the elements is put in
(`passage`, as the eikonal's own ECG has it). What is left at the nodes, recovery, is smooth.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from twin.simulation.passage import passage
from twin.simulation.reaction_diffusion.foot import UPSTROKE_END, Upstroke

BIN = 0.25
"""ms; the front's way is counted in bins of arrivals as wide."""


def front_correction(
    arrival_times: Float[np.ndarray, " points"],
    weights: Float[np.ndarray, "tets signals 4"],
    tetrahedra: Int[np.ndarray, "tets 4"],
    upstroke: Upstroke,
    times: Float[np.ndarray, " times"],
) -> Float[np.ndarray, "times signals"]:
    """What is to be added to signals at `times` (ms) that are sums over the nodes.

    A signal is minus the sum of weight x potential over the elements' corners, as in
    `lead_weights`. Elements with a corner that is never reached (infinite) stay as they are.
    """
    correction = np.zeros((len(times), weights.shape[1]))
    reached = np.isfinite(arrival_times)
    if not reached.any():
        return correction
    first, last = arrival_times[reached].min(), arrival_times[reached].max()
    edges = first + BIN * np.arange(2 + int((last - first) / BIN))
    by_bin, by_node = passage(
        jnp.asarray(arrival_times - first, jnp.float32),
        jnp.asarray(weights, jnp.float32),
        jnp.asarray(tetrahedra),
        BIN,
        len(edges) - 1,
    )
    passed, totals = np.asarray(by_bin, float), np.asarray(by_node, float)[reached]
    for number in np.flatnonzero((times > first - upstroke.lead) & (times < last + UPSTROKE_END)):
        through = -np.diff(upstroke.at(times[number] - edges)) / BIN
        correction[number] = through @ passed
        correction[number] += upstroke.at(times[number] - arrival_times[reached]) @ totals
    return correction
