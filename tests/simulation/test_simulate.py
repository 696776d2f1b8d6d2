"""One heartbeat from a heart and settings, in one call."""

import json

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOHDF import vtkHDFReader

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.simulation.ecg import ECG
from twin.simulation.results import NAMES, RECORD, simulate_to
from twin.simulation.settings import Body, FastLayer, Leads, Potentials, Settings, Source, Tree
from twin.simulation.simulation import Simulation

QUICK = Settings(
    ecg=Leads(lead_field="infinite_medium"), potentials=Potentials(step=20.0, end=400.0)
)
WITHOUT_TREE = QUICK.model_copy(update={"purkinje": Tree(present=False)})


@pytest.fixture(scope="module")
def simulation(coarse_heart):
    return Simulation.of(coarse_heart, settings=QUICK)


@pytest.fixture(scope="module")
def beat(simulation):
    return simulation.run()


@pytest.fixture(scope="module")
def folder(simulation, tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "out"
    stages = []
    simulate_to(path, simulation, {"files": {"heart": "h.vtu"}}, lambda *at: stages.append(at))
    assert {"activation", "ECG", "potentials"} <= {stage for stage, _ in stages}
    assert all(0 <= fraction <= 1 for _, fraction in stages)
    return path


def run(heart, **changed):
    return Simulation.of(heart, settings=QUICK.model_copy(update=changed)).run()


def test_the_whole_heart_is_activated_and_recovers(beat):
    assert np.isfinite(beat.activation.times).all()
    assert beat.activation.times.min() > 0
    assert 30 < beat.activation.total < 200
    later = beat.repolarisation_times - beat.activation.times
    assert (later > 150).all()


def test_the_ecg_is_twelve_leads_that_can_be_measured(beat):
    assert len(beat.ecg.leads) == 12
    assert beat.ecg.rate == 1000
    assert beat.measures.heart_rate == 60
    assert beat.measures.qrs_duration < beat.activation.total + 40
    assert beat.rhythm.duration == 10_000


def test_the_same_settings_give_the_same_bits(coarse_heart, beat):
    again = run(coarse_heart)
    np.testing.assert_array_equal(again.activation.times, beat.activation.times)
    assert again.ecg.content == beat.ecg.content


def test_potentials_rise_when_the_front_comes_and_fall_at_90_per_cent(beat):
    times = beat.activation.times
    node = int(np.argmax(times))
    before, after = (beat.potentials(times[node] + shift)[node] for shift in (-20.0, 10.0))
    assert before < -80
    assert after > 0
    rest = beat.potentials(-1000.0)[node]
    recovered = beat.potentials(times[node] + beat.durations[node])[node]
    upstroke = max(beat.potentials(times[node] + shift)[node] for shift in np.arange(0, 20, 0.5))
    assert recovered == pytest.approx(rest + 0.1 * (upstroke - rest), abs=2)


def test_a_cut_bundle_branch_is_later_on_its_side(coarse_heart, beat):
    left = run(coarse_heart, purkinje=Tree(block="left"))
    right = run(coarse_heart, purkinje=Tree(block="right"))
    on_right = coarse_heart.coordinates.ventricle == 1
    delays = [other.activation.times - beat.activation.times for other in (left, right)]
    assert delays[0][~on_right].mean() > delays[0][on_right].mean() + 5
    assert delays[1][on_right].mean() > delays[1][~on_right].mean() + 5


def test_sources_take_the_place_of_the_bundle_of_his(coarse_heart):
    node = int(np.argmin(coarse_heart.coordinates.apicobasal))
    place = coarse_heart.points[coarse_heart.tetrahedra[100]].mean(axis=0).tolist()
    for sources in ([Source(node=node, time=3.0)], [Source(node=node), Source(place=place)]):
        paced = run(coarse_heart, sources=sources)
        assert paced.activation.times.min() == pytest.approx(sources[0].time, abs=3)
        np.testing.assert_allclose(paced.activation.sources[0], coarse_heart.points[node])


def test_without_a_tree_the_early_sites_fire(coarse_heart):
    slow = Simulation.of(coarse_heart, settings=WITHOUT_TREE).run()
    layer = WITHOUT_TREE.model_copy(update={"endocardium": FastLayer(present=True)})
    fast = Simulation.of(coarse_heart, settings=layer).run()
    assert len(slow.activation.sources) == 7
    assert fast.activation.total < slow.activation.total


def test_a_source_that_is_not_in_the_heart_is_refused(coarse_heart):
    with pytest.raises(InputError, match=r"sources\.0: node 999,999"):
        run(coarse_heart, sources=[Source(node=999_999)])
    with pytest.raises(InputError, match="outside the heart"):
        run(coarse_heart, sources=[Source(place=[500.0, 0.0, 0.0])])


def test_another_rate(coarse_heart, beat):
    resampled = run(coarse_heart, ecg=Leads(lead_field="infinite_medium", rate=500.0))
    assert resampled.ecg.rate == 500
    assert resampled.ecg.signals.shape[1] * 2 == beat.ecg.signals.shape[1]


def test_a_skin_needs_electrodes(coarse_heart, tmp_path):
    settings = QUICK.model_copy(update={"torso": Body(skin=str(tmp_path / "skin.vtp"))})
    with pytest.raises(InputError, match="without electrodes"):
        Simulation.of(coarse_heart, settings=settings)


def test_the_folder_holds_all_and_nothing_else(folder):
    assert {path.name for path in folder.iterdir()} == set(NAMES)


def test_the_mesh_carries_times_and_is_still_the_heart(folder, coarse_heart, beat):
    import pyvista

    mesh = pyvista.read(folder / "activation.vtu")
    np.testing.assert_allclose(mesh["activation_time"], beat.activation.times, rtol=1e-6)
    np.testing.assert_allclose(mesh["repolarisation_time"], beat.repolarisation_times, rtol=1e-6)
    assert Heart.read(folder / "activation.vtu").content == coarse_heart.content


def test_vtk_reads_the_potentials_back_at_their_times(folder, beat):
    reader = vtkHDFReader()
    reader.SetFileName(str(folder / "potentials.vtkhdf"))
    reader.UpdateInformation()
    steps = reader.GetOutputInformation(0).Get(reader.GetExecutive().TIME_STEPS())
    np.testing.assert_allclose(steps, np.arange(0, 401, 20))
    for time in (40.0, 400.0):
        reader.UpdateTimeStep(time)
        field = reader.GetOutput().GetPointData().GetArray("transmembrane_potential")
        values = vtk_to_numpy(field)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, beat.potentials(time), atol=0.01)


