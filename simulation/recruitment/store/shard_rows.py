"""What a shard holds, as it is written: a row, and a chunk, a case."""

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np
from jaxtyping import Int

from twin.simulation.leads import INDEPENDENT
from twin.simulation.recruitment.store.columns import Row, write_columns
from twin.simulation.recruitment.store.records import write_array

MILLIVOLTS = 0.001
"""mV of one step of a stored ECG: 1 uV, where recorders resolve 2.5 to 5. It loses less than any
filter, and packs three times better than single precision."""

MISSING = -(2**15)
"""What no sample is."""

LARGEST = 32.0
"""mV that can be stored; a QRS is 0.3 to 5."""


@dataclass(frozen=True, eq=False)
class ShardRows:
    """Cases of one anatomy: ECGs as recorded, and the same without noise and filters, in steps of
    `MILLIVOLTS`. `rate` in Hz, `start` in ms."""

    cases: Sequence[int]
    seeds: Sequence[int]
    healthy: Sequence[bool]
    ecg: Int[np.ndarray, "cases 8 time"]
    clean: Int[np.ndarray, "cases 8 time"]
    zones: Int[np.ndarray, "cases points"]
    draws: Sequence[Row]
    summary: Sequence[Row]
    rate: float
    start: float

    def write(self, file: h5py.File) -> None:
        said = {"millivolts": MILLIVOLTS, "rate": self.rate, "start": self.start}
        for name, steps in (("ecg", self.ecg), ("clean", self.clean)):
            chunks = (1, *steps.shape[1:])
            packed = steps.astype(np.int16)
            ecg = write_array(file, name, packed, chunks=chunks, fillvalue=MISSING)
            ecg.attrs.update({**said, "leads": " ".join(INDEPENDENT)})
        zones = self.zones.astype(np.int8)
        write_array(file, "zones", zones, chunks=(1, zones.shape[1]))
        for name, values in (
            ("case", self.cases),
            ("seed", self.seeds),
            ("healthy", self.healthy),
        ):
            packed = np.array(values, np.int64)
            write_array(file, name, packed, chunks=packed.shape)
        write_columns(file.create_group("draws"), self.draws)
        write_columns(file.create_group("summary"), self.summary)
