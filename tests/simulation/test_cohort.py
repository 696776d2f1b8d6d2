"""A cohort on disk: read case by case, in batches, as tables; taken apart and put together."""

import h5py
import numpy as np
import pytest

from twin.benchmarks.boxes import box_heart
from twin.benchmarks.synthetic_cohort import EACH, FAILED, HEARTS, synthetic_cohort
from twin.meshes.errors import InputError
from twin.simulation.cohort import Cohort
from twin.simulation.ecg import ECG
from twin.simulation.recruitment.store.choosing import chosen_cases
from twin.simulation.recruitment.store.distributions import distributions_of
from twin.simulation.recruitment.store.table import write_table


@pytest.fixture(scope="module")
def small_heart():
    return box_heart(1.0)


@pytest.fixture(scope="module")
def folder(small_heart, tmp_path_factory):
    return synthetic_cohort(tmp_path_factory.mktemp("cohort") / "c", small_heart)


@pytest.fixture
def cohort(folder):
    return Cohort.open(folder)


def numbers(cohort):
    return [case.number for case in cohort]


def test_it_is_a_sequence_without_what_had_failed(cohort):
    assert len(cohort) == HEARTS * EACH - 1
    assert numbers(cohort) == [k for k in range(HEARTS * EACH) if k != FAILED]
    assert cohort.failures == {FAILED: "no infarct fits"}
    assert cohort[-1].number == HEARTS * EACH - 1
    assert numbers(cohort[2:8:3]) == [2, 5]
    with pytest.raises(IndexError, match="case 23 of 23"):
        cohort[23]


def test_a_case_is_whole(cohort, small_heart):
    case = cohort[9]
    assert case.number == 10
    assert case.ecg.leads == ECG(np.zeros((12, 1)), 500, case.ecg.leads).in_standard_order().leads
    assert case.ecg.rate == 500
    np.testing.assert_allclose(case.ecg.lead("V3"), 0.010, atol=1e-7)
    np.testing.assert_allclose(case.clean.lead("II"), -0.010, atol=1e-7)
    np.testing.assert_array_equal(case.zones, (np.arange(len(small_heart.points)) + 10) % 3)
    assert case.heart.content == small_heart.content
    assert case.heart.provenance["origin"] == "heart 2"
    assert case.draws == {"core": "blocked", "speed": 1.10}
    assert case.summary == {"mass": 0.1, "qrs_ms": 90.0, "segment_07_scar": 0.1}
    assert not case.healthy
    assert np.isnan(cohort[0].summary["mass"])


def test_the_infarct_of_a_case(cohort):
    infarct = cohort[9].infarct
    np.testing.assert_array_equal(infarct.zones, cohort[9].zones)
    assert infarct.provenance["case"] == 10


def test_a_batch_is_the_cases_in_the_order_asked_for(cohort):
    chosen = np.random.default_rng(0).permutation(len(cohort))
    batch = cohort.batch(chosen)
    assert batch.ecg.dtype == np.float32
    for k, case in enumerate(chosen):
        np.testing.assert_allclose(batch.ecg[k], 0.001 * cohort[case].number, atol=1e-7)
        np.testing.assert_array_equal(batch.zones[k], cohort[case].zones)


def test_torch_reads_it_also_from_other_processes(cohort):
    from torch.utils.data import DataLoader

    # Open here first: a fork must not use the same handles.
    cohort.batch([0, 5, 10])
    for workers in (0, 2):
        loader = DataLoader(
            cohort.torch_dataset(),
            batch_size=5,
            num_workers=workers,
            collate_fn=list,
            multiprocessing_context="spawn" if workers else None,
        )
        items = [item for batch in loader for item in batch]
        assert [int(item["index"]) for item in items] == list(range(len(cohort)))
        assert [round(1000 * float(item["ecg"][0, 0])) for item in items] == numbers(cohort)


