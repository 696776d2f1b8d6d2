"""Protocols P and H: every rival, PAA-Net, ours, and what the issue's bars ask of them.

    twin bench inverse --protocol H

Everything that takes long (cohort, trainings, each line of the table) lies in the folder
`inverse` of the cache (TWIN_CACHE) and is continued or used again; the tables too, as JSON, text
and a figure.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.inverse.model import Model
from twin.inverse.protocol.conditions import Again, harder, nuisances_off
from twin.inverse.protocol.our_row import OurRow, RefinedRow
from twin.inverse.protocol.paa_row import PAARow
from twin.inverse.protocol.paa_signals import Kind
from twin.inverse.protocol.paa_training import CARD, Schedule
from twin.inverse.protocol.paa_training import train as train_paa
from twin.inverse.protocol.part import Part
from twin.inverse.protocol.protocol import SEED, SHARES, Protocol
from twin.inverse.protocol.row import Row
from twin.inverse.protocol.selection import selective_gain
from twin.inverse.protocol.sensitivity import sensitivity_at
from twin.inverse.protocol.table import Table
from twin.inverse.scores import INVOLVED, score, segment_shares, summarise
from twin.inverse.training.recipe import TrainingRecipe
from twin.inverse.training.train import train
from twin.meshes.cache import cache_folder
from twin.meshes.files import whole_file
from twin.simulation.cohort import Cohort
from twin.simulation.infarct import Zone
from twin.simulation.recruitment.recipe import PLACES, Recipe

CASES = {"P": 10302, "H": 12120}
RECIPES = {"P": "paper", "H": "hard"}
EPOCHS = {"P": (3, 3, 1), "H": (2, 6, 1)}
"""Of PAA-Net as published, mended, and without ECG."""

SCORED = {"P": PLACES, "H": 12}
"""Cases of each heart that are scored: intervals come from hearts. On P each place once."""

REFINED, AGAIN = 2, 2
"""Cases of each heart that are refined, and that are simulated under other conditions."""

PLANNED = {
    "P": {"hard_scar": 0.80, "soft_scar": 0.80, "hard_border": 0.62, "soft_border": 0.62},
    "H": {},
}


def figures(quick: bool, protocol: str = "") -> Iterator[Figure]:
    """Of one protocol, or of both."""
    for name in protocol.upper() or "PH":
        yield from _figures(Trial(name, quick))


@dataclass(frozen=True)
class Trial:
    """A protocol's cohort, networks and table, each made when it is first asked for."""

    name: str
    quick: bool

    @property
    def folder(self) -> Path:
        return cache_folder() / "inverse" / (self.name + ("-quick" if self.quick else ""))

    @cached_property
    def recipe(self) -> Recipe:
        return Recipe.read(f"{RECIPES[self.name]}_coarse")

    @cached_property
    def cohort(self) -> Cohort:
        count = 10 * self.recipe.cases_per_heart if self.quick else CASES[self.name]
        return Cohort.make(self.recipe, count, self.folder / "cohort")

    @cached_property
    def parts(self) -> tuple[Cohort, ...]:
        train_part, validation, test = self.cohort.split(SHARES, SEED)
        return train_part, validation, _first_of_each(test, SCORED[self.name])

    @cached_property
    def protocol(self) -> Protocol:
        return Protocol(self.name, *(Part.of(part) for part in self.parts))

    @cached_property
    def model(self) -> Model:
        folder = self.folder / "model"
        if (folder / "model.json").is_file():
            return Model.read(folder)
        recipe = TrainingRecipe.read(RECIPES[self.name])
        if self.quick:
            teaching = recipe.teaching.model_copy(update={"epochs": 2})
            recipe = recipe.model_copy(update={"teaching": teaching})
        return train(recipe, self.cohort, folder)

    @cached_property
    def rivals(self) -> list[PAARow]:
        return [self._rival(kind, n) for kind, n in zip(Kind, EPOCHS[self.name], strict=True)]

    def _rival(self, kind: Kind, epochs: int) -> PAARow:
        folder = self.folder / f"paa_{kind.value}"
        if not (folder / CARD).is_file():
            own = Part.of(self.parts[0], placed=False)
            train_paa(Schedule(kind, epochs=1 if self.quick else epochs), own, folder)
        return PAARow.read(folder, self.protocol.test)

    @cached_property
    def ours(self) -> OurRow:
        return OurRow("ours", self.model, self.parts[2])

    @cached_property
    def table(self) -> Table:
        """All lines; those that are there already are not scored again."""
        done = {row.name for row in self.protocol.scored(self.folder / "table")}
        rivals = [r for r in self.rivals if r.kind is not Kind.GEOMETRY]
        readers: list[Row] = [*rivals, self.ours]
        shuffled = [self.protocol.shuffled(row) for row in readers]
        rows: list[Row] = [*self.protocol.templates(), *self.rivals, self.ours, *shuffled]
        return self.protocol.run([r for r in rows if r.name not in done], self.folder / "table")


