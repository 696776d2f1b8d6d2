"""What infarcts do to the ECG, measured on pairs: the same person with and without.

Cardiology expects (Thygesen et al., Fourth universal definition of myocardial infarction,
Circulation 138:e618, 2018; Bayes de Luna et al., Circulation 114:1755, 2006): anterior infarcts
lose R and gain Q in V1 to V4, inferior ones gain Q in II, III and aVF, lateral ones in I, aVL, V5
and V6; a border zone without scar leaves the QRS as it is and changes the T wave.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from twin.benchmarks.figure import Figure, at_least, report
from twin.meshes.cache import cache_folder
from twin.meshes.files import whole_file
from twin.simulation.ecg import ECG, standard_ecg
from twin.simulation.heartbeat import measure_between
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.physiology import InfarctPhysiology
from twin.simulation.infarction.places import Artery, Territory
from twin.simulation.leads import INDEPENDENT
from twin.simulation.recording.measures import Measures
from twin.simulation.recruitment.people.case import Case, Drawn, simulate
from twin.simulation.recruitment.people.illness import Illness
from twin.simulation.recruitment.people.patient import Patient
from twin.simulation.recruitment.people.scenario import Scenario
from twin.simulation.recruitment.recipe import Patients, Recipe

PATIENTS, QUICK_PATIENTS = 10, 1
PAIRS, QUICK_PAIRS = 50, 8
"""Of each patient, a quarter of each kind."""

NODES, QUICK_NODES = 40_000, 8_000
MASS, TRANSMURALITY = (0.10, 0.30), (0.6, 1.0)
LEAST_CHANGE = 0.05
"""mV: a Q that is deeper, or an R that is lower, by less is not counted."""

SAME_QRS = 5.0
"""ms."""

LEADS = {
    "anterior": ("V1", "V2", "V3", "V4"),
    "inferior": ("II", "III", "aVF"),
    "lateral": ("I", "aVL", "V5", "V6"),
}
ARTERIES = {"anterior": Artery.LAD, "inferior": Artery.RCA, "lateral": Artery.LCX}


@dataclass(frozen=True, eq=False)
class Pair:
    """One person's beat without and with an infarct of a kind."""

    kind: str
    healthy: Case
    infarcted: Case


def figures(quick: bool) -> Iterator[Figure]:
    pairs = list(_pairs(quick))
    hearts = QUICK_PATIENTS if quick else PATIENTS
    for kind, leads in LEADS.items():
        own = [pair for pair in pairs if pair.kind == kind]
        how = f"{len(own)} pairs on {hearts} hearts, scar 10-30 % of the left ventricle, 60 % deep"
        yield from _wave_figures(kind, leads, own, how)
    yield from _border_figures([pair for pair in pairs if pair.kind == "border"], hearts)


def _wave_figures(kind: str, leads, own: Sequence[Pair], how: str) -> Iterator[Figure]:
    deeper = np.array([_q_gain(pair, leads) for pair in own])
    where = ", ".join(leads)
    share = (deeper > LEAST_CHANGE).mean()
    yield at_least(f"{kind}_gains_q_share", share, 0.5, "", f"{how}; deepest of {where} by 0.05 mV")
    yield at_least(f"{kind}_q_effect", effect(deeper), 0.8, "sd", f"{how}; paired, mean over SD")
    if kind == "anterior":
        lost = np.array([_r_loss(pair, leads) for pair in own])
        share = (lost > LEAST_CHANGE).mean()
        yield at_least(f"{kind}_loses_r_share", share, 0.5, "", f"{how}; sum over {where}")
        yield at_least(f"{kind}_r_effect", effect(lost), 0.8, "sd", f"{how}; paired, mean over SD")
    for other, others in LEADS.items():
        if other != kind:
            elsewhere = float(np.mean([_q_gain(pair, others) for pair in own]))
            gained = f"{how}; {deeper.mean():.2f} mV in its own leads"
            yield report(f"{kind}_mean_q_in_{other}_leads", elsewhere, "mV", gained)


def _border_figures(own: Sequence[Pair], hearts: int) -> Iterator[Figure]:
    how = f"{len(own)} pairs on {hearts} hearts, the border zone of an infarct without its scar"
    change = np.array(
        [abs(p.infarcted.summary["qrs_ms"] - p.healthy.summary["qrs_ms"]) for p in own]
    )
    share = (change <= SAME_QRS).mean()
    yield at_least("border_qrs_unchanged_share", share, 0.95, "", f"{how}; within {SAME_QRS:g} ms")
    yield report("border_qrs_change", change.mean(), "ms", how)
    changed = np.array([_t_change(pair) for pair in own])
    yield at_least("border_t_changed_share", (changed > 0.1).mean(), 0.95, "", f"{how}; by 10 %")
    yield report("border_t_change", changed.mean(), "", f"{how}; relative L2 after 150 ms")


