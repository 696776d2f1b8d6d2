"""Left atria at work: their walls, beats, fibrillation's measures, and what the leads see."""

import numpy as np
import pytest

from twin.meshes.atria.regions import Region
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.fields.surface_elements import SurfaceElements
from twin.meshes.torso import Torso
from twin.simulation.atria.conduction import AtrialWall
from twin.simulation.atria.ecg import AtrialLeads, pieces
from twin.simulation.atria.rhythm import (
    Fibrillation,
    beat,
    courtemanche_fibrillating,
    fibrillate,
)
from twin.simulation.atria.sites import PACED, beginnings
from twin.simulation.lead_field import LeadField, independent_leads
from twin.simulation.lead_weights import Intracellular
from twin.simulation.reaction_diffusion.reentry import spiral_phases


@pytest.fixture(scope="module")
def atrium():
    return Atrium.sample(0, spacing=2.5, fibrosis=0.2)


@pytest.fixture(scope="module")
def conducting(atrium):
    return AtrialWall().of(atrium)


@pytest.fixture(scope="module")
def unbounded(atrium):
    return LeadField.infinite_medium(atrium, Torso.template())


@pytest.fixture(scope="module")
def sinus(conducting):
    return beat(conducting)


def test_the_wall_conducts_along_its_bundles_and_less_where_fibrotic(atrium, conducting):
    along, across, _ = conducting.conductivities.T
    density = atrium.fibrosis[atrium.triangles].mean(axis=1)
    assert (along >= across - 1e-12).all()
    # Both layers together conduct as much as each: the tensors' traces are the same.
    ratios = {Region.APPENDAGE: 10.5, Region.MITRAL_VESTIBULE: 0.4 / 0.107}
    for region, ratio in ratios.items():
        own = atrium.regions == region
        healthy = 0.107 * (1 + ratio)
        assert (along + across)[own] == pytest.approx(healthy * (1 - 0.7 * density[own]), rel=1e-6)


def test_impossible_walls_are_refused():
    with pytest.raises(InputError, match="fibrotic is 2"):
        AtrialWall(fibrotic=2.0)


def test_sinus_comes_over_the_septum_and_ends_on_the_left(atrium, sinus):
    assert 50 < sinus.total < 140
    coordinates = atrium.coordinates.septal_lateral
    early, late = sinus.times < 30, sinus.times > sinus.times.max() - 15
    assert coordinates[early].mean() < 0.35
    assert coordinates[late].mean() > 0.55


def test_every_paced_site_lies_in_its_region(atrium):
    for rhythm, sites in PACED.items():
        nodes, times = beginnings(atrium, rhythm)
        assert times.tolist() == [0.0]
        assert nodes[0] in atrium.nodes(sites[0].region)


def test_an_unknown_rhythm_names_the_known_ones(atrium):
    with pytest.raises(InputError, match="expected one of sinus, left-superior-vein"):
        beginnings(atrium, "samba")


def test_a_uniform_potential_gives_nothing(conducting, unbounded):
    weights = AtrialLeads.of(conducting, unbounded).node_weights
    assert np.abs(weights.sum(axis=0)).max() < 1e-9 * np.abs(weights).sum(axis=0).max()


def test_an_isotropic_shell_in_an_infinite_medium_is_the_known_sum(atrium, conducting, unbounded):
    """phi(e) = h sigma_i / (4 pi sigma_b) sum (L_cot V)_i / |x_i - e|."""
    leads = AtrialLeads.of(conducting, unbounded, Intracellular(0.3, 0.3))
    potential = 80 * np.sin(atrium.points[:, 0] / 15)
    laplacian = -SurfaceElements(atrium.points, atrium.triangles).stiffness() @ potential
    torso = Torso.template().place(atrium)
    gaps = np.linalg.norm(atrium.points - unbounded.places[:, None], axis=2)
    strength = 2.0 * 0.3 / (4 * np.pi * torso.conductivities.torso)
    electrodes = strength * (laplacian / gaps).sum(axis=1)
    expected = independent_leads(unbounded.electrodes) @ electrodes
    assert potential @ leads.node_weights == pytest.approx(expected, rel=2e-3, abs=1e-4)


def test_pieces_of_a_triangle_are_alike():
    shares = pieces(6)
    assert len(shares) == 36
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert shares.mean(axis=0) == pytest.approx(1 / 3)


def test_a_wide_front_gives_the_same_ecg_by_its_passage_and_by_its_potentials(
    conducting, unbounded, sinus
):
    leads = AtrialLeads.of(conducting, unbounded)
    shape = -80 + 100 / (1 + np.exp(-(np.arange(120.0) - 60) / 8))
    passed = leads.of_activation(sinus, shape).signals
    begin = np.floor(sinus.times.min() - 20)
    times = begin + np.arange(passed.shape[1])
    since = times[:, None] - sinus.times[None]
    potentials = np.interp(since, np.arange(120.0), shape, left=shape[0], right=shape[-1])
    sampled = leads.of_potentials(potentials, 1000).signals
    assert np.abs(passed - sampled)[:, :150].max() < 0.05 * np.abs(sampled).max()


def test_a_turning_wave_has_its_cycle_its_frequency_and_its_tips(conducting):
    points = conducting.atrium.points
    middle = points.mean(axis=0)
    phases = spiral_phases(points, middle, np.array([0.0, 1.0, 0.0]))
    times = np.arange(0, 2000, 4.0)
    potentials = -25 + 55 * np.sin(phases[None] - 2 * np.pi * times[:, None] / 165)
    run = Fibrillation(conducting, 4.0, potentials)
    assert run.sustained
    assert run.cycle_length == pytest.approx(165, abs=1)
    assert np.nanmedian(run.frequencies) == pytest.approx(1000 / 165, rel=0.02)
    assert (run.singularities >= 1).all()
    assert not Fibrillation(conducting, 4.0, np.full_like(potentials, -85)).sustained


def test_fibrillation_starts_from_a_spiral_and_goes_on(atrium):
    """On a coarse mesh, in tissue that conducts so well that this one carries its fronts."""
    alike = dict.fromkeys(("working", "bachmann", "pectinate", "sleeve", "vestibule"), 1.0)
    wall = AtrialWall(across=3.0, fibrotic=1.0, **alike)
    run = fibrillate(wall.of(atrium), 60.0, time_step=0.02, interval=5.0)
    assert run.potentials.shape == (13, len(atrium.points))
    assert run.sustained
    assert run.potentials[0].min() < -70
    assert run.potentials[-1].max() > -20
    assert len(run.singularities) == 7


def test_cells_of_the_sleeves_are_remodelled_in_their_own_way(conducting):
    cell = courtemanche_fibrillating(conducting)
    atrium = conducting.atrium
    sleeve = atrium.nodes(Region.LEFT_SUPERIOR_VEIN)
    assert np.asarray(cell.g_kr)[sleeve] == pytest.approx(0.071)
    inside = np.setdiff1d(atrium.nodes(Region.APPENDAGE), sleeve)
    assert np.median(np.asarray(cell.g_kr)[inside]) == pytest.approx(0.0471)
