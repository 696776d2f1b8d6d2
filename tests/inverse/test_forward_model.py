"""The learned forward model: what is true by construction, what it learns, and bad input."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from twin.inverse.forward_model.examples import read_examples
from twin.inverse.forward_model.linear import CohortMean, IsotropicPseudoEcg, RidgeLeadField
from twin.inverse.forward_model.model import ForwardModel
from twin.inverse.forward_model.network import mixing
from twin.inverse.forward_model.pictures import plot_answers, plot_scores
from twin.inverse.forward_model.published import Surface, teach_published
from twin.inverse.forward_model.results import forward_to, read_potentials
from twin.inverse.forward_model.teaching import Teaching, begin, teach
from twin.inverse.forward_model.train import train
from twin.inverse.forward_model.trial import asked, cross_validate, interval, linear, score
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.progress import silent
from twin.meshes.torso import Torso
from twin.simulation.atria.cohort import AtrialCohort, AtrialPlan

RATE = 500.0


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return AtrialCohort.make(
        tmp_path_factory.mktemp("atria") / "cohort", AtrialPlan(4, 1020, 8_000, bodies=2), workers=2
    )


@pytest.fixture(scope="module")
def examples(cohort):
    return read_examples(cohort)


@pytest.fixture(scope="module")
def atrium():
    return Atrium.sample(3, nodes=8_000)


@pytest.fixture(scope="module")
def torso(atrium):
    return Torso.template(seed=4).place(atrium)


@pytest.fixture(scope="module")
def model():
    return ForwardModel.read()


@pytest.fixture(scope="module")
def ready(model, atrium, torso):
    return model.prepared(atrium, torso)


@pytest.fixture(scope="module")
def potentials(atrium):
    """A plane front from the back to the front at 0.6 mm/ms."""
    along = atrium.points[:, 1] - atrium.points[:, 1].min()
    since = np.arange(0, 200, 2.0)[:, None] - along / 0.6
    return (-80 + 100 / (1 + np.exp(-since / 2))).astype(np.float32)


def test_an_even_potential_gives_nothing(ready, atrium, potentials):
    even = np.full((100, len(atrium.points)), -65.0, np.float32)
    largest = np.abs(ready.ecg(potentials, RATE).signals).max()
    assert np.abs(ready.ecg(even, RATE).signals).max() == 0
    assert largest > 0.01
    lifted = ready.ecg(potentials + 40.0, RATE).signals
    np.testing.assert_allclose(lifted, ready.ecg(potentials, RATE).signals, atol=1e-3 * largest)


def test_linear_where_the_tissue_is_not_read_from_the_recording(ready, potentials):
    other = potentials[::-1] * 0.5
    together = ready.ecg(potentials + 2 * other, RATE, read=False).signals
    apart = [ready.ecg(x, RATE, read=False).signals for x in (potentials, other)]
    largest = np.abs(together).max()
    np.testing.assert_allclose(together, apart[0] + 2 * apart[1], atol=1e-4 * largest)


def test_the_ecg_scales_with_the_potentials(ready, potentials):
    single, double = (ready.ecg(k * potentials, RATE).signals for k in (1.0, 2.0))
    np.testing.assert_allclose(double, 2 * single, atol=2e-3 * np.abs(single).max())


def test_a_faster_recording_tells_the_same_of_the_tissue(ready, potentials):
    expected = ready.ecg(potentials, RATE).signals
    found = ready.ecg(np.repeat(potentials, 2, axis=0), 2 * RATE).signals[:, ::2]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("read", [False, True])
def test_weights_of_the_nodes_give_the_same_ecg(ready, potentials, read):
    weights = ready.weights(potentials if read else None, RATE)
    expected = ready.ecg(potentials, RATE, read=read).signals
    largest = np.abs(expected).max()
    np.testing.assert_allclose(weights @ potentials.T.astype(float), expected, atol=1e-3 * largest)
    assert np.abs(weights.sum(axis=1)).max() < 1e-3 * np.abs(weights).sum(axis=1).max()


def test_turning_heart_and_torso_together_changes_nothing(model, atrium, torso, potentials, ready):
    turn = Rotation.from_euler("xyz", [20, -35, 50], degrees=True).as_matrix()
    offset = np.array([30.0, -10.0, 5.0])

    def moved(points):
        return np.asarray(points, float) @ turn.T + offset

    turned = replace(
        atrium,
        points=moved(atrium.points),
        endocardial_fibre=atrium.endocardial_fibre @ turn.T,
        epicardial_fibre=atrium.epicardial_fibre @ turn.T,
    )
    body = replace(
        torso,
        skin=replace(torso.skin, points=moved(torso.skin.points)),
        lungs=tuple(replace(lung, points=moved(lung.points)) for lung in torso.lungs),
        lung_centres=tuple(moved(c) for c in torso.lung_centres),
        electrodes={name: moved(place) for name, place in torso.electrodes.items()},
    )
    expected = ready.ecg(potentials, RATE).signals
    found = model.prepared(turned, body).ecg(potentials, RATE).signals
    # Only the skin's extent, which is taken along the frame's axes, may differ by its triangles.
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())


def test_the_shipped_model_answers_for_subjects_it_never_saw(examples, model):
    """On half as many nodes as it was taught on, too."""
    answer = asked(model.network)
    pseudo = IsotropicPseudoEcg.of(examples, mixing())
    better = 0
    for example in examples:
        for recording in example.recordings:
            mine, plain = (
                1 - np.sum(s.miss) / np.sum(s.power)
                for s in (
                    score(example, recording, answer(example, recording)),
                    score(example, recording, pseudo.answer(example, recording)),
                )
            )
            better += mine > plain
    assert better >= 0.9 * sum(len(e.recordings) for e in examples)
    assert all(judged["r2"] > 0.9 for judged in model.card["judged"])


def test_learning_lowers_the_error_and_a_killed_run_goes_on_the_same(examples, tmp_path):
    teaching = Teaching(epochs=4, field_epochs=4, field=16, conduction=16)
    whole = teach(examples, teaching=teaching)

    class KilledError(Exception):
        pass

    def killing(stage):
        def kill(said, fraction):
            if said.startswith(f"{stage}, epoch 2"):
                raise KilledError

        return kill

    import twin.inverse.forward_model.teaching as module

    before, module.SAVED_EVERY = module.SAVED_EVERY, -1.0
    try:
        for stage in ("field", "conduction"):
            with pytest.raises(KilledError):
                teach(examples, teaching=teaching, progress=killing(stage), folder=tmp_path)
        resumed = teach(examples, teaching=teaching, folder=tmp_path)
    finally:
        module.SAVED_EVERY = before
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    untaught = begin(examples, teaching)
    errors = [
        np.mean([np.sum(score(e, r, asked(net)(e, r)).miss) for e in examples
                 for r in e.recordings])
        for net in (untaught, whole)
    ]  # fmt: skip
    assert errors[1] < errors[0]
    with pytest.raises(InputError, match="another recipe or cohort"):
        teach(examples, teaching=replace(teaching, seed=1), folder=tmp_path)


def test_train_writes_a_model_that_is_read_again(cohort, tmp_path, examples):
    made = train([cohort, cohort], tmp_path / "model", Teaching(1, 1, field=16, conduction=16))
    assert len(made.card["judged"]) == 2
    assert made.card["taught_subjects"] == 6
    again = ForwardModel.read(tmp_path / "model")
    assert again.card == made.card
    example = examples[0]
    one, other = (
        asked(m.network, unread=True)(example, example.recordings[0]) for m in (made, again)
    )
    assert torch.equal(one, other)


def test_rows_of_the_trial_and_its_folds_are_kept(examples, tmp_path):
    rows = cross_validate(examples, linear, tmp_path, folds=2)
    assert len(rows) == 4
    assert all(len(row.of_subjects()) == len(examples) for row in rows.values())
    again = cross_validate(examples, None, tmp_path, folds=2)  # nothing is taught again
    np.testing.assert_array_equal(
        rows["cohort mean"].of_subjects(), again["cohort mean"].of_subjects()
    )
    plot_scores(rows, tmp_path / "r2.png")
    plot_answers(examples[0], linear(examples, silent), tmp_path / "ecg.png")
    assert (tmp_path / "r2.png").stat().st_size > 5_000
    assert (tmp_path / "ecg.png").stat().st_size > 20_000
    mean, low, high = interval(rows["cohort mean"].of_subjects().mean(axis=1))
    assert low <= mean <= high


def test_a_ridge_and_a_mean_know_their_own_subjects(examples):
    recording = examples[0].recordings[0]
    ridge = RidgeLeadField.of(examples, True).answer(examples[0], recording)
    assert score(examples[0], recording, ridge).apart < 0.5 * recording.leads.abs().mean()
    mean = CohortMean.of(examples[:1]).answer(examples[0], recording)
    assert torch.allclose(mean, recording.leads, atol=1e-6)


def test_the_published_architecture_learns_and_answers_any_length(examples):
    taught = teach_published(examples[:2], epochs=1)
    recording = examples[0].recordings[-1]
    found = taught.answer(Surface.of(examples[0]), recording)
    assert found.shape == recording.leads.shape
    assert torch.isfinite(found).all()


@pytest.mark.parametrize(
    ("change", "rate", "said"),
    [
        (lambda v: v[:, :-1], RATE, "nodes"),
        (lambda v: v[0], RATE, "expected times x"),
        (lambda v: v / 1000, RATE, "expected mV, not V"),
        (lambda v: v * 1000, RATE, "expected mV, within"),
        (lambda v: np.where(v > 0, np.nan, v), RATE, "finite"),
        (lambda v: v, 5.0, "expected 50 to"),
        (lambda v: v[:1], RATE, "too short"),
    ],
)
def test_potentials_that_make_no_sense(ready, potentials, change, rate, said):
    with pytest.raises(InputError, match=said):
        ready.ecg(change(potentials), rate)


def test_forward_writes_everything_and_refuses_what_it_cannot_read(atrium, potentials, tmp_path):
    path = tmp_path / "v.npy"
    np.save(path, potentials)
    with pytest.raises(InputError, match="--rate"):
        read_potentials(path, None)
    summary = forward_to(tmp_path / "out", atrium, path, RATE)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "ecg.csv", "ecg.png", "summary.json", "conductivities.vtp",
    }  # fmt: skip
    assert 0.001 < summary["largest_mV"] < 2
    path.write_bytes(b"\x93NUMPY half")
    with pytest.raises(InputError, match="cannot be read"):
        read_potentials(path, RATE)
    (tmp_path / "v.vtkhdf").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no point field"):
        read_potentials(tmp_path / "v.vtkhdf", None)
    with pytest.raises(InputError, match=r"expected potentials as \.vtkhdf or \.npy"):
        read_potentials(tmp_path / "v.csv", None)
    with pytest.raises(InputError, match="a folder that `twin atria train` made"):
        ForwardModel.read(tmp_path)
    (tmp_path / "model.json").write_text('{"sizes": {}, "card": {}}')
    (tmp_path / "weights.safetensors").write_bytes(b"xx")
    with pytest.raises(InputError, match="no weights that can be read"):
        ForwardModel.read(tmp_path)
