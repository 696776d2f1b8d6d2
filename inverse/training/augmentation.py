"""New recordings of known beats, so that the network meets each beat in many conditions."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Bool, Float

from twin.inverse.beat import RATE, SAMPLES, levelled
from twin.inverse.portrait import LEADS
from twin.simulation.recruitment.people.disturbance import noise

AS_RECORDED = 0.5
"""Share of beats that are taken as the cohort's recorder had them, with its filters."""

DECIBELS = (18.0, 42.0)
GAIN = 0.05
SHIFT = 2.0
"""SD of each lead's gain, and of the misjudged onset in samples."""

LEADS_LOST = 0.3
"""Share of beats that lack leads: any number but the last, any of them."""

BANK = 512


@dataclass(frozen=True)
class Augmentation:
    """`lost` is the share of beats that lack leads; `clean` leaves beats as they are."""

    lost: float = LEADS_LOST
    clean: bool = False

    def __call__(
        self,
        recorded: Float[np.ndarray, "cases 8 time"],
        clean: Float[np.ndarray, "cases 8 time"],
        bank: Float[np.ndarray, "bank 8 time"],
        random: np.random.Generator,
    ) -> tuple[Float[np.ndarray, "cases 8 time"], Bool[np.ndarray, "cases 8"]]:
        """Beats, and which leads of each are given."""
        count = len(recorded)
        present = np.stack([_leads(self.lost, random) for _ in range(count)])
        if self.clean:
            return recorded, present
        anew = random.random(count) >= AS_RECORDED
        beats = recorded.copy()
        for k in np.flatnonzero(anew):
            beats[k] = _recorded_anew(clean[k], bank, random)
        return beats, present


@cache
def noise_bank(seed: int, count: int = BANK) -> Float[np.ndarray, "bank 8 time"]:
    """Of RMS 1, at the beat's rate; drawn once, because drawing costs more than a step."""
    every = round(1000 / RATE)
    random = np.random.default_rng([seed, 7])
    draws = (
        noise(random, SAMPLES * every, tuple(random.dirichlet(np.ones(3))), random.choice([50, 60]))
        for _ in range(count)
    )
    return np.stack([drawn[:, ::every] for drawn in draws]).astype(np.float32)


def _recorded_anew(clean, bank, random) -> Float[np.ndarray, "8 time"]:
    strength = np.sqrt((clean**2).mean()) * 10 ** (-random.uniform(*DECIBELS) / 20)
    seen = clean + strength * bank[random.integers(len(bank))]
    seen = seen * random.normal(1.0, GAIN, (LEADS, 1))
    shift = round(random.normal(0.0, SHIFT))
    at = np.clip(np.arange(clean.shape[1]) - shift, 0, clean.shape[1] - 1)
    return levelled(seen[:, at])


def _leads(lost: float, random: np.random.Generator) -> Bool[np.ndarray, " 8"]:
    """At least one lead is there."""
    if random.random() >= lost:
        return np.ones(LEADS, bool)
    kept = random.permutation(LEADS)[: random.integers(1, LEADS)]
    return np.isin(np.arange(LEADS), kept)