def _first_of_each(cohort: Cohort, count: int) -> Cohort:
    """The first cases of every heart."""
    return cohort.subset(np.sort(np.concatenate([own[:count] for own in _of_each(cohort)])))


def _turn_and_turn_about(cohort: Cohort, count: int) -> Cohort:
    """So many cases of every heart, of each heart the ones after those of the heart before: on P
    the first ones would all be of the first places."""
    chosen = [
        own[(k * count + np.arange(count)) % len(own)] for k, own in enumerate(_of_each(cohort))
    ]
    return cohort.subset(np.sort(np.concatenate(chosen)))


def _of_each(cohort: Cohort) -> list[np.ndarray]:
    """Numbers of the cases of each heart."""
    patients = cohort.patients
    return [np.flatnonzero(patients == p) for p in np.unique(patients)]


def _figures(trial: Trial) -> Iterator[Figure]:
    name, rows = trial.name, trial.table.rows
    ours, how = rows["ours"], f"{trial.table.cases:,} cases of {trial.table.anatomies} hearts"
    for figure in ("hard_scar", "hard_border", "soft_scar", "soft_border"):
        said = f"{ours[figure]}; {how}"
        limit = PLANNED[name].get(figure)
        value = ours[figure].mean
        full = f"{name}_{figure}"
        yield at_least(full, value, limit, "", said) if limit else report(full, value, "", said)
    yield from _margins(trial)
    if name == "H":
        yield from _screening(trial, how)
        yield from _under_conditions(trial)
    yield from _refinement(trial)


def _margins(trial: Trial) -> Iterator[Figure]:
    """How far ahead of rivals, at the near ends of both intervals and in the mean."""
    rivals = {
        "P": ("PAA-Net as published", "template oracle"),
        "H": ("ours, ECG shuffled", "PAA-Net mended"),
    }
    rows = trial.table.rows
    limit = 0.05 if trial.name == "P" else 0.10
    mine = rows["ours"]["hard_scar"]
    for rival in rivals[trial.name]:
        other = rows[rival]["hard_scar"]
        short = rival.lower().replace(",", "").replace(" ", "_").replace("-", "_")
        apart = "apart" if mine.low > other.high else "NOT apart"
        how = f"{mine} against {other}, intervals {apart}"
        yield at_least(f"{trial.name}_ahead_of_{short}", mine.mean - other.mean, limit, "", how)


def _screening(trial: Trial, how: str) -> Iterator[Figure]:
    ours = trial.table.rows["ours"]
    said = {k: trial.ours.posterior(k) for k in range(len(trial.parts[2]))}
    truths = [trial.protocol.test.truth(k) for k in said]
    involved = np.array([[s.involved for s in posterior.segments] for posterior in said.values()])
    true = np.array([segment_shares(t, t.zones == Zone.SCAR) for t in truths]) >= INVOLVED
    hits = sensitivity_at(involved, true, 0.90)
    yield at_least("H_segment_sensitivity_at_specificity_0.90", hits, 0.75, "", how)
    spared = 1 - ours["false_positive"].mean
    yield at_least("H_healthy_called_healthy", spared, 0.90, "", how)
    for kind in ("burden", "transmurality", "segments"):
        held = ours[f"coverage_{kind}"].mean
        yield at_most(
            f"H_coverage_{kind}_off_0.90", abs(held - 0.90), 0.02, "", f"{held:.3f}; {how}"
        )
    own = [score(truths[k], trial.ours.probabilities(k)) for k in said]
    dice = np.array([one.get("hard_scar", np.nan) for one in own])
    verdicts = [trial.model.verdict(said[k], trial.ours.read(k)).confidence for k in said]
    gain = selective_gain(dice, np.array(verdicts))
    yield report("H_dice_of_the_surest_half_less_all", gain, "", how)


