"""One heartbeat as networks take it: eight leads, one fixed window, any recorder."""

import numpy as np
from jaxtyping import Bool, Float

RATE = 500.0
"""Hz."""

START, END = -40.0, 660.0
"""ms from the onset of the QRS."""

SAMPLES = round((END - START) * RATE / 1000)
LEVEL = (-40.0, -10.0)
"""ms before the QRS whose mean is 0 mV."""


def resampled(signals: Float[np.ndarray, "8 time"], rate: float = 1000.0):
    """A window that begins at START, at RATE; a rate that is no multiple is interpolated."""
    wanted = np.arange(SAMPLES) / RATE
    given = np.arange(signals.shape[1]) / rate
    return np.stack([np.interp(wanted, given, lead) for lead in signals]).astype(np.float32)


def levelled(signals: Float[np.ndarray, "... time"]) -> Float[np.ndarray, "... time"]:
    """With 0 mV before the QRS."""
    first, last = (round((level - START) * RATE / 1000) for level in LEVEL)
    return signals - signals[..., first:last].mean(axis=-1, keepdims=True)


def present(signals: Float[np.ndarray, "... time"]) -> Bool[np.ndarray, "..."]:
    """Leads that were given; the others are NaN."""
    return np.isfinite(signals).all(axis=-1)
