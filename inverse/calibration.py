"""What a network's figures have to be stretched by, found on patients it was not taught with."""

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict
from scipy.optimize import minimize_scalar

from twin.inverse.posterior import LEVEL


class Calibration(BaseModel):
    """temperature: by which logits of belief are divided.
    slack: by how much samples may stray from what the network believes of groups of places.
    margins: what intervals are widened by, in the figure's unit, by name.
    set_level: probability down to which a zone belongs to a node's set of `LEVEL`.
    infarct_from: probability of an infarct from which there is said to be one.
    told_from: expected Dice below which the ECG is said not to tell.
    misfit: relative RMS by which even the true infarct's simulated ECG may differ from a measured
        one: smaller, and refinement bends the scar until it explains what other things made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float = 1.0
    slack: float = 0.003
    margins: dict[str, float] = {}
    set_level: float = 0.1
    infarct_from: float = 0.5
    told_from: float = 0.3
    misfit: float = 0.8


def best_temperature(logits: Float[np.ndarray, "nodes 3"], zones) -> float:
    """That of the least cross-entropy."""

    def entropy(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        true = np.take_along_axis(scaled, zones[:, None], axis=1)[:, 0]
        return float((np.log(np.exp(scaled).sum(axis=1)) - true).mean())

    return float(np.exp(minimize_scalar(entropy, bounds=(-1.5, 1.5), method="bounded").x))


def margin(
    true: Float[np.ndarray, " cases"],
    low: Float[np.ndarray, " cases"],
    middle: Float[np.ndarray, " cases"],
    high: Float[np.ndarray, " cases"],
) -> float:
    """By how much intervals are to be widened (or, below 0, narrowed) so that `LEVEL` of them hold
    the true value: conformalised quantiles (Romano et al. 2019). In %: a bound goes no farther than
    to the middle, and one at the end of the scale stays."""
    known = np.isfinite(true) & np.isfinite(low) & np.isfinite(high)
    below = np.where(true >= middle, -np.inf, _lacking(low - true, low))
    above = np.where(true <= middle, -np.inf, _lacking(true - high, high))
    missed = np.maximum(below, above)[known]
    if len(missed) == 0:
        return 0.0
    rank = min(1.0, np.ceil((len(missed) + 1) * LEVEL) / len(missed))
    found = float(np.quantile(missed, rank, method="higher"))
    return found if np.isfinite(found) else 0.0


def _lacking(missed: Float[np.ndarray, " cases"], bound: Float[np.ndarray, " cases"]):
    """What a bound lacks; endless where it stays."""
    stays = (bound <= 0) | (bound >= 100)
    return np.where(stays, np.where(missed > 0, np.inf, -np.inf), missed)


def set_level(probabilities: Float[np.ndarray, "nodes 3"], zones) -> float:
    """Probability that the true zone has in `LEVEL` of nodes at least: zones from there on are a
    node's set."""
    true = np.take_along_axis(probabilities, zones[:, None], axis=1)[:, 0]
    return float(np.quantile(true, 1 - LEVEL))