def _under_conditions(trial: Trial) -> Iterator[Figure]:
    """The same cases with each nuisance off, and under harder conditions."""
    few = _first_of_each(trial.parts[2], 1 if trial.quick else AGAIN)
    conditions = {**nuisances_off(trial.recipe), **harder(trial.recipe)}
    again = Again.of(few, range(len(few)), conditions)
    usual = again.beats["as drawn"]
    rows = {n: OurRow(n, trial.model, few, beats=beats) for n, beats in again.beats.items()}
    three = np.isin(np.arange(8), (1, 3, 6))
    rows["II, V2, V5 only"] = OurRow("three", trial.model, few, present=three, beats=usual)
    rows["250 Hz"] = OurRow("250", trial.model, few, beats=_at_250(usual))
    rows["a wrong heart"] = WrongHeart("wrong", trial.model, few, beats=usual)
    part, found = Part.of(few), {}
    for name, row in rows.items():
        found[name] = _mean_of(row, part)
        scar, held = found[name]["hard_scar"], found[name]["coverage_burden"]
        short = name.replace(" ", "_").replace(",", "")
        how = f"{scar}; coverage of burden {held.mean:.3f}, border {found[name]['hard_border']}"
        yield report(f"H_scar_{short}", scar.mean, "", how)
    with whole_file(trial.folder / "table" / "conditions.json") as file:
        said = {n: {k: vars(v) for k, v in f.items()} for n, f in found.items()}
        file.write_text(json.dumps(said, indent=1))


def _mean_of(row: OurRow, part: Part):
    from twin.inverse.protocol.result import Result

    return Result.of(row, part).summary()


def _at_250(beats: np.ndarray) -> np.ndarray:
    """Every second sample, and straight lines between."""
    half = beats[..., ::2]
    at = np.arange(beats.shape[-1]) / 2
    steps = np.arange(half.shape[-1])
    return np.apply_along_axis(lambda lead: np.interp(at, steps, lead), -1, half).astype("f4")


class WrongHeart(OurRow):
    """The ECG is read on the next heart, and the answer carried back by the lattice."""

    def _read(self, case: int, shown: int):
        from dataclasses import replace

        other = self.ground((case + AGAIN) % len(self.test))
        own = self.ground(case)
        portrait = replace(other.portrait, placement=own.portrait.placement)
        return self.model.read_beat(replace(own, portrait=portrait), self.beat(shown), self.present)


def _refinement(trial: Trial) -> Iterator[Figure]:
    """Mean change of the scar's hard Dice by refinement, in all and in each territory."""
    few = _turn_and_turn_about(trial.parts[2], 1 if trial.quick else REFINED)
    part = Part.of(few)
    before, after = OurRow("before", trial.model, few), RefinedRow("after", trial.model, few)
    ill = [k for k in range(len(few)) if not part.truth(k).healthy]
    dice = np.array(
        [
            [score(part.truth(k), row.probabilities(k))["hard_scar"] for row in (before, after)]
            for k in ill
        ]
    )
    change = dice[:, 1] - dice[:, 0]
    where = np.array([_territory(part, k) for k in ill])
    said = summarise([{"change": float(c)} for c in change], part.anatomy[ill])["change"]
    how = f"{said}; {len(ill)} cases, {dice[:, 1].mean():.3f} after"
    yield at_least(f"{trial.name}_refinement_gain", float(change.mean()), 0.0, "", how)
    for artery in sorted(set(where)):
        mean = float(change[where == artery].mean())
        yield at_least(f"{trial.name}_refinement_gain_{artery}", mean, 0.0, "", f"{how}")


def _territory(part: Part, case: int) -> str:
    """The artery whose segments have most of the scar."""
    from twin.simulation.infarction.places import Artery

    scar = {
        artery.name: sum(part.table[f"segment_{s:02d}_scar"][case] for s in artery.value)
        for artery in Artery
    }
    return max(scar, key=lambda name: scar[name])
