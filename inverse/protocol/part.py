"""Some cases of a cohort, in memory: what training and scoring read over and over."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from twin.inverse.lattice import PLACES, Placement, masses_of
from twin.inverse.scores import Truth
from twin.meshes.errors import InputError
from twin.meshes.heart import Coordinates, Heart
from twin.meshes.progress import Progress, silent
from twin.simulation.cohort import Cohort
from twin.simulation.infarct import Zone

AT_ONCE = 100
"""Cases read at a time."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What is needed of a heart, a fifth of its memory. `electrodes` (mm) are where they were
    meant to be put; a cohort's own may be shifted, which nobody knows at the bedside. `placement`
    is the lattice, where it was asked for."""

    points: Float[np.ndarray, "points 3"]
    coordinates: Coordinates
    segments: Int[np.ndarray, " points"]
    masses: Float[np.ndarray, " points"]
    electrodes: Float[np.ndarray, "electrodes 3"]
    placement: Placement | None = None

    @staticmethod
    def of(heart: Heart, electrodes: Float[np.ndarray, "electrodes 3"], placed: bool) -> "Anatomy":
        return Anatomy(
            points=heart.points,
            coordinates=heart.coordinates,
            segments=heart.segments,
            masses=masses_of(heart),
            electrodes=electrodes,
            placement=Placement.of(heart) if placed else None,
        )


@dataclass(frozen=True, eq=False)
class Part:
    """Cases in the cohort's order. `anatomy` counts `anatomies`; `table` has the cohort's columns;
    ECGs (mV) begin `start` ms after the onset, at `rate` Hz."""

    ecg: Float[np.ndarray, "cases 8 time"]
    zones: list[Int[np.ndarray, " points"]]
    anatomy: Int[np.ndarray, " cases"]
    anatomies: list[Anatomy]
    table: dict[str, np.ndarray]
    rate: float
    start: float

    @staticmethod
    def of(cohort: Cohort, placed: bool = True, progress: Progress = silent) -> "Part":
        ecg, zones = _signals(cohort, progress)
        patients, anatomy = np.unique(cohort.patients, return_inverse=True)
        firsts = [int(np.flatnonzero(anatomy == k)[0]) for k in range(len(patients))]
        anatomies = []
        for done, first in enumerate(firsts):
            patient = cohort[first].patient
            anatomies.append(Anatomy.of(patient.heart, patient.lead_field.places, placed))
            progress("hearts", (done + 1) / len(firsts))
        rate, start = cohort[0].window
        return Part(ecg, zones, anatomy, anatomies, cohort.table(), rate, start)

    def __len__(self) -> int:
        return len(self.zones)

    def anatomy_of(self, case: int) -> Anatomy:
        return self.anatomies[self.anatomy[case]]

    def truth(self, case: int) -> Truth:
        one = self.anatomy_of(case)
        return Truth(self.zones[case], one.points, one.masses, one.segments)

    def placement(self, case: int) -> Placement:
        placement = self.anatomy_of(case).placement
        assert placement is not None, "a part that was read without its lattice"
        return placement

    @property
    def healthy(self) -> np.ndarray:
        return self.table["healthy"].astype(bool)

    def gathered(self) -> Float[np.ndarray, "cases places 3"]:
        """Share of each zone around each place of the lattice."""
        found = np.empty((len(self), PLACES, len(Zone)), np.float32)
        for case in range(len(self)):
            one_hot = np.eye(len(Zone), dtype=np.float32)[self.zones[case]]
            found[case] = self.placement(case).gather(one_hot)
        return found

    def place_masses(self) -> Float[np.ndarray, "cases places"]:
        """Of the lattice's places, in each case's heart."""
        placements = [one.placement for one in self.anatomies]
        return np.stack([p.masses for p in placements if p is not None])[self.anatomy]


def partner_cases(part: Part, seed: int = 0) -> Int[np.ndarray, " cases"]:
    """For each case one of another anatomy, in chance order: whose ECG it is shown when ECGs are
    shuffled. Every case is shown once where anatomies have as many cases each."""
    if len(np.unique(part.anatomy)) < 2:
        raise InputError("the test part has one heart; an ECG of another needs at least two")
    random = np.random.default_rng([seed, 1])
    order = np.argsort(part.anatomy + random.permutation(len(part)) / len(part))
    most = int(np.bincount(part.anatomy).max())
    partners = np.empty(len(part), np.int64)
    partners[order] = np.roll(order, most)
    same = np.flatnonzero(part.anatomy[partners] == part.anatomy)
    for case in same.tolist():
        partners[case] = random.choice(np.flatnonzero(part.anatomy != part.anatomy[case]))
    return partners


def _signals(cohort: Cohort, progress: Progress) -> tuple[np.ndarray, list[np.ndarray]]:
    ecg, zones = [], []
    for first in range(0, len(cohort), AT_ONCE):
        batch = cohort.batch(np.arange(first, min(first + AT_ONCE, len(cohort))))
        ecg.append(batch.ecg)
        zones += batch.zones
        progress("cases", min(first + AT_ONCE, len(cohort)) / len(cohort))
    return np.concatenate(ecg), zones


Feature = Callable[[Part], Float[np.ndarray, "cases features"]]
"""A few numbers of each case, by which a rival chooses."""
