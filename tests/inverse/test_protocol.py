"""The protocol's rivals on hearts that are boxes, whose ECGs tell the infarct's place."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from twin.benchmarks.boxes import box_heart
from twin.benchmarks.synthetic_cohort import synthetic_cohort
from twin.inverse.protocol import paa_training
from twin.inverse.protocol.paa_row import PAARow
from twin.inverse.protocol.paa_signals import SAMPLES, Kind, signals
from twin.inverse.protocol.paa_training import Schedule, steps_of, train
from twin.inverse.protocol.part import Anatomy, Part, partner_cases
from twin.inverse.protocol.protocol import Protocol
from twin.inverse.protocol.result import Result
from twin.inverse.protocol.row import Shuffled
from twin.inverse.protocol.table import Table
from twin.inverse.scores import burden, segment_shares
from twin.meshes.errors import InputError
from twin.meshes.heart import Coordinates
from twin.simulation.cohort import Cohort
from twin.simulation.infarct import Zone
from twin.simulation.recruitment.store.stored_case import StoredCase

torch.set_num_threads(1)

PLACES, ELECTRODES, TIME = 3, np.full((9, 3), 100.0), 100
TINY = {"epochs": 2, "points": 64, "decoded": 32, "anatomies": 2, "each": 8}


def heart(size: float):
    one = box_heart(1.5, kind=np.float32)
    along, around, deep = (one.points / one.points.max(axis=0)).T
    whole = Coordinates(along, deep, 0.9 * around, np.zeros(len(along), np.int8))
    return replace(one, points=size * one.points, coordinates=whole)


def part_of(hearts: int, first: int) -> Part:
    """Scar is a third of the length; the fourth case of a place, the healthy one, has none."""
    random = np.random.default_rng(first)
    anatomies = [Anatomy.of(heart(3 + 0.1 * k), ELECTRODES, True) for k in range(hearts)]
    anatomy = np.repeat(np.arange(hearts), 2 * (PLACES + 1))
    place = np.tile(np.arange(PLACES + 1), 2 * hearts)
    zones = [_zones(anatomies[a], p, random) for a, p in zip(anatomy, place, strict=True)]
    ecg = 0.02 * random.normal(size=(len(place), 8, TIME))
    ecg[..., 30] += 1
    ecg[np.arange(len(place)), place, 60] += 1
    scar = np.array([(z == Zone.SCAR).mean() for z in zones])
    table = {
        "healthy": place == PLACES,
        "seed": first + np.arange(len(place)),
        "drawn_place": place.astype(float),
        "activation_ms": 60.0 + 20 * (place == 0) + random.uniform(size=len(place)),
        "scar": scar,
        "segment_01_scar": scar,
        "transmurality": np.where(place == PLACES, np.nan, 1.0),
    }
    return Part(ecg.astype(np.float32), zones, anatomy, anatomies, table, 500.0, -40.0)


def _zones(anatomy: Anatomy, place: int, random) -> np.ndarray:
    low = place / PLACES + random.uniform(-0.05, 0.05)
    depth = anatomy.coordinates.apicobasal - low
    scar = (depth > 0) & (depth < 1 / PLACES)
    border = ~scar & (depth > -0.1) & (depth < 1 / PLACES + 0.1)
    zones = np.where(scar, Zone.SCAR, np.where(border, Zone.BORDER, Zone.HEALTHY))
    return (zones * (place < PLACES)).astype(np.int8)


@pytest.fixture(scope="module")
def protocol():
    return Protocol("test", part_of(4, 0), part_of(2, 1000), part_of(3, 2000))


@pytest.fixture(scope="module")
def results(protocol):
    return {row.name: Result.of(row, protocol.test) for row in protocol.templates()}


@pytest.fixture(scope="module")
def trained(protocol, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mended")
    return folder, train(Schedule(Kind.MENDED, **TINY), protocol.train, folder)


@dataclass
class Told:
    """A row that knows the truth of the case whose ECG it is shown."""

    part: Part
    name: str = "told"

    def probabilities(self, case, ecg_of=None):
        zones = self.part.zones[case if ecg_of is None else ecg_of]
        return np.eye(3, dtype=np.float32)[zones]

    def intervals(self, case, ecg_of=None):
        truth = self.part.truth(case)
        scar = truth.zones == Zone.SCAR
        true = 100 * burden(truth, scar)
        first = 100 * segment_shares(truth, scar)[0]
        return {"burden": (true - 1, true + 1), "segment_01": (first + 1, first + 2)}


def dice(result: Result) -> float:
    return result.summary()["hard_scar"].mean


def test_who_is_told_more_does_better(results):
    order = [dice(results[n]) for n in ("template oracle", "signal length", "mean map")]
    assert order[0] > 0.85
    assert order == sorted(order, reverse=True)
    assert order[1] > order[2] + 0.05


def test_who_is_told_of_health_calls_it_healthy(results):
    assert results["template oracle"].summary()["false_positive"].mean == 0
    assert results["mean map"].summary()["false_positive"].mean == 1


def test_without_named_places_the_oracle_is_told_the_centre(protocol):
    parts = [getattr(protocol, name) for name in ("train", "validation", "test")]
    unnamed = [
        replace(part, table={k: v for k, v in part.table.items() if k != "drawn_place"})
        for part in parts
    ]
    rows = {row.name: row for row in Protocol("H", *unnamed).templates()}
    assert dice(Result.of(rows["template oracle"], protocol.test)) > 0.5


def test_template_probabilities_are_such(protocol):
    for row in protocol.templates():
        found = row.probabilities(1)
        assert found.min() >= 0
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_partners_are_of_other_hearts_and_each_is_shown_once(protocol):
    partners = partner_cases(protocol.test)
    assert (protocol.test.anatomy[partners] != protocol.test.anatomy).all()
    assert sorted(partners) == list(range(len(protocol.test)))
    np.testing.assert_array_equal(partners, partner_cases(protocol.test))
    with pytest.raises(InputError, match="one heart"):
        partner_cases(part_of(1, 0))


def test_the_truth_scores_full_and_shuffled_it_does_not(protocol):
    row = Told(protocol.test)
    whole = Result.of(row, protocol.test).summary()
    for name in ("hard_scar", "hard_border", "soft_scar", "soft_border", "segment_sensitivity"):
        assert whole[name].mean == 1
    for name in ("hd95", "centre_error", "burden_error", "calibration_error", "false_positive"):
        assert whole[name].mean == 0
    assert (whole["coverage_burden"].mean, whole["coverage_segments"].mean) == (1, 0)
    # Hearts have another infarct each; the same case number of another heart need not be.
    assert dice(Result.of(protocol.shuffled(row), protocol.test)) < 0.9


def test_a_shuffled_row_answers_by_its_row_own_zones(protocol):
    signal_length = protocol.templates()[2]
    shuffled = protocol.shuffled(signal_length)
    other = int(shuffled.partners[0])
    np.testing.assert_array_equal(shuffled.zones(0), signal_length.zones(0, other))


def test_a_result_is_the_same_from_its_file(results, tmp_path):
    result = results["mean map"]
    again = Result.read(result.write(tmp_path))
    assert again.name == "mean map"
    assert again.summary() == result.summary()
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no")
    with pytest.raises(InputError, match="score that row again"):
        Result.read(broken)


def test_a_table_gathers_what_was_scored_before(protocol, tmp_path):
    protocol.run([Told(protocol.test)], tmp_path)
    table = protocol.run(protocol.templates()[:1], tmp_path)
    assert list(table.rows) == ["mean map", "told"]
    assert list(replace_test(protocol, part_of(3, 5000)).run([], tmp_path).rows) == []
    table.write(tmp_path)
    said = json.loads((tmp_path / "table.json").read_text())
    assert said["rows"][1]["figures"]["hard_scar"] == {"mean": 1, "low": 1, "high": 1}
    assert "| told | 1.000 [1.000, 1.000] |" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "table.png").stat().st_size > 10_000


def replace_test(protocol: Protocol, test: Part) -> Protocol:
    return replace(protocol, test=test)


def test_rivals_stand_before_others(results):
    named = [replace(results["mean map"], name=name) for name in ("ours", "PAA-Net mended")]
    assert list(Table.of("x", named).rows) == ["PAA-Net mended", "ours"]


def test_only_the_published_signal_tells_how_long_it_lasted(protocol):
    part = protocol.test
    published, mended = (signals(part, kind) for kind in (Kind.PUBLISHED, Kind.MENDED))
    assert published.shape[2] == SAMPLES
    last = [int(np.flatnonzero(one.any(axis=0)).max()) for one in published]
    np.testing.assert_allclose(
        last, (part.table["activation_ms"] - part.start) * part.rate / 1000, atol=1.1
    )
    assert mended[..., -1].any(axis=1).all()
    for leads in (slice(0, 2), slice(2, 8)):
        peaks = mended[:, leads, : round(0.2 * part.rate)].max(axis=2)
        np.testing.assert_allclose(peaks.mean(axis=1), 1, rtol=1e-5)
    assert not signals(part, Kind.GEOMETRY).any()


def test_an_epoch_has_every_case(protocol):
    steps = steps_of(protocol.train, Schedule(Kind.MENDED, each=3), 0)
    shown = np.concatenate([cases.ravel() for cases in steps])
    assert set(shown.tolist()) == set(range(len(protocol.train)))
    for cases in steps:
        assert (protocol.train.anatomy[cases] == protocol.train.anatomy[cases[:, :1]]).all()


def test_a_killed_training_ends_as_if_it_had_not_been(protocol, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(paa_training, "SAVED_EVERY", 0.0)

    def kill(_):
        raise KeyboardInterrupt

    schedule = Schedule(Kind.MENDED, **TINY)
    with pytest.raises(KeyboardInterrupt):
        train(schedule, protocol.train, tmp_path, kill)
    again = train(schedule, protocol.train, tmp_path)
    for name, value in trained[1].state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name], rtol=0, atol=0)
    with pytest.raises(InputError, match="another recipe"):
        train(Schedule(Kind.MENDED, seed=1, **TINY), protocol.train, tmp_path)


def test_a_trained_network_is_a_row(protocol, trained):
    row = PAARow.read(trained[0], protocol.test)
    own, others = row.probabilities(0), row.probabilities(0, ecg_of=1)
    assert own.shape == (len(protocol.test.zones[0]), 3)
    np.testing.assert_allclose(own.sum(axis=1), 1, atol=1e-5)
    assert not np.array_equal(own, others)
    shuffled = Shuffled(row, np.roll(np.arange(len(protocol.test)), -1))
    np.testing.assert_array_equal(shuffled.probabilities(0), others)
    with pytest.raises(InputError, match="has not ended"):
        PAARow.read(trained[0] / "nowhere", protocol.test)


@pytest.mark.parametrize("kind", [Kind.PUBLISHED, Kind.GEOMETRY])
def test_the_other_kinds_train_too(kind, protocol, tmp_path):
    schedule = Schedule(kind, **(TINY | {"epochs": 1}))
    row_after = train(schedule, protocol.train, tmp_path)
    row = PAARow(row_after, kind, 64, protocol.test)
    same = np.array_equal(row.probabilities(0), row.probabilities(0, ecg_of=1))
    assert same == (kind is Kind.GEOMETRY)


def test_a_part_of_a_cohort(tmp_path, monkeypatch):
    def patient(case):
        return SimpleNamespace(heart=case.heart, lead_field=SimpleNamespace(places=ELECTRODES))

    monkeypatch.setattr(StoredCase, "patient", property(patient))
    cohort = Cohort.open(synthetic_cohort(tmp_path / "cohort"))
    part = Part.of(cohort, placed=False)
    assert len(part) == len(cohort) == 23
    assert len(part.anatomies) == 6
    for case in (0, 7, 22):
        np.testing.assert_array_equal(part.zones[case], cohort[case].zones)
        np.testing.assert_array_equal(part.ecg[case], cohort.batch([case]).ecg[0])
        assert part.truth(case).masses.sum() == pytest.approx(420, rel=1e-3)
