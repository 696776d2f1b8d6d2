"""From a heart and an ECG to what they say about the infarct."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from twin.inverse.finding import Explanation, Finding
from twin.inverse.measured import Measured, measured_beat, onset_of
from twin.inverse.model import Model, Reading
from twin.inverse.portrait import Portrait
from twin.inverse.posterior import Posterior
from twin.inverse.training.examples import Ground
from twin.meshes.coarse import coarsened
from twin.meshes.heart import Heart
from twin.meshes.progress import Progress, silent
from twin.meshes.torso import Torso
from twin.simulation.ecg import ECG
from twin.simulation.recruitment.people.patient import Patient
from twin.simulation.recruitment.recipe import Recipe
from twin.simulation.settings import Body
from twin.simulation.simulation import torso_for

NODES = 15_000
"""Of the copy that is simulated: the density that networks are taught with."""

LEFT_ALONE = "the heart has no right ventricle: its ECG lacks what that would add"


@dataclass(frozen=True, eq=False)
class Inference:
    """`Inference.of(heart, ecg).run()`; what it rests on is there to be looked at."""

    heart: Heart
    ecg: ECG
    torso: Torso
    model: Model
    seconds: dict[str, float] = field(default_factory=dict)

    @staticmethod
    def of(
        heart: Heart,
        ecg: ECG,
        torso: Torso | None = None,
        model: Model | None = None,
    ) -> "Inference":
        """With the torso's template where there is none, and the model of the package."""
        body = torso or torso_for(heart, Body())
        return Inference(heart, ecg, body, model or Model.read())

    @cached_property
    def patient(self) -> Patient:
        """The heart, as finely as the network knows it, and what it does in health."""
        recipe = Recipe.read(self.model.recipe.protocol)
        with self._clocked("coarse copy"):
            heart = coarsened(self.heart, NODES).astype(np.float32)
        with self._clocked("healthy beat"):
            return Patient.around(heart, self.torso.place(self.heart), recipe)

    @cached_property
    def ground(self) -> Ground:
        """What the network sees of the heart; its answers are read at the heart's own nodes."""
        coarse = Ground.of(Portrait.of_patient(self.patient), self.patient.heart)
        if self.patient.heart is self.heart or len(self.heart.points) == len(coarse.within):
            return coarse
        fine = Ground.of(coarse.portrait.on(self.heart), self.heart)
        return fine

    @cached_property
    def measured(self) -> Measured:
        """The beat, cut where the same rule finds the onset of the simulated one."""
        return measured_beat(self.ecg, onset_of(self.patient.ecg))

    @cached_property
    def reading(self) -> Reading:
        ground, measured = self.ground, self.measured
        with self._clocked("network"):
            return self.model.read_beat(ground, measured.signals, measured.present)

    @cached_property
    def posterior(self) -> Posterior:
        return self.model.posterior(self.ground, self.reading)

    def run(
        self,
        *,
        refine: bool = True,
        explain: bool = True,
        origin: Mapping[str, object] | None = None,
        progress: Progress = silent,
    ) -> Finding:
        """The whole answer."""
        progress("simulating the healthy heart", 0.0)
        _ = self.patient, self.measured
        progress("asking the network", 0.5)
        finding = Finding(
            heart=self.heart,
            posterior=self.posterior,
            verdict=self.model.verdict(self.posterior, self.reading),
            measured=_with_gaps(self.measured),
            healthy_ecg=self.ground.portrait.reference,
            warnings=self._warnings(),
            card=self.model.card,
            origin=dict(origin or {}),
        )
        with ThreadPoolExecutor(1) as beside:
            explaining = beside.submit(self._explained) if explain else None
            if refine:
                progress("refining by simulation", 0.6)
                finding = self._refined(finding)
            if explaining:
                progress("explaining", 0.9)
                finding = replace(finding, explanation=explaining.result())
        progress("done", 1.0)
        return replace(finding, seconds=dict(self.seconds))

    def _refined(self, finding: Finding) -> Finding:
        from twin.inverse.refinement import refined

        with self._clocked("refinement"):
            return refined(self, finding)

    def _explained(self) -> Explanation:
        from twin.inverse.explanation import explain

        with self._clocked("explanation"):
            return explain(self)

    def _warnings(self) -> tuple[str, ...]:
        heart = self.heart.provenance.get("remarks", ())
        said = [*(heart if isinstance(heart, (list, tuple)) else ()), *self.torso.remarks]
        if not (self.heart.coordinates.ventricle == 1).any():
            said.append(LEFT_ALONE)
        return tuple(dict.fromkeys([*map(str, said), *self.measured.warnings]))

    @contextmanager
    def _clocked(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)


def infer(heart: Heart, ecg: ECG, **options) -> Finding:
    """The answer at once; see `Inference` for what can be given."""
    run = {k: options.pop(k) for k in ("refine", "explain", "origin", "progress") if k in options}
    return Inference.of(heart, ecg, **options).run(**run)


def _with_gaps(measured: Measured) -> Float[np.ndarray, "8 time"]:
    return np.where(measured.present[:, None], measured.signals, np.nan)
