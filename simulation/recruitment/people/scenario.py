"""What varies from case to case on one heart: drawn here, from the recipe and the case's seed."""

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float

from twin.simulation.lead_weights import Intracellular
from twin.simulation.recruitment.people.disturbance import Disturbance
from twin.simulation.recruitment.people.patient import Patient
from twin.simulation.recruitment.recipe import Conduction, Recipe, Recording
from twin.simulation.repolarisation import DurationGradients

JUNCTIONS_ALIKE = 20.0
"""mm over which neighbouring junctions of the Purkinje tree share their fate."""

WAVES = 64
"""Of which a random field is made."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """One case's physiology in health and its recording; the infarct comes on top of it.

    speeds: along fibre, sheet and normal, mm/ms. tree: factor of speed in the Purkinje tree.
    silent: junctions of the tree that do not work; delays: of the others, ms.
    places: of the electrodes, mm. conductivity: factor of the whole body's.
    """

    speeds: Float[np.ndarray, " 3"]
    tree: float
    silent: Bool[np.ndarray, " junctions"]
    delays: Float[np.ndarray, " junctions"]
    durations: DurationGradients
    places: Float[np.ndarray, "electrodes 3"]
    conductivity: float
    cells: Intracellular
    disturbance: Disturbance

    @staticmethod
    def draw(patient: Patient, recipe: Recipe, seed: int) -> "Scenario":
        """The same patient, recipe and seed give the same scenario."""
        # A stream for each part: what one draws does not depend on the others.
        conduction, repolarisation, recording, disturbance = (
            np.random.default_rng([seed, part]) for part in range(4)
        )
        speeds, tree, silent, delays = _conduction(patient, recipe.conduction, conduction)
        places, conductivity, cells = _electrodes(patient, recipe.recording, recording)
        return Scenario(
            speeds=speeds,
            tree=tree,
            silent=silent,
            delays=delays,
            durations=_durations(patient.physiology.durations, recipe, repolarisation),
            places=places,
            conductivity=conductivity,
            cells=cells,
            disturbance=Disturbance.draw(recipe.recording, disturbance, (seed, 4)),
        )

    @property
    def draws(self) -> dict[str, float]:
        """By name, fit for a table."""
        durations = {
            f"duration_{f.name}_ms": getattr(self.durations, f.name) for f in fields(self.durations)
        }
        return {
            "fibre_speed": float(self.speeds[0]),
            "sheet_speed": float(self.speeds[1]),
            "normal_speed": float(self.speeds[2]),
            "tree_speed_factor": self.tree,
            "silent_junctions": float(self.silent.mean()),
            "junction_delay_sd_ms": float(self.delays.std()),
            **durations,
            "body_conductivity_factor": self.conductivity,
            "cells_along": float(self.cells.along),
            "cells_across": float(self.cells.across),
            **self.disturbance.draws,
        }


def _conduction(patient: Patient, rule: Conduction, random: np.random.Generator):
    along, across = rule.speed.draw(random), rule.cross_fibre.draw(random)
    speeds = np.array(patient.physiology.speeds) * along * np.array([1.0, across, across])
    tree, share, delay = (s.draw(random) for s in (rule.tree, rule.junctions, rule.junction_delay))
    places = patient.heart.points[patient.tree.junctions[:, 1]]
    works, late = _field(places, random), _field(places, random)
    silent = works > np.quantile(works, min(share, 1.0))
    return speeds, tree, silent, delay * late


def _field(places: Float[np.ndarray, "points 3"], random) -> Float[np.ndarray, " points"]:
    """A Gaussian field of mean 0 and deviation 1, alike within `JUNCTIONS_ALIKE` mm."""
    waves = random.normal(size=(3, WAVES)) / JUNCTIONS_ALIKE
    phases = random.uniform(0, 2 * np.pi, WAVES)
    return np.sqrt(2 / WAVES) * np.cos(places @ waves + phases).sum(axis=1)


def _durations(mean: DurationGradients, recipe: Recipe, random) -> DurationGradients:
    rule = recipe.repolarisation
    factor = rule.duration.draw(random)
    gradients = [f.name for f in fields(mean) if f.name != "mean"]
    drawn = {name: getattr(mean, name) * rule.gradients.draw(random) for name in gradients}
    return replace(mean, mean=mean.mean * factor, **drawn)


def _electrodes(patient: Patient, rule: Recording, random):
    """Where the electrodes are this time, and what conducts between them and the heart."""
    field = patient.lead_field
    common = np.array([rule.common_shift.draw(random) for _ in range(3)])
    shifts = np.array([[rule.electrode_shift.draw(random) for _ in range(3)] for _ in field.places])
    edges = field.anchors[:, 1:] - field.anchors[:, :1]
    normals = np.cross(edges[:, 0], edges[:, 1])
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    # Along the skin only: an electrode that leaves it records nothing.
    shifts = shifts + common
    along = shifts - (shifts * normals).sum(axis=1, keepdims=True) * normals
    cells = Intracellular()
    cells = Intracellular(
        cells.along * rule.cells_along.draw(random), cells.across * rule.cells_across.draw(random)
    )
    return field.places + along, rule.conductivity.draw(random), cells
