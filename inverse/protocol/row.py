"""A line of the table: a name, and what it answers for a case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int


class Row(Protocol):
    """Cases are counted in the test part. `ecg_of` is the case whose ECG is shown, its own where
    none is named.

    A row may also have `zones(case, ecg_of)`, its answer where that is not the likeliest zone, and
    `intervals(case, ecg_of)`: by name (`burden`, `transmurality`, `segment_01` to `segment_17`,
    all in %) the lower and upper end of what it states.
    """

    @property
    def name(self) -> str: ...

    def probabilities(
        self, case: int, ecg_of: int | None = None
    ) -> Float[np.ndarray, "points 3"]: ...


@dataclass(frozen=True, eq=False)
class Shuffled:
    """A row that is shown the ECG of another heart's case; see `part.partner_cases`."""

    row: Row
    partners: Int[np.ndarray, " cases"]

    @property
    def name(self) -> str:
        return f"{self.row.name}, ECG shuffled"

    def probabilities(self, case: int, ecg_of: int | None = None) -> Float[np.ndarray, "points 3"]:
        return self.row.probabilities(case, int(self.partners[case]))

    def zones(self, case: int, ecg_of: int | None = None) -> Int[np.ndarray, " points"]:
        return answer_of(self.row, case, int(self.partners[case]))

    def intervals(self, case: int, ecg_of: int | None = None) -> Mapping[str, tuple[float, float]]:
        return intervals_of(self.row, case, int(self.partners[case]))


def answer_of(
    row: Row,
    case: int,
    ecg_of: int | None = None,
    probabilities: Float[np.ndarray, "points 3"] | None = None,
) -> Int[np.ndarray, " points"]:
    """The row's own, or the likeliest zones, of `probabilities` where these are known."""
    own = getattr(row, "zones", None)
    # A shuffled row always has the method; what it holds may not.
    if own is not None and not (isinstance(row, Shuffled) and not hasattr(row.row, "zones")):
        return own(case, ecg_of)
    if probabilities is None:
        probabilities = row.probabilities(case, ecg_of)
    return probabilities.argmax(axis=1)


def intervals_of(
    row: Row, case: int, ecg_of: int | None = None
) -> Mapping[str, tuple[float, float]]:
    """None where the row states none."""
    own = getattr(row, "intervals", None)
    return own(case, ecg_of) if own is not None else {}
