"""One virtual person: a heart, a body around it, and what the heart does in health."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import h5py
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.meshes.anatomy.population import MEANS, Sex, sample_heart, sample_subject
from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.torso import HEIGHTS, SHORTEST_BODY, TALLEST_BODY, Conductivities, Torso
from twin.simulation.action_potential import ActionPotentials
from twin.simulation.eikonal import Problem, activation_times, locate_sources, pose
from twin.simulation.forward import STEP, ForwardECG
from twin.simulation.lead_field import LeadField
from twin.simulation.lead_weights import ElementStiffness, Intracellular
from twin.simulation.physiology import Physiology
from twin.simulation.purkinje import Purkinje
from twin.simulation.recruitment.people.stages import stage
from twin.simulation.recruitment.recipe import Patients, Recipe
from twin.simulation.recruitment.store.records import (
    heart_arrays,
    heart_of,
    lead_field_arrays,
    lead_field_of,
    read_arrays,
    write_arrays,
)
from twin.simulation.repolarisation import ElectrotonicCoupling

SEXES = (Sex.FEMALE, Sex.MALE)

FINER = (1.0, 1.5, 2.2)
"""Times the nodes that are asked for, tried for an even mesh until it holds together."""


@dataclass(frozen=True, eq=False)
class Conduction:
    """What the front meets in the heart of a person whom `seed` draws."""

    seed: int
    heart: Heart

    @cached_property
    def physiology(self) -> Physiology:
        """The healthy mean, with this person's tree."""
        random = np.random.default_rng([self.seed, 1])
        return Physiology(tree_seed=int(random.integers(2**31)))

    @cached_property
    def tree(self) -> Purkinje:
        return self.physiology.tree(self.heart)

    @cached_property
    def problem(self) -> Problem:
        """Fronts from the bundle of His, on the device."""
        places, nodes = locate_sources(self.heart, None, self.tree)
        return jax.device_put(pose(self.heart, places, nodes, self.tree))

    @cached_property
    def coupling(self) -> ElectrotonicCoupling:
        return ElectrotonicCoupling.of(self.heart, self.physiology.coupling)

    @cached_property
    def in_health(self) -> tuple[Float[Array, " points"], Float[Array, " points"]]:
        """Times from the first activation, and durations, ms."""
        tissue = self.physiology.tissue(self.heart)
        times = _times(self.problem, tissue.speeds.astype(np.float32), tissue.blocked)
        times = times - times.min()
        durations = jnp.asarray(self.physiology.durations.durations(self.heart), jnp.float32)
        return times, evened(self.coupling, times, durations)


@dataclass(frozen=True, eq=False)
class Patient:
    """What all cases of one heart share.

    `seed` draws the person, `tree_seed` the Purkinje tree. `times` (ms from the first activation)
    and `ecg` (mV; I, II, V1 to V6 at 1 kHz) are those of the healthy mean's physiology in this
    person: what a measured ECG is compared with.
    """

    seed: int
    heart: Heart
    lead_field: LeadField
    body: Mapping[str, float]
    times: Float[np.ndarray, " points"]
    ecg: Float[np.ndarray, "8 time"]

    @staticmethod
    def make(recipe: Recipe, seed: int, number: int = 0) -> "Patient":
        """The person of this seed, or the one with heart `number` of the recipe's files; the same
        recipe, seed and number give the same bits."""
        random = np.random.default_rng([seed, 0])
        sex = SEXES[int(random.integers(2))]
        with stage("heart"):
            heart = _heart(recipe, seed, number, sex)
        with stage("torso"):
            torso, body = _body(recipe, seed, sex, random)
            torso = torso.place(heart)
        with stage("lead field"):
            lead_field = _lead_field(recipe.patients, heart, torso)
        with stage("preparation"):
            return _with_reference(recipe, Conduction(seed, heart), lead_field, body)

    @staticmethod
    def around(heart: Heart, torso: Torso, recipe: Recipe, seed: int = 0) -> "Patient":
        """Someone's own heart in a torso that stands around it already. Of the lead field and the
        conduction neither needs the other: each has a core."""
        conduction = Conduction(seed, heart)
        with stage("preparation"), ThreadPoolExecutor(1) as beside:
            computing = beside.submit(_lead_field, recipe.patients, heart, torso, keep=True)
            _ = conduction.in_health
            return _with_reference(recipe, conduction, computing.result(), {})

    def write(self, group: h5py.Group) -> None:
        """Everything that `read` needs, and nothing that depends on when it is written."""
        words = {
            "seed": self.seed,
            "body": dict(self.body),
            "heart": dict(self.heart.provenance),
            "lead_field": {"direct": self.lead_field.direct, "method": self.lead_field.method},
        }
        group.attrs["patient"] = json.dumps(words, sort_keys=True, default=str)
        write_arrays(group.create_group("heart"), heart_arrays(self.heart))
        write_arrays(group.create_group("lead_field"), lead_field_arrays(self.lead_field))
        write_arrays(group.create_group("health"), {"times": self.times, "ecg": self.ecg})

    @staticmethod
    def read(group: h5py.Group) -> "Patient":
        """As it was written."""
        words = json.loads(group.attrs["patient"])
        heart = heart_of(read_arrays(group["heart"]), words["heart"])
        lead_field = lead_field_of(read_arrays(group["lead_field"]), heart, **words["lead_field"])
        health = read_arrays(group["health"])
        return Patient(words["seed"], heart, lead_field, words["body"], **health)

    @cached_property
    def conduction(self) -> "Conduction":
        return Conduction(self.seed, self.heart)

    @property
    def physiology(self) -> Physiology:
        return self.conduction.physiology

    @property
    def tree(self) -> Purkinje:
        return self.conduction.tree

    @property
    def problem(self) -> Problem:
        return self.conduction.problem

    @property
    def coupling(self) -> ElectrotonicCoupling:
        return self.conduction.coupling

    @cached_property
    def stiffness(self) -> ElementStiffness:
        return ElementStiffness.of(self.heart)

    def forward(self, start: float, samples: int) -> ForwardECG:
        """The way from times and durations to the ECG, at the nominal electrodes."""
        weights = self.stiffness.lead_weights(self.lead_field.leads(), Intracellular())
        return ForwardECG.of_weights(
            weights,
            self.heart.tetrahedra,
            ActionPotentials.of(),
            start,
            samples,
            self.lead_field.method,
        )

    def __repr__(self) -> str:
        return f"Patient({self.heart!r}, seed {self.seed})"


