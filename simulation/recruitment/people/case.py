"""Cases on one patient: drawn, simulated side by side, recorded and measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from twin.meshes.errors import InputError
from twin.simulation.ecg import standard_ecg
from twin.simulation.eikonal import activation_times, delays_without
from twin.simulation.forward import STEP, ForwardECG
from twin.simulation.heartbeat import measure_between
from twin.simulation.infarct import Zone
from twin.simulation.lead_weights import Intracellular
from twin.simulation.leads import INDEPENDENT
from twin.simulation.recording.measures import Measures
from twin.simulation.recruitment.people.illness import Illness
from twin.simulation.recruitment.people.patient import Patient, evened, seen, window
from twin.simulation.recruitment.people.scenario import Scenario
from twin.simulation.recruitment.people.stages import stage
from twin.simulation.recruitment.recipe import Recipe

BATCH = 8
"""Scenarios whose fronts run side by side, one in each lane of a processor's registers."""

Order = tuple[int, int]
"""Which case of its heart it is, counted from 0, and its seed."""


@dataclass(frozen=True, eq=False)
class Case:
    """One virtual patient's infarct and ECG.

    `ecg` is as recorded, `clean` the same beat without noise, filters and misjudged onset: mV; I,
    II, V1 to V6; the QRS of `clean` begins where the recipe's window has 0 ms.
    """

    zones: Int[np.ndarray, " points"]
    ecg: Float[np.ndarray, "8 time"]
    clean: Float[np.ndarray, "8 time"]
    healthy: bool
    draws: dict[str, float]
    summary: dict[str, float]


@dataclass(frozen=True)
class CaseFailure:
    """A case that could not be made, and why."""

    reason: str


@dataclass(frozen=True, eq=False)
class Drawn:
    """A case before it is simulated: what a person's heart is like that day, and its infarct."""

    scenario: Scenario
    illness: Illness


def simulate_cases(
    patient: Patient, recipe: Recipe, orders: Sequence[Order]
) -> list[Case | CaseFailure]:
    """The cases in the order asked for. The same patient, recipe and orders give the same bits;
    in another company a case is the same but for rounding."""
    with stage("infarct"):
        drawn = [_draw(patient, recipe, order) for order in orders]
    outcomes: dict[int, Case | CaseFailure] = {
        i: one for i, one in enumerate(drawn) if isinstance(one, CaseFailure)
    }
    going = [i for i, one in enumerate(drawn) if isinstance(one, Drawn)]
    found = simulate(patient, recipe, [one for one in drawn if isinstance(one, Drawn)])
    outcomes |= dict(zip(going, found, strict=True))
    return [outcomes[i] for i in range(len(orders))]


def _draw(patient: Patient, recipe: Recipe, order: Order) -> Drawn | CaseFailure:
    index, seed = order
    try:
        illness = Illness.draw(patient.heart, recipe.infarcts, index, seed)
        return Drawn(Scenario.draw(patient, recipe, seed), illness)
    except InputError as error:
        return CaseFailure(str(error))


def simulate(
    patient: Patient, recipe: Recipe, drawn: Sequence[Drawn]
) -> Iterator[Case | CaseFailure]:
    """Each case in its order, `BATCH` of them side by side."""
    forward = patient.forward(*window(recipe))
    for first in range(0, len(drawn), BATCH):
        some = drawn[first : first + BATCH]
        with stage("activation"):
            times = _activate(patient, some)
        for one, arrivals in zip(some, times, strict=True):
            yield _finish(patient, recipe, forward, one, arrivals)


def _activate(patient: Patient, some: Sequence[Drawn]) -> Float[np.ndarray, "cases points"]:
    """Arrival times, ms after the bundle of His; infinite where no front comes."""
    full = [*some, *[some[-1]] * (BATCH - len(some))]
    dead = np.stack([one.illness.dead_nodes for one in full])
    dead_branches = patient.tree.dead_branches(patient.heart, dead)
    tissues = [one.illness.tissue(one.scenario.speeds) for one in full]
    delays, barred = zip(*map(_fire, [patient] * BATCH, full, dead_branches), strict=True)
    solved = _batch_times(
        patient.problem,
        jnp.asarray(np.stack([tissue.speeds for tissue in tissues]), jnp.float32),
        jnp.asarray(np.stack([tissue.blocked for tissue in tissues])),
        jnp.asarray(np.stack(delays), jnp.float32),
        jnp.asarray(np.stack(barred)),
    )
    return np.asarray(solved)[: len(some)]


