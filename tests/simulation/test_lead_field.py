"""Lead fields: the three methods, moved electrodes, what is kept on disk."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from twin.benchmarks.small_torso import round_torso, small_heart
from twin.meshes.errors import InputError
from twin.simulation.conductor import surfaces as torso_conductor
from twin.simulation.lead_field import ELECTRODES, LeadField, independent_leads, twelve_leads
from twin.simulation.leads import INDEPENDENT, STANDARD


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def heart():
    return small_heart()


@pytest.fixture(scope="module")
def torso():
    return round_torso()


@pytest.fixture(scope="module")
def field(heart, torso):
    return LeadField.boundary_elements(heart, torso)


def apart(fields, others):
    fields, others = (np.asarray(f) - np.asarray(f).mean(axis=1)[:, None] for f in (fields, others))
    return np.linalg.norm(fields - others, axis=1) / np.linalg.norm(others, axis=1)


def test_the_infinite_medium_is_one_over_the_distance(heart, torso):
    field = LeadField.infinite_medium(heart, torso)
    distance = np.linalg.norm(heart.points - torso.electrodes["V3"], axis=1)
    found = field.potentials()[ELECTRODES.index("V3")]
    np.testing.assert_allclose(found, 1 / (4 * np.pi * 0.2 * distance), rtol=1e-5)
    assert "approximation" in field.method


def test_boundary_and_finite_elements_agree(heart, torso, field):
    reference = LeadField.finite_elements(heart, torso, finest=5.0)
    assert apart(field.leads(), reference.leads()).max() < 0.06
    infinite = LeadField.infinite_medium(heart, torso)
    assert apart(infinite.leads(), reference.leads()).min() > 0.2


def test_a_moved_electrode_has_the_field_computed_there(heart, torso, field):
    skin, at = torso.skin, ELECTRODES.index("V4")
    place = torso.electrodes["V4"]
    corners = skin.corners[np.linalg.norm(skin.corners.mean(axis=1) - place, axis=1).argmin()]
    moved = place + 0.3 * (corners[1] - place)
    there = replace(torso, electrodes={**torso.electrodes, "V4": moved})
    places = field.places.copy()
    places[at] = moved
    computed = LeadField.boundary_elements(heart, there)
    assert apart(field.leads(places), computed.leads()).max() < 0.01
    assert apart(field.leads(), computed.leads()).max() > 0.03


def test_differentiable_in_the_electrodes_places(field):
    def total(places):
        return field.leads(places)[4, :50].sum()

    slope = jax.grad(total)(field.places.astype(np.float32))
    step = np.zeros_like(field.places)
    step[ELECTRODES.index("V3"), 1] = 0.5
    difference = total(field.places + step) - total(field.places - step)
    assert slope[ELECTRODES.index("V3"), 1] == pytest.approx(float(difference), rel=1e-2)
    assert not np.asarray(slope[ELECTRODES.index("V5")]).any()


def test_the_second_time_comes_from_the_disk(heart, torso, field, monkeypatch):
    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(torso_conductor, "torso_conductor", refuse)
    again = LeadField.boundary_elements(heart, torso)
    np.testing.assert_array_equal(again.rest, field.rest)
    other = replace(torso, conductivities=replace(torso.conductivities, blood=0.7))
    with pytest.raises(AssertionError, match="computed again"):
        LeadField.boundary_elements(heart, other)


def test_an_electrode_too_few(heart, torso):
    few = replace(torso, electrodes={k: v for k, v in torso.electrodes.items() if k != "V6"})
    with pytest.raises(InputError, match="V6"):
        LeadField.infinite_medium(heart, few)


def test_remarks_of_the_torso_are_kept(heart, torso):
    said = replace(torso, remarks=("electrodes moved onto the skin: V1 12 mm",))
    assert LeadField.infinite_medium(heart, said).remarks == said.remarks


def test_leads_from_electrodes():
    potentials = np.zeros(len(ELECTRODES))
    for name, value in (("RA", 1), ("LA", 3), ("LL", 8), ("V1", 5)):
        potentials[ELECTRODES.index(name)] = value
    leads = dict(zip(INDEPENDENT, independent_leads(ELECTRODES) @ potentials, strict=True))
    assert (leads["I"], leads["II"]) == (2, 7)
    assert leads["V1"] == pytest.approx(1)
    twelve = dict(zip(STANDARD, twelve_leads() @ np.array(list(leads.values())), strict=True))
    assert twelve["III"] == pytest.approx(5)
    assert twelve["aVR"] == pytest.approx(-4.5)
