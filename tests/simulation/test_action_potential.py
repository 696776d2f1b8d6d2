"""Action potentials by duration: what the table says is what it holds."""

import numpy as np
import pytest

from twin.meshes.cache import remembered
from twin.meshes.errors import InputError
from twin.simulation.action_potential import FOOT, SAMPLE, UPSTROKE, ActionPotentials


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield ActionPotentials.of(shortest=200, longest=360, spacing=40)


def test_each_row_lasts_its_duration(table):
    for duration, trace in zip(table.durations, table.potentials, strict=True):
        threshold = trace.max() - 0.9 * (trace.max() - trace[0])
        end = table.times[np.flatnonzero(trace > threshold)[-1]]
        assert end == pytest.approx(duration, abs=2 * SAMPLE)


def test_time_zero_is_the_upstroke(table):
    at_zero = round(FOOT / SAMPLE)
    assert table.potentials[:, at_zero] == pytest.approx(UPSTROKE, abs=0.01)
    assert (table.potentials[:, at_zero - 4] < -80).all()
    assert (table.potentials[:, at_zero + 4] > 15).all()


def test_it_is_computed_once(table, monkeypatch, tmp_path):
    monkeypatch.setenv("TWIN_CACHE", str(tmp_path))
    calls = []

    def compute():
        calls.append(1)
        return {"value": np.arange(3)}

    for _ in range(2):
        assert remembered("test", "key", compute)["value"].tolist() == [0, 1, 2]
    assert len(calls) == 1
    (tmp_path / "test" / "key.npz").write_bytes(b"half a file")
    remembered("test", "key", compute)
    assert len(calls) == 2


def test_a_duration_out_of_reach_is_an_error():
    with pytest.raises(InputError, match="the cell model reaches"):
        ActionPotentials.of(shortest=20, longest=30)