def _fire(patient: Patient, one: Drawn, dead_branches: Bool[np.ndarray, " branches"]):
    """When each source of the patient's problem fires, and which branches of the tree no front
    runs along: those that are dead, and those to silent junctions."""
    tree, scenario = patient.tree, one.scenario
    delays = delays_without(patient.problem, tree, dead_branches) / scenario.tree
    late = np.where(scenario.silent, np.inf, scenario.delays)
    given = len(delays) - len(late)
    delays[given:] = np.maximum(delays[given:] + late, 0.0)
    silent = np.zeros(len(tree.points), bool)
    silent[tree.junctions[scenario.silent, 0]] = True
    return delays, dead_branches | silent[tree.edges].any(axis=1)


@jax.jit
def _batch_times(problem, speeds, blocked, delays, barred) -> Float[Array, "cases points"]:
    def times(speeds, blocked, delays, barred):
        start = jnp.zeros(1, speeds.dtype)
        return activation_times(problem, speeds, blocked, start, None, delays, barred)

    return jax.vmap(times)(speeds, blocked, delays, barred)


def _finish(patient, recipe, forward, one: Drawn, arrivals) -> Case | CaseFailure:
    """From arrival times to a recorded and measured ECG."""
    reached = np.isfinite(arrivals)
    if not reached.any():
        return CaseFailure("no front enters the heart: the whole conduction system is dead")
    times = arrivals - arrivals[reached].min()
    with stage("repolarisation"):
        durations = one.scenario.durations.durations(patient.heart)
        durations = one.illness.durations(durations).astype(np.float32)
        durations = evened(patient.coupling, times, durations)
    with stage("ECG"):
        clean = np.asarray(_ecg(patient, forward, one.scenario, times, durations))
    onset = round(-recipe.recording.start / STEP)
    with stage("recording"):
        recorded = one.scenario.disturbance.record(clean, onset)
    with stage("measures"):
        span = onset + np.array([0.0, times[reached].max()])
        measures = measure_between(standard_ecg(clean, 1000 / STEP, INDEPENDENT), *span)
    every = round(1000 / STEP / recipe.recording.rate)
    return Case(
        zones=one.illness.infarct.zones,
        ecg=recorded[:, ::every].astype(np.float32),
        clean=clean[:, ::every].astype(np.float32),
        healthy=not (one.illness.infarct.zones != Zone.HEALTHY).any(),
        draws=one.scenario.draws | one.illness.draws,
        summary=one.illness.summary | _summary(measures, times[reached], reached),
    )


def _ecg(patient: Patient, forward: ForwardECG, scenario: Scenario, times, durations):
    leads = patient.lead_field.leads(jnp.asarray(scenario.places, jnp.float32))
    # Twice the body's conductivity halves every potential, as half of the cells' would.
    cells = Intracellular(
        scenario.cells.along / scenario.conductivity, scenario.cells.across / scenario.conductivity
    )
    weights = patient.stiffness.lead_weights(leads, cells)
    return seen(replace(forward, weights=weights), times, durations)


def _summary(
    measures: Measures, times: Float[np.ndarray, " some"], reached: Bool[np.ndarray, " points"]
) -> dict[str, float]:
    """Of the clean beat, by name; NaN where there is no such wave."""
    numbers = {
        "activation_ms": times.max(),
        "unreached_share": 1 - reached.mean(),
        "qrs_ms": measures.qrs_duration,
        "qt_ms": measures.qt_interval,
        "axis_degrees": measures.axis,
        "t_axis_degrees": measures.t_axis,
        "r_v5_mv": measures.of("r_amplitudes", "V5"),
    }
    return {name: np.nan if value is None else float(value) for name, value in numbers.items()}
