"""Analysis by synthesis: the network's proposal, changed until its simulated ECG is the measured
one, as far as its own posterior allows."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from twin.inverse.finding import Finding, Refinement
from twin.inverse.inference import Inference
from twin.inverse.measured import Measured
from twin.inverse.model import Model, Reading
from twin.inverse.posterior import Posterior
from twin.inverse.synthesis import NUISANCES, Synthesis, beat_of
from twin.inverse.training.examples import Ground
from twin.simulation.infarct import Zone
from twin.simulation.recruitment.people.patient import Patient
from twin.simulation.recruitment.recipe import Recipe

MODES = 16
"""Ways in which the posterior's samples differ most, along which the scar may change."""

STRETCH = 3.0
"""Logits that one standard deviation of a mode changes the level by where it is strongest."""

TURNS = 16
"""Evaluations of the ECG with its gradient."""

NUMBERS = 40.0
"""That a beat of eight leads holds, about: its samples are not independent."""

BETTER = 0.97
"""Factor of the residual at which a refined proposal is kept."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What the search came to: the change of the scar's level on the lattice, the nuisances in
    standard deviations, the ECGs and their residuals before and after."""

    change: Float[np.ndarray, " places"]
    nuisance: Float[np.ndarray, " nuisances"]
    before: float
    after: float
    ecg_before: Float[np.ndarray, "8 time"]
    ecg_after: Float[np.ndarray, "8 time"]


def refined(inference: Inference, finding: Finding) -> Finding:
    """The finding with what refinement made of it."""
    patient, model = inference.patient, inference.model
    coarse = Ground.of(inference.ground.portrait.on(patient.heart), patient.heart)
    reading = model.read_beat(coarse, inference.measured.signals, inference.measured.present)
    fit = fit_scar(patient, coarse, model, reading, inference.measured)
    kept = fit.after < BETTER * fit.before
    shown = shifted(inference.reading, fit.change, inference.ground) if kept else inference.reading
    posterior = model.posterior(inference.ground, shown) if kept else finding.posterior
    said = Refinement(
        kept=kept,
        reason=_reason(kept, fit),
        residual_before=fit.before,
        residual_after=fit.after if kept else fit.before,
        resimulated=fit.ecg_after if kept else fit.ecg_before,
    )
    verdict = model.verdict(posterior, shown)
    return replace(finding, posterior=posterior, verdict=verdict, refinement=said)


def fit_scar(
    patient: Patient, ground: Ground, model: Model, reading: Reading, measured: Measured
) -> Fit:
    """The likeliest change, by the ECG's misfit and the posterior's own spread."""
    recipe = Recipe.read(model.recipe.protocol)
    posterior = model.posterior(ground, reading)
    placement = ground.portrait.placement
    level, gap = levels(reading.answer_places)
    synthesis = Synthesis.of(patient, placement, recipe, reading.answer.argmax(axis=1))
    modes = _modes(posterior)
    given = (
        synthesis.static,
        jnp.asarray(level),
        jnp.asarray(gap),
        jnp.asarray(modes),
        jnp.asarray(synthesis.spreads),
        jnp.asarray(np.where(measured.present[:, None], measured.signals, 0.0), jnp.float32),
        jnp.asarray(measured.present),
        model.calibration.misfit,
    )

    def simulated(theta):
        return _simulated(jnp.asarray(theta, jnp.float32), *given)

    def cost(theta):
        (value, _), slope = simulated(theta)
        return float(value), np.asarray(slope, float)

    start = np.zeros(len(modes) + len(NUISANCES))
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxfun": TURNS}).x
    scar, nuisance = found[: len(modes)], found[len(modes) :]
    change = np.asarray(scar @ modes)
    same = np.concatenate([np.zeros(len(modes)), nuisance])
    # By the function that is compiled already: another one would take longer to compile.
    beats = {
        name: np.asarray(simulated(theta)[0][1])
        for name, theta in (("before", start), ("same", same), ("after", found))
    }
    residuals = {name: residual(beat, measured) for name, beat in beats.items()}
    best = min(("before", "same"), key=lambda name: residuals[name])
    return Fit(change, nuisance, residuals[best], residuals["after"], beats[best], beats["after"])


