"""What is said of samples."""

from types import SimpleNamespace

import numpy as np

from twin.inverse.model import _spread
from twin.simulation.infarct import Zone


def test_where_all_samples_agree_there_is_no_spread():
    """Also where their weights add up to a little more than 1."""
    as_they_are = SimpleNamespace(spread=lambda values: values)
    samples = np.full((3, 4), int(Zone.SCAR), np.int8)
    samples[:, 2:] = Zone.HEALTHY
    weights = np.full(3, 1 / 3) * (1 + 1e-7)
    assert np.array_equal(_spread(samples, weights, as_they_are), np.zeros(4))
    samples[0, 0] = Zone.HEALTHY
    assert 0.4 < _spread(samples, weights, as_they_are)[0] < 0.5