def test_the_ecg_is_read_back_from_both_formats(folder, beat):
    for name in ("ecg.hea", "ecg.csv"):
        ecg = ECG.read(folder / name)
        assert ecg.leads == beat.ecg.leads
        np.testing.assert_allclose(ecg.signals, beat.ecg.signals, atol=1e-3)


def test_the_run_can_be_repeated_from_its_settings(folder, coarse_heart, beat):
    again = Simulation.of(coarse_heart, settings=Settings.read(folder / "settings.toml"))
    assert again.settings == QUICK
    record = json.loads((folder / RECORD).read_text())
    assert record["heart"] == coarse_heart.content
    assert record["torso"] == again.torso.content
    assert record["tree_seed"] == QUICK.purkinje.seed
    assert record["inputs"] == {"files": {"heart": "h.vtu"}}
    assert record["version"]
    measures = json.loads((folder / "measures.json").read_text())
    assert measures == json.loads(json.dumps(beat.measures.table()))


def test_without_potentials_an_older_file_of_them_goes(folder, coarse_heart, tmp_path):
    out = tmp_path / "out"
    simulate_to(out, Simulation.of(coarse_heart, settings=QUICK))
    without = QUICK.model_copy(update={"potentials": Potentials(write=False)})
    simulate_to(out, Simulation.of(coarse_heart, settings=without))
    assert {path.name for path in out.iterdir()} == set(NAMES) - {"potentials.vtkhdf"}
