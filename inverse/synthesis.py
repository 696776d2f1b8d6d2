"""A patient's ECG as a smooth function of where the scar is and how the heart conducts: what
analysis by synthesis climbs.

Scar and hurt tissue are levels on the lattice, above 0 where they are. In between, tissue is partly
so: slower in proportion, and silent in proportion. The Purkinje tree dies with the first proposal
and stays so.
"""

from dataclasses import dataclass, fields, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from twin.inverse.beat import LEVEL, RATE, SAMPLES, START
from twin.inverse.lattice import Placement
from twin.simulation.eikonal import activation_times, delays_without
from twin.simulation.forward import STEP
from twin.simulation.infarct import Zone
from twin.simulation.lead_field import ELECTRODES
from twin.simulation.lead_weights import Intracellular
from twin.simulation.recruitment.people.patient import Patient, window
from twin.simulation.recruitment.recipe import Recipe
from twin.simulation.recruitment.spread import Spread
from twin.simulation.repolarisation import DurationGradients

CREEP = 0.05
"""Factor of speed in scar: a front gets nowhere there within a beat, and has no sources."""

STEEP = 3.0
"""How much steeper than the logits of what is believed the edge of an infarct is that is tried:
tissue is dead or alive, and the beat of half-dead tissue is nobody's."""

GAIN = 0.12
SHIFT = 3.0
"""Spread of the whole body's gain, and of the misjudged onset in ms, where a recipe varies them."""

CONDUCTION = ("speed", "cross_fibre", "tree", "duration", "gain", "shift", "along", "across")
GRADIENTS = tuple(f.name for f in fields(DurationGradients) if f.name != "mean")
SHIFTED = tuple(f"{name}_{axis}" for name in ELECTRODES for axis in "xyz")
NUISANCES = (*CONDUCTION, *GRADIENTS, *SHIFTED)
"""What varies besides the scar: factors less 1, ms, and mm of each electrode along the skin."""


@dataclass(frozen=True, eq=False)
class Synthesis:
    """`static` are the arrays that the compiled program takes; `spreads` those of `NUISANCES`, 0
    for what is known."""

    patient: Patient
    static: dict[str, object]
    spreads: Float[np.ndarray, " nuisances"]

    @staticmethod
    def of(
        patient: Patient,
        placement: Placement,
        recipe: Recipe,
        zones: Int[np.ndarray, " points"],
    ) -> "Synthesis":
        """Around a first proposal of zones at the patient's nodes."""
        heart, tree = patient.heart, patient.tree
        dead = tree.dead_branches(heart, (zones == Zone.SCAR)[None])[0]
        tissue = patient.physiology.tissue(heart)
        static = {
            "problem": patient.problem,
            "speeds": jnp.asarray(tissue.speeds, jnp.float32),
            "blocked": jnp.asarray(tissue.blocked),
            "delays": jnp.asarray(delays_without(patient.problem, tree, dead), jnp.float32),
            "barred": jnp.asarray(dead),
            "durations": _duration_fields(patient),
            "stiffness": patient.stiffness,
            "lead_field": patient.lead_field,
            "normals": _skin_normals(patient),
            "coupling": patient.coupling,
            "forward": patient.forward(*window(recipe)),
            "tetrahedra": jnp.asarray(heart.tetrahedra),
            "places": jnp.asarray(placement.places),
            "weights": jnp.asarray(placement.weights),
            "border": jnp.asarray(_border(recipe), jnp.float32),
        }
        return Synthesis(patient, static, _spreads(recipe))

    def ecg(
        self,
        level: Float[Array, " places"],
        gap: Float[Array, " places"],
        nuisance: Float[Array, " nuisances"],
    ) -> Float[Array, "8 time"]:
        """mV as `beat.py` has it, of scar where `level` is above 0 and hurt where `level + gap`
        is; `nuisance` in standard deviations."""
        return beat_of(self.static, level, gap, nuisance * self.spreads)


def _spreads(recipe: Recipe) -> Float[np.ndarray, " nuisances"]:
    conduction, repolarisation = recipe.conduction, recipe.repolarisation
    recording = recipe.recording
    drawn = (conduction.speed, conduction.cross_fibre, conduction.tree, repolarisation.duration)
    shift = float(np.hypot(recording.electrode_shift.sd, recording.common_shift.sd))
    ends = (GAIN, SHIFT) if shift else (0.0, 0.0)
    cells = _deviation(recording.cells_along), _deviation(recording.cells_across)
    gradients = [_deviation(repolarisation.gradients)] * len(GRADIENTS)
    shifts = [shift] * len(SHIFTED)
    return np.array([*map(_deviation, drawn), *ends, *cells, *gradients, *shifts], np.float32)