def _cost(
    theta, static, level, gap, modes, spreads, seen, present, noise
) -> tuple[Array, Float[Array, "8 time"]]:
    """Minus the log of the posterior - relative misfit over its noise, and how far the parameters
    are from what is expected - and the ECG."""
    scar, nuisance = theta[: len(modes)], theta[len(modes) :]
    beat = beat_of(static, level + scar @ modes, gap, nuisance * spreads)
    wrong = jnp.where(present[:, None], beat - seen, 0.0)
    relative = (wrong**2).sum() / (seen**2).sum()
    return NUMBERS * relative / (2 * noise**2) + (theta**2).sum() / 2, beat


_simulated = jax.jit(jax.value_and_grad(_cost, has_aux=True))


def levels(logits: Float[np.ndarray, "rows 3"]):
    """Level of scar, and what is added to it for the level of hurt tissue."""
    rest = np.logaddexp(logits[:, Zone.HEALTHY], logits[:, Zone.BORDER])
    hurt = np.logaddexp(logits[:, Zone.SCAR], logits[:, Zone.BORDER])
    scar = logits[:, Zone.SCAR] - rest
    return scar.astype(np.float32), (hurt - logits[:, Zone.HEALTHY] - scar).astype(np.float32)


def shifted(reading: Reading, change: Float[np.ndarray, " places"], ground: Ground) -> Reading:
    """The reading as if the level of scar were changed by so much."""
    at_nodes = ground.portrait.placement.spread(change)
    return replace(
        reading,
        belief=_raised(reading.belief, at_nodes),
        answer=_raised(reading.answer, at_nodes),
        belief_places=_raised(reading.belief_places, change),
        answer_places=_raised(reading.answer_places, change),
    )


def _raised(logits: Float[np.ndarray, "rows 3"], change: Float[np.ndarray, " rows"]) -> np.ndarray:
    """Logits whose levels of scar and of hurt tissue are higher by `change`."""
    level, gap = levels(logits)
    scar = _sigmoid(level + change)
    hurt = np.maximum(_sigmoid(level + change + gap), scar)
    zones = np.stack([1 - hurt, hurt - scar, scar], axis=1)
    return np.log(np.clip(zones, 1e-6, 1.0)).astype(np.float32)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def _modes(posterior: Posterior) -> Float[np.ndarray, "modes places"]:
    """Principal components of the samples' scar, the first ones; each a standard deviation, in
    logits."""
    ill = posterior.weights[:-1] / max(posterior.weights[:-1].sum(), 1e-9)
    scar = (posterior.samples[:-1] == Zone.SCAR).astype(np.float32)
    apart = np.sqrt(ill)[:, None] * (scar - ill @ scar) * np.sqrt(posterior.placement.masses)
    _, size, rows = np.linalg.svd(apart, full_matrices=False)
    modes = size[:MODES, None] * rows[:MODES]
    modes = modes / np.sqrt(np.maximum(posterior.placement.masses, 1e-6))
    return (2 * STRETCH * modes * posterior.placement.present).astype(np.float32)


def residual(beat: Float[np.ndarray, "8 time"], measured: Measured) -> float:
    """RMS of the difference over the RMS of what was measured, in the leads that were given."""
    there = measured.present
    wrong = beat[there] - measured.signals[there]
    return float(np.sqrt((wrong**2).sum() / max((measured.signals[there] ** 2).sum(), 1e-12)))


def _reason(kept: bool, fit: Fit) -> str:
    if kept:
        return (
            f"simulated again, the refined infarct leaves {fit.after:.0%} of the ECG unexplained "
            f"instead of {fit.before:.0%}"
        )
    return (
        f"no infarct near the network's proposal explains the ECG better than it does "
        f"({fit.before:.0%} unexplained, {fit.after:.0%} after the search)"
    )
