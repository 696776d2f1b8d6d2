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


def test_those_that_come_with_the_package_are_what_the_model_makes(monkeypatch, tmp_path):
    """Where this fails after a change of the cell model: `twin.simulation.action_potential`'s table
    is made anew by copying the one file of the cache's folder `action_potentials` to
    simulation/tables, in place of the one there."""
    monkeypatch.setenv("TWIN_CACHE", str(tmp_path))
    shipped = ActionPotentials.of()
    assert not list(tmp_path.rglob("*.npz")), "it was computed"
    few = shipped.durations[::20]
    made = ActionPotentials.of(shortest=few[0], longest=few[-1], spacing=few[1] - few[0])
    np.testing.assert_allclose(made.durations, few)
    # In double precision, to which other tests may have set JAX, the upstroke is 0.05 mV off.
    np.testing.assert_allclose(made.potentials, shipped.potentials[::20], atol=0.3)


def test_a_duration_out_of_reach_is_an_error():
    with pytest.raises(InputError, match="the cell model reaches"):
        ActionPotentials.of(shortest=20, longest=30)