def test_the_table_has_a_row_a_case(cohort, tmp_path):
    table = cohort[3:20].subset([5, 0, 16]).table()
    assert table["case"].tolist() == [9, 3, 20]
    assert table["healthy"].tolist() == [False, False, True]
    np.testing.assert_array_equal(table["qrs_ms"], [89, 83, 100])
    np.testing.assert_array_equal(table["mass"], [0.1, 0.1, np.nan])
    assert table["drawn_core"].tolist() == ["blocked"] * 3
    write_table(cohort, tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert len(lines) == len(cohort) + 1
    assert lines[0].startswith("case,seed,patient,healthy,mass,qrs_ms,segment_07_scar,drawn_")
    with pytest.raises(InputError, match=r"csv or a \.parquet"):
        write_table(cohort, tmp_path / "t.xlsx")


def test_distributions_tell_quantiles_and_counts(cohort):
    found = distributions_of(cohort)
    assert found["mass"] == pytest.approx(
        {"p05": 0.1, "median": 0.1, "p95": 0.1, "missing": HEARTS}
    )
    assert found["healthy"] == {"words": {"False": 17, "True": 6}}


def test_a_split_shares_no_patient(cohort):
    parts = cohort.split((0.5, 0.3, 0.2), seed=1)
    assert sorted(number for part in parts for number in numbers(part)) == numbers(cohort)
    people = [set(part.patients.tolist()) for part in parts]
    assert [len(some) for some in people] == [3, 2, 1]
    assert not people[0] & people[1]
    assert not people[0] & people[2]
    assert not people[1] & people[2]
    again = cohort.split((0.5, 0.3, 0.2), seed=1)
    assert [numbers(part) for part in parts] == [numbers(part) for part in again]
    # The smallest part has somebody too.
    assert [len(p.split((0.98, 0.01, 0.01))) for p in [cohort]] == [3]


@pytest.mark.parametrize("shares", [(0.5, 0.4), (1.2, -0.2), (), (0.1,) * 10])
def test_an_impossible_split_is_refused(cohort, shares):
    with pytest.raises(InputError, match=r"expected numbers|cannot be split"):
        cohort.split(shares)


def test_parts_and_merged_cohorts_are_cohorts(cohort, small_heart, tmp_path):
    other = Cohort.open(synthetic_cohort(tmp_path / "other", small_heart, seed=5))
    chosen = [20, 3, 11, 7]
    merged = Cohort.merge(cohort.subset(chosen), other)
    assert len(merged) == 4 + len(other)
    written = merged.write(tmp_path / "merged")
    assert written.check() == []
    assert numbers(written) == list(range(len(merged)))
    for before, after in zip(merged, written, strict=True):
        assert after.seed == before.seed
        assert after.healthy == before.healthy
        np.testing.assert_array_equal(after.zones, before.zones)
        np.testing.assert_array_equal(after.ecg.signals, before.ecg.signals)
        np.testing.assert_array_equal(after.clean.signals, before.clean.signals)
        np.testing.assert_equal(dict(after.draws), dict(before.draws))
        np.testing.assert_equal(dict(after.summary), dict(before.summary))
        assert after.heart.provenance == before.heart.provenance
    np.testing.assert_array_equal(written.patients, merged.patients)
    with pytest.raises(InputError, match="put together of others"):
        Cohort.make("hard", len(written), tmp_path / "merged")
    with pytest.raises(InputError, match="is there already"):
        cohort.write(tmp_path / "merged")


def test_the_same_rows_make_the_same_bytes(small_heart, folder, tmp_path):
    other = synthetic_cohort(tmp_path / "c", small_heart)
    for path in sorted(folder.glob("*/*.h5")):
        assert path.read_bytes() == (other / path.relative_to(folder)).read_bytes()


def test_nor_do_they_depend_on_who_holds_on_to_what(small_heart, folder, tmp_path, monkeypatch):
    """A profiler, as dask's, keeps frames and with them data sets alive."""
    create, held = h5py.Group.create_dataset, []

    def keep(*given, **more):
        held.append(create(*given, **more))
        return held[-1]

    monkeypatch.setattr(h5py.Group, "create_dataset", keep)
    other = synthetic_cohort(tmp_path / "c", small_heart)
    assert held
    for path in sorted(folder.glob("*/*.h5")):
        assert path.read_bytes() == (other / path.relative_to(folder)).read_bytes()


def test_check_finds_what_is_missing_or_damaged(small_heart, tmp_path):
    folder = synthetic_cohort(tmp_path / "c", small_heart)
    assert Cohort.open(folder).check() == []
    (folder / "anatomies" / "00001.h5").unlink()
    flip(folder / "shards" / "00002.h5", "zones")
    shorten(folder / "shards" / "00003.h5")
    found = {
        fault.file.relative_to(folder).as_posix(): fault for fault in Cohort.open(folder).check()
    }
    assert set(found) == {"anatomies/00001.h5", "shards/00002.h5", "shards/00003.h5"}
    assert "is missing" in str(found["anatomies/00001.h5"])
    assert "SHA-256" in str(found["shards/00002.h5"])
    assert "bytes" in str(found["shards/00003.h5"])


def test_a_flipped_bit_is_no_silent_answer(small_heart, tmp_path):
    folder = synthetic_cohort(tmp_path / "c", small_heart)
    flip(folder / "shards" / "00002.h5", "zones")
    cohort = Cohort.open(folder)
    with pytest.raises(InputError, match=r"00002\.h5 cannot be read.*twin cohort check"):
        cohort.batch(range(len(cohort)))
    assert len(cohort.batch([0, 1]).zones) == 2


def flip(path, name):
    """One bit within the first chunk of a data set."""
    with h5py.File(path, "r") as file:
        chunk = file[name].id.get_chunk_info(0)
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset + chunk.size // 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 4]))


def shorten(path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 100)


@pytest.mark.parametrize(
    ("places", "conditions", "expected"),
    [
        ("0-2,5", [], [0, 1, 2, 5]),
        (None, ["healthy==1", "qrs_ms>90"], [11, 15, 19]),
        ("12-22", ["healthy==1"], [15, 19]),
        (None, ["drawn_core==blocked", "case<=1"], [0, 1]),
    ],
)
def test_cases_are_chosen_by_place_and_by_what_is_known(cohort, places, conditions, expected):
    assert chosen_cases(cohort, places, conditions).tolist() == expected


@pytest.mark.parametrize(
    ("places", "conditions", "said"),
    [
        ("3-x", [], "expected places"),
        ("20-30", [], "has 0 to 22"),
        (None, ["colour==1"], "no column 'colour'; there are: case"),
        (None, ["qrs_ms=1"], "expected a column and a value"),
        (None, ["qrs_ms>wide"], "is a number"),
        (None, ["qrs_ms>1000"], "no case of 23"),
    ],
)
def test_an_impossible_choice_says_what_is_possible(cohort, places, conditions, said):
    with pytest.raises(InputError, match=said):
        chosen_cases(cohort, places, conditions)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no cohort.json"),
        ("{", "is damaged"),
        ("[1]", "is damaged"),
        ('{"format": 99}', "format 99 is not known"),
    ],
)
def test_what_is_no_cohort_is_refused(tmp_path, content, said):
    if content:
        (tmp_path / "cohort.json").write_text(content)
    with pytest.raises(InputError, match=said):
        Cohort.open(tmp_path)


def test_a_cluster_that_is_not_known_or_has_no_such_option(tmp_path):
    for options, said in (
        ({"cluster": "pbs"}, "no cluster 'pbs'; known are: slurm, dask"),
        ({"options": {"partition": "x"}}, "no cluster; name it"),
    ):
        with pytest.raises(InputError, match=said):
            Cohort.make("hard", 10, tmp_path / "c", **options)
    assert not (tmp_path / "c").exists()
