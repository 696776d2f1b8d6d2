"""Several cases at once, as networks read them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from twin.simulation.recruitment.store.store import Store


@dataclass(frozen=True, eq=False)
class Batch:
    """ECG in mV, single precision; hearts differ in their number of nodes, so zones are a list."""

    ecg: Float[np.ndarray, "cases 8 time"]
    zones: list[Int[np.ndarray, " points"]]
    anatomy: Int[np.ndarray, " cases"]


def read_batch(stores: Sequence[Store], cases: Int[np.ndarray, "cases 4"]) -> Batch:
    """In the order given, but read shard by shard."""
    ecg: list[np.ndarray] = [np.empty(0)] * len(cases)
    zones: list[np.ndarray] = [np.empty(0)] * len(cases)
    for place in np.lexsort(cases.T[2::-1]).tolist():
        store, shard, row, _ = cases[place].tolist()
        ecg[place], zones[place] = stores[store].read_row(shard, row)
    return Batch(np.stack(ecg) if ecg else np.zeros((0, 8, 0), np.float32), zones, cases[:, 3])
