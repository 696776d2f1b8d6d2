"""Sampled healthy adults: a heart, a torso of that size, its lead field, and the ECG of both.

What takes long is kept in the cache folder (`twin.meshes.cache`), so that a population that was
interrupted goes on where it stopped, and another physiology costs no new anatomy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from hashlib import sha256

import numpy as np
from jaxtyping import Float

from twin.meshes.anatomy.population import MEANS, Sex, sample_heart, sample_subject
from twin.meshes.cache import remembered
from twin.meshes.heart import Coordinates, Fibres, Heart
from twin.meshes.torso import HEIGHTS, Torso
from twin.simulation.ecg import ECG
from twin.simulation.eikonal import activation
from twin.simulation.forward import STEP, ForwardECG
from twin.simulation.heartbeat import measure_between
from twin.simulation.lead_field import LeadField
from twin.simulation.leads import STANDARD
from twin.simulation.physiology import Physiology
from twin.simulation.purkinje import Bundle
from twin.simulation.recording.measures import Measures

NODES = 40_000
SAMPLES = 700
VERSION, BEATS = 1, 3
"""Of the anatomies and of the beats kept on disk; a change of method changes it."""

ANATOMY = ("points", "tetrahedra", "triangles", "boundary")


@dataclass(frozen=True)
class Adult:
    """One person at rest; the same seed and sex are the same person."""

    seed: int
    sex: Sex

    @property
    def physiology(self) -> Physiology:
        return Physiology.sample(2 * self.seed + (self.sex is Sex.MALE))

    def heart(self) -> Heart:
        """Of about `NODES` nodes, in single precision."""
        key = sha256(f"{VERSION} {self.seed} {self.sex.value} {NODES}".encode()).hexdigest()
        stored = remembered("healthy_adults", key, self._sample)
        coordinates = Coordinates(**{f.name: stored[f.name] for f in fields(Coordinates)})
        fibres = Fibres(**{f.name: stored[f.name] for f in fields(Fibres)})
        anatomy = {name: stored[name] for name in ANATOMY}
        provenance = {"origin": "population", "seed": self.seed, "sex": self.sex.value}
        return Heart(**anatomy, coordinates=coordinates, fibres=fibres, provenance=provenance)

    def torso(self) -> Torso:
        """The template scaled to the body, bodies being taken to be alike in shape: their height
        goes with the square root of their surface area."""
        sizes = sample_subject(self.seed, sex=self.sex).sizes
        share = sizes.body_surface_area / MEANS[self.sex].body_surface_area
        return Torso.template(sex=self.sex, height=HEIGHTS[self.sex] * share**0.5, seed=self.seed)

    def beat(self, block: Bundle | None = None) -> "SampledBeat":
        """In health, or with a bundle branch cut."""
        words = (VERSION, BEATS, NODES, SAMPLES, self, self.physiology, block)
        key = sha256(repr(words).encode()).hexdigest()
        stored = remembered("healthy_beats", key, lambda: self._simulate(block))
        ecg = ECG(stored["signals"], 1000 / STEP, STANDARD)
        return SampledBeat(self, ecg, *map(float, stored["activated"]))

    def _sample(self) -> dict[str, np.ndarray]:
        heart = sample_heart(self.seed, sex=self.sex, nodes=NODES).astype(np.float32)
        arrays = {name: getattr(heart, name) for name in ANATOMY}
        for part in (heart.coordinates, heart.fibres):
            arrays |= {f.name: getattr(part, f.name) for f in fields(part)}
        return arrays

    def _simulate(self, block: Bundle | None) -> dict[str, np.ndarray]:
        heart, physiology = self.heart(), self.physiology
        tree = physiology.tree(heart)
        tree = tree if block is None else tree.cut(block)
        times = activation(heart, physiology.tissue(heart), purkinje=tree).times
        lead_field = LeadField.boundary_elements(heart, self.torso())
        forward = ForwardECG.of(heart, lead_field, samples=SAMPLES)
        durations = np.asarray(physiology.action_potential_durations(heart, times))
        ecg = forward.record(times, durations)
        window = np.array([times.min(), times.max()]) - forward.start
        return {"signals": ecg.in_standard_order().signals, "activated": window}


@dataclass(frozen=True, eq=False)
class SampledBeat:
    """An adult's ECG of one beat, whose heart is activated from `first` to `last`, ms from the
    first sample."""

    adult: Adult
    ecg: ECG
    first: float
    last: float

    def measures(self) -> Measures:
        return measure_between(self.ecg, self.first, self.last)

    def qrs(self, measures: Measures, lead: str) -> Float[np.ndarray, " time"]:
        """One lead from the onset to the end of the QRS, mV over the level before it."""
        marks, step = measures.fiducials, 1000 / self.ecg.rate
        onset, end = round(marks.qrs_onset / step), round(marks.qrs_end / step)
        row = self.ecg.lead(lead)
        return row[onset : end + 1] - row[max(0, onset - 16) : onset].mean()


def adults(first: int, of_each_sex: int) -> Sequence[Adult]:
    """Seeds from `first` on, a woman and a man of each."""
    return [Adult(seed, sex) for seed in range(first, first + of_each_sex) for sex in Sex]