def window(recipe: Recipe) -> tuple[float, int]:
    """Start and number of the samples at 1 kHz."""
    recording = recipe.recording
    return recording.start, round((recording.end - recording.start) / STEP)


def _heart(recipe: Recipe, seed: int, number: int, sex: Sex) -> Heart:
    if recipe.files:
        return Heart.read(recipe.files[number % len(recipe.files)]).astype(np.float32)
    patients = recipe.patients
    if not patients.even:
        return sample_heart(seed, sex=sex, nodes=patients.nodes).astype(np.float32)
    return _even_heart(patients.nodes, seed, sex)


def _even_heart(nodes: int, seed: int, sex: Sex) -> Heart:
    """With as few nodes as asked for, or as few more as a heart with so thin a wall needs."""
    for factor in FINER:
        try:
            heart = sample_heart(seed, sex=sex, nodes=round(factor * nodes), even=True)
            # Only a tree tells whether both endocardia are whole.
            Physiology().tree(heart)
        except InputError:
            continue
        return heart.astype(np.float32)
    return sample_heart(seed, sex=sex, nodes=nodes).astype(np.float32)


def _body(recipe: Recipe, seed: int, sex: Sex, random) -> tuple[Torso, dict[str, float]]:
    """A torso for the person, bodies being taken to be alike in shape but for what is drawn: their
    height goes with the square root of their surface area. Whose heart is from a file has a body
    of middling size."""
    patients, share = recipe.patients, 1.0
    if not recipe.files:
        area = sample_subject(seed, sex=sex).sizes.body_surface_area
        share = (area / MEANS[sex].body_surface_area) ** 0.5
    height = HEIGHTS[sex] * share * patients.build.draw(random)
    height = float(np.clip(height, SHORTEST_BODY, TALLEST_BODY))
    conductivities = Conductivities(
        patients.torso_conductivity.draw(random),
        patients.lungs_conductivity.draw(random),
        patients.blood_conductivity.draw(random),
    )
    torso = Torso.template(sex=sex, height=height, seed=seed, conductivities=conductivities)
    return torso, {"height": height, **asdict(conductivities), "male": float(sex is Sex.MALE)}


def _lead_field(patients: Patients, heart: Heart, torso: Torso, keep: bool = False) -> LeadField:
    if patients.lead_field == "infinite_medium":
        return LeadField.infinite_medium(heart, torso)
    return LeadField.boundary_elements(heart, torso, keep=keep)


def _with_reference(
    recipe: Recipe, conduction: Conduction, lead_field: LeadField, body: Mapping[str, float]
) -> Patient:
    """The patient, with its times and ECG in health."""
    times, durations = conduction.in_health
    unseen = np.zeros((8, 0), np.float32)
    patient = Patient(
        conduction.seed, conduction.heart, lead_field, body, np.asarray(times), unseen
    )
    ecg = seen(patient.forward(*window(recipe)), times, durations)
    return replace(patient, ecg=np.asarray(ecg, np.float32))


@jax.jit
def _times(problem: Problem, speeds, blocked) -> Float[Array, " points"]:
    return activation_times(problem, speeds, blocked, jnp.zeros(1, speeds.dtype))


@jax.jit
def evened(coupling: ElectrotonicCoupling, times, durations):
    return coupling.durations(times, durations)


@jax.jit
def seen(forward: ForwardECG, times, durations):
    return forward.ecg(times, durations)
