"""Our network as a line of the table, as it is and refined by simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from twin.inverse.beat import levelled
from twin.inverse.measured import Measured
from twin.inverse.model import Model, Reading, softmax
from twin.inverse.portrait import Portrait
from twin.inverse.posterior import Posterior
from twin.inverse.refinement import BETTER, fit_scar, shifted
from twin.inverse.training.examples import Ground
from twin.simulation.cohort import Cohort
from twin.simulation.infarct import Zone


@dataclass(frozen=True, eq=False)
class OurRow:
    """`test` is the part of the cohort that is scored. `present` are the leads that are shown;
    `beats` (cases, 8, time) take the place of the cohort's where they are given."""

    name: str
    model: Model
    test: Cohort
    present: Bool[np.ndarray, " 8"] = field(default_factory=lambda: np.ones(8, bool))
    beats: Float[np.ndarray, "cases 8 time"] | None = None

    def probabilities(self, case: int, ecg_of: int | None = None) -> Float[np.ndarray, "points 3"]:
        """Those of the answer; certain where there is said to be no infarct."""
        reading = self.read(case, ecg_of)
        found = softmax(reading.answer)
        if reading.infarct < self.model.calibration.infarct_from:
            return np.broadcast_to(np.eye(len(Zone))[0], found.shape)
        return found

    def zones(self, case: int, ecg_of: int | None = None) -> Int[np.ndarray, " points"]:
        return self.model.decided(self.read(case, ecg_of))

    def intervals(self, case: int, ecg_of: int | None = None) -> Mapping[str, tuple[float, float]]:
        posterior = self.posterior(case, ecg_of)
        said = {"burden": posterior.burden, "transmurality": posterior.transmurality}
        said |= {f"segment_{s.number:02d}": s.scar for s in posterior.segments}
        return {name: (one.low, one.high) for name, one in said.items()}

    def posterior(self, case: int, ecg_of: int | None = None) -> Posterior:
        return self.model.posterior(self.ground(case), self.read(case, ecg_of))

    def read(self, case: int, ecg_of: int | None = None) -> Reading:
        shown = case if ecg_of is None else ecg_of
        if _latest.get("key") != (self.name, case, shown):
            _latest.update(key=(self.name, case, shown), reading=self._read(case, shown))
        return _latest["reading"]

    def _read(self, case: int, shown: int) -> Reading:
        return self.model.read_beat(self.ground(case), self.beat(shown), self.present)

    def beat(self, case: int) -> Float[np.ndarray, "8 time"]:
        if self.beats is not None:
            return self.beats[case]
        return levelled(self.test.batch([case]).ecg[0])

    def ground(self, case: int) -> Ground:
        store, _, _, anatomy = self.test.cases[case].tolist()
        return _ground(self.test.stores[store], anatomy)


@dataclass(frozen=True, eq=False)
class RefinedRow(OurRow):
    """Each proposal simulated against its ECG."""

    def _read(self, case: int, shown: int) -> Reading:
        first = super()._read(case, shown)
        if first.infarct < self.model.calibration.infarct_from:
            return first
        ground = self.ground(case)
        seen = Measured(self.beat(shown), self.present, np.nan, ())
        fit = fit_scar(self.test[case].patient, ground, self.model, first, seen)
        if fit.after >= BETTER * fit.before:
            return first
        return shifted(first, fit.change, ground)


_latest: dict = {}
"""What was read last: a case is asked for its probabilities, zones and intervals in turn."""


@lru_cache(maxsize=4)
def _ground(store, anatomy: int) -> Ground:
    patient = store.patient(anatomy)
    return Ground.of(Portrait.of_patient(patient), patient.heart)
