"""What a recording shows of how its tissue conducts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from twin.inverse.forward_model.fronts import Fronts
from twin.inverse.forward_model.portrait import AtrialPortrait

SWINGS = ("deviation", "travel", "rises", "range")


@dataclass(frozen=True, eq=False)
class Evidence:
    """`passage` is how fronts passed each patch over the whole recording (`PASSAGE`, `SWINGS`),
    `fronts` what each single one did at the patch `at` which it was seen."""

    passage: Tensor
    at: Tensor
    fronts: Tensor

    @staticmethod
    def of(
        portrait: AtrialPortrait,
        passage: Float[np.ndarray, "patches 8"],
        means: Float[np.ndarray, "patches times"],
        gradients: Float[np.ndarray, "patches 3 times"],
        interval: float,
    ) -> "Evidence":
        """From `Watch.passage`, and what `Fronts` are told from."""
        with ThreadPoolExecutor(1) as beside:
            swings = beside.submit(swings_of, means)
            fronts = Fronts.of(portrait, means, gradients, interval)
        known = np.concatenate([passage, swings.result()], axis=1).astype(np.float32)
        return Evidence(*map(torch.from_numpy, (known, fronts.patch, fronts.features)))


def swings_of(means: Float[np.ndarray, "patches times"]) -> Float[np.ndarray, "patches 4"]:
    """Of each patch's mean potential its standard deviation, how far it travels in a frame, the
    root of the sum of its squared rises in a frame, and the range of all but its lowest and highest
    3 % (`SWINGS`). They scale as the potential does."""
    steps = np.diff(means, axis=1)
    low, high = np.quantile(means, [0.03, 0.97], axis=1)
    rises = np.sqrt((np.maximum(steps, 0) ** 2).sum(axis=1))
    return np.stack([means.std(axis=1), np.abs(steps).mean(axis=1), rises, high - low], axis=1)
