"""ECGs as PAA-Net reads them, as published and mended.

As published, the record is cut at the last activation and filled up with zeros to 512 samples at
500 Hz: how long activation took can be read off. Mended, every record has the cohort's window.
"""

from enum import StrEnum

import numpy as np
from jaxtyping import Float

from twin.inverse.protocol.part import Part

SAMPLES = 512


class Kind(StrEnum):
    """Of PAA-Net. `GEOMETRY` is the mended one taught and asked without any ECG."""

    PUBLISHED = "published"
    MENDED = "mended"
    GEOMETRY = "geometry"


LIMB = slice(0, 2)
CHEST = slice(2, 8)

SEEKING_R = 200.0
"""ms from the record's start, within which R waves are."""

LEAST_R = 0.05
"""mV: a smaller R wave is none to scale by."""


def signals(part: Part, kind: Kind) -> Float[np.ndarray, "cases 8 samples"]:
    """Of all cases, limb and chest leads each in units of their mean R wave."""
    ecg = in_r_waves(part)
    if kind is Kind.GEOMETRY:
        return np.zeros_like(ecg)
    if kind is Kind.MENDED:
        return ecg
    samples = np.arange(ecg.shape[2])
    cut = np.where(samples < ended(part)[:, None], ecg.swapaxes(0, 1), np.float32(0))
    padded = np.zeros((*ecg.shape[:2], SAMPLES), np.float32)
    kept = min(SAMPLES, ecg.shape[2])
    padded[..., :kept] = cut.swapaxes(0, 1)[..., :kept]
    return padded


def ended(part: Part) -> Float[np.ndarray, " cases"]:
    """Sample after which nothing is activated any more."""
    return (part.table["activation_ms"] - part.start) * part.rate / 1000 + 1


def in_r_waves(part: Part) -> Float[np.ndarray, "cases 8 time"]:
    early = part.ecg[..., : round(SEEKING_R * part.rate / 1000)].max(axis=2)
    scale = np.empty_like(early)
    for leads in (LIMB, CHEST):
        scale[:, leads] = np.maximum(early[:, leads].mean(axis=1, keepdims=True), LEAST_R)
    return part.ecg / scale[..., None]