def _duration_fields(patient: Patient) -> Float[Array, "gradients points"]:
    """Durations of the mean, and what each gradient adds."""
    mean = patient.physiology.durations
    none = replace(mean, **dict.fromkeys(GRADIENTS, 0.0))
    base = none.durations(patient.heart)
    alone = (replace(none, **{n: getattr(mean, n)}).durations(patient.heart) for n in GRADIENTS)
    return jnp.asarray(np.stack([base, *(one - base for one in alone)]), jnp.float32)


def _skin_normals(patient: Patient) -> Float[Array, "electrodes 3"]:
    edges = patient.lead_field.anchors[:, 1:] - patient.lead_field.anchors[:, :1]
    normals = np.cross(edges[:, 0], edges[:, 1])
    return jnp.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True), jnp.float32)


def _deviation(spread: Spread) -> float:
    return spread.sd if spread.mean is not None else (spread.most - spread.least) / np.sqrt(12)


def _border(recipe: Recipe) -> tuple[float, float]:
    """Factors of speed and duration in the border zone, in the middle of what is drawn."""
    rules = recipe.infarcts.border_speed, recipe.infarcts.chronic_duration
    speed, duration = ((rule.least + rule.most) / 2 for rule in rules)
    return speed, duration


@jax.jit
def beat_of(static, level, gap, nuisance):
    # Single precision whatever JAX is set to: the kernels take all in one.
    level, gap, nuisance = (jnp.asarray(x, jnp.float32) for x in (level, gap, nuisance))
    along, across, tree, duration, gain, shift, *cells = nuisance[: len(CONDUCTION)]
    gradients, moved = jnp.split(nuisance[len(CONDUCTION) :], [len(GRADIENTS)])
    scar = jax.nn.sigmoid(STEEP * _at_nodes(static, level))
    hurt = jax.nn.sigmoid(STEEP * _at_nodes(static, level + gap))
    border_speed, border_duration = static["border"]
    # An element is what the most severe of its corners is; smooth, so that there is a slope.
    alive, sound = (jnp.prod(1 - x[static["tetrahedra"]], axis=1) for x in (scar, hurt))
    factor = sound + (alive - sound) * border_speed + (1 - alive) * CREEP
    axes = jnp.stack([1 + along, (1 + along) * (1 + across), (1 + along) * (1 + across)])
    speeds = static["speeds"] * axes * factor[:, None]
    delays = static["delays"]
    fires = jnp.isfinite(delays)
    delays = jnp.where(fires, jnp.where(fires, delays, 0.0) / (1 + tree), jnp.inf)
    times = _times(static, speeds, delays)
    mean, *parts = static["durations"]
    durations = mean * (1 + duration) + (1 + gradients) @ jnp.stack(parts)
    durations = durations * (1 + (hurt - scar) * (border_duration - 1))
    # Scar pulls nobody, as where no front comes.
    evened = static["coupling"].smooth(times + durations, 1 - scar) - times
    weights = _weights(static, moved.reshape(-1, 3), cells)
    seen = replace(static["forward"], weights=weights * alive[:, None, None])
    return _as_beat(seen.ecg(times, evened) * (1 + gain), shift)


def _weights(static, moved: Float[Array, "electrodes 3"], cells):
    """What the leads see, with electrodes elsewhere on the skin and other conductivities."""
    field, usual, normals = static["lead_field"], Intracellular(), static["normals"]
    along = moved - (moved * normals).sum(axis=1, keepdims=True) * normals
    leads = field.leads(jnp.asarray(field.places, jnp.float32) + along)
    inside = Intracellular(usual.along * (1 + cells[0]), usual.across * (1 + cells[1]))
    return static["stiffness"].lead_weights(leads, inside)


def _at_nodes(static, level):
    return (level[static["places"]] * static["weights"]).sum(axis=1)


def _times(static, speeds, delays):
    start = jnp.zeros(1, speeds.dtype)
    times = activation_times(
        static["problem"], speeds, static["blocked"], start, None, delays, static["barred"]
    )
    return times - times.min()


def _as_beat(signals: Float[Array, "8 time"], shift) -> Float[Array, "8 time"]:
    """At the beat's rate, later by `shift` ms, with 0 mV before the QRS."""
    at = jnp.arange(SAMPLES) * (1000 / RATE) / STEP - shift / STEP
    steps = jnp.arange(signals.shape[1], dtype=signals.dtype)
    beat = jax.vmap(partial(jnp.interp, at, steps))(signals)
    first, last = (round((level - START) * RATE / 1000) for level in LEVEL)
    return beat - beat[:, first:last].mean(axis=1, keepdims=True)
