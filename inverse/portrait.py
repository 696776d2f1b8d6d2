"""A patient's heart as a network sees it: on the common lattice, with what physics says of every
place in health."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from twin.inverse.beat import resampled
from twin.inverse.lattice import LATTICE, PLACES, Placement
from twin.meshes.fields.laplace import LinearElements
from twin.meshes.heart import Heart
from twin.simulation.recruitment.people.patient import Patient

LENGTH = 50.0
"""mm that count as 1, and ms likewise."""

LEADS = 8
FEATURES = 3 + 3 * LEADS + LEADS + 4
"""Place, lead vectors, lead potentials, activation, wall, mass, whether it is there."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """`features` of each place: mm from the left ventricle's middle, how the eight independent
    leads see a dipole there (their fields, in body axes, and potentials, each scaled to the
    strongest lead's), activation time in health, thickness of the wall, mass.

    `reference` is the healthy ECG, mV, as `beat.py` has it.
    """

    placement: Placement
    features: Float[np.ndarray, "places features"]
    reference: Float[np.ndarray, "8 time"]

    @staticmethod
    def of(
        heart: Heart,
        times: Float[np.ndarray, " points"],
        leads: Float[np.ndarray, "8 points"],
        ecg: Float[np.ndarray, "8 time"],
    ) -> "Portrait":
        """From healthy activation times (ms), the leads' potentials of unit current at the nodes,
        and the healthy ECG (1 kHz)."""
        placement = Placement.of(heart)
        elements = LinearElements(heart.points.astype(float), heart.tetrahedra)
        fields = [elements.at_nodes(elements.gradient(lead)) for lead in leads]
        vectors = placement.gather(np.stack(fields, axis=1))
        potentials = placement.gather(leads.T)
        features = np.concatenate(
            [
                (placement.points - _middle(placement)) / LENGTH,
                (vectors / _size(vectors)).reshape(PLACES, -1),
                (potentials - potentials.mean(axis=0)) / _size(potentials),
                np.stack([placement.gather(times) / LENGTH, *_walls(placement)], axis=1),
            ],
            axis=1,
        )
        features[~placement.present] = 0.0
        return Portrait(placement, features.astype(np.float32), resampled(ecg))

    def on(self, heart: Heart) -> "Portrait":
        """The same, read at the nodes of another mesh of the heart."""
        return replace(self, placement=Placement.of(heart))

    @staticmethod
    def of_patient(patient: Patient) -> "Portrait":
        """Of a virtual one, with what is known of every patient: the nominal electrodes."""
        leads = np.asarray(patient.lead_field.leads(), float)
        return Portrait.of(patient.heart, patient.times, leads, patient.ecg)


def _middle(placement: Placement) -> Float[np.ndarray, " 3"]:
    left = LATTICE.left
    return np.average(placement.points[left], axis=0, weights=placement.masses[left])


def _size(values: np.ndarray) -> float:
    """Of what is typical, so that bodies of any conductivity look alike."""
    return float(np.sqrt(np.mean(np.square(values - values.mean(axis=0)))))


def _walls(placement: Placement):
    """Extent of each place's share of the wall, its mass against the mean, and 1 where it is."""
    mass = placement.masses / placement.masses[placement.present].mean()
    there = placement.present.astype(float)
    return np.cbrt(mass), np.log(mass + 0.05), there