def effect(differences: Float[np.ndarray, " pairs"]) -> float:
    """Cohen's d of paired differences."""
    return float(differences.mean() / max(differences.std(), 1e-9))


def _q_gain(pair: Pair, leads: Sequence[str]) -> float:
    """How much deeper, mV, the deepest Q (or QS) of these leads is with the infarct."""
    return max(_q(pair.infarcted, lead) - _q(pair.healthy, lead) for lead in leads)


def _q(case: Case, lead: str) -> float:
    """Depth of what goes down first, mV; a QS is all Q."""
    measures = _measures(case)
    whole = measures.of("r_amplitudes", lead) == 0
    return -measures.of("s_amplitudes" if whole else "q_amplitudes", lead)


def _r_loss(pair: Pair, leads: Sequence[str]) -> float:
    healthy, infarcted = (_measures(case) for case in (pair.healthy, pair.infarcted))
    return sum(healthy.of("r_amplitudes", x) - infarcted.of("r_amplitudes", x) for x in leads)


def _t_change(pair: Pair) -> float:
    """Of all leads from 150 ms after the QRS's onset on, relative."""
    first = round((150 + ONSET) * RATE / 1000)
    before, after = (case.clean[:, first:] for case in (pair.healthy, pair.infarcted))
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


RATE, ONSET = 1000.0, 40.0


def _measures(case: Case) -> Measures:
    ecg: ECG = standard_ecg(case.clean, RATE, INDEPENDENT)
    return measure_between(ecg, ONSET, ONSET + case.summary["activation_ms"])


def _pairs(quick: bool) -> Iterator[Pair]:
    recipe = _recipe(QUICK_NODES if quick else NODES)
    kinds = [*LEADS, "border"]
    for person in range(QUICK_PATIENTS if quick else PATIENTS):
        patient = _patient(recipe, person)
        numbered = [(i, kinds[i % len(kinds)]) for i in range(QUICK_PAIRS if quick else PAIRS)]
        scenarios = [Scenario.draw(patient, recipe, 1000 * person + i) for i, _ in numbered]
        ill = [_ill(patient, kind, 1000 * person + i) for i, kind in numbered]
        well = [_well(patient)] * len(numbered)
        beats = [
            list(simulate(patient, recipe, list(map(Drawn, scenarios, some))))
            for some in (well, ill)
        ]
        for (_, kind), before, after in zip(numbered, *beats, strict=True):
            if isinstance(before, Case) and isinstance(after, Case):
                yield Pair(kind, before, after)


def _recipe(nodes: int) -> Recipe:
    """Protocol H at 1 kHz; what is measured here is the beat before it is recorded."""
    hard = Recipe.read("hard")
    patients = hard.patients.model_copy(update={"nodes": nodes})
    recording = hard.recording.model_copy(update={"rate": RATE})
    return hard.model_copy(update={"patients": patients, "recording": recording})


def _patient(recipe: Recipe, person: int) -> Patient:
    """Kept in the cache folder: it takes half a minute."""
    patients: Patients = recipe.patients
    path = cache_folder() / "cohort_ecg" / f"{recipe.content[:16]}_{patients.nodes}_{person}.h5"
    if not path.exists():
        patient = Patient.make(recipe, person)
        with whole_file(path) as part, h5py.File(part, "w") as file:
            patient.write(file.create_group("patient"))
    with h5py.File(path) as file:
        return Patient.read(file["patient"])


def _well(patient: Patient) -> Illness:
    return Illness(patient.heart, Infarct.none(patient.heart), InfarctPhysiology(), {})


def _ill(patient: Patient, kind: str, seed: int) -> Illness:
    artery = ARTERIES.get(kind) or list(ARTERIES.values())[seed % 3]
    infarct = Infarct.sample(
        patient.heart, seed, place=Territory(artery), mass=MASS, transmurality=TRANSMURALITY
    )
    if kind == "border":
        alone = np.where(infarct.zones == Zone.SCAR, Zone.HEALTHY, infarct.zones)
        infarct = replace(infarct, zones=alone)
    return Illness(patient.heart, infarct, InfarctPhysiology.of(infarct), {})


def table(quick: bool = False) -> str:
    """The same by lead, for docs/cohort.md: mean change of Q and R, mV, in each kind of infarct."""
    lines = []
    pairs = list(_pairs(quick))
    for kind in LEADS:
        own = [pair for pair in pairs if pair.kind == kind]
        for lead in ("I", "II", "III", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"):
            q = np.mean([_q(p.infarcted, lead) - _q(p.healthy, lead) for p in own])
            r = -np.mean([_r_loss(p, (lead,)) for p in own])
            lines.append(f"{kind:9} {lead:4} Q {q:+.3f} R {r:+.3f}")
    return "\n".join(lines)


def main(folder: str) -> None:
    """Write the table."""
    (Path(folder) / "infarct_ecg.txt").write_text(table())
