"""`twin cohort`: what it says and writes, and one clear error for each fault of the input."""

import json

import pytest

from twin.benchmarks.synthetic_cohort import synthetic_cohort
from twin.simulation.cohort import Cohort
from twin.simulation.recruitment.store.manifest import Entry, append_entry


@pytest.fixture
def cohort_folder(tmp_path):
    return synthetic_cohort(tmp_path / "cohort")


@pytest.fixture
def made(monkeypatch, tmp_path):
    """What `make` was asked for; no cohort is made."""
    asked = {}

    def make(recipe, count, folder, **more):
        asked.update({"recipe": recipe, "count": count, "folder": str(folder), **more})
        raise KeyboardInterrupt

    monkeypatch.setattr(Cohort, "make", staticmethod(make))
    return asked


@pytest.mark.parametrize(
    "words",
    [
        ("r.toml", "-n", "40", "-o", "c", "--workers", "3", "--seed", "7"),
        ("make", "r.toml", "-n", "40", "-o", "c", "--workers", "3", "--seed", "7"),
        ("-n", "40", "-o", "c", "--workers", "3", "--seed", "7", "r.toml"),
    ],
)
def test_make_may_go_unnamed(twin, made, words):
    code, _, _ = twin("cohort", *words)
    assert code == 130
    assert (made["recipe"], made["count"], made["folder"]) == ("r.toml", 40, "c")
    assert (made["workers"], made["seed"], made["cluster"]) == (3, 7, None)


def test_a_cluster_and_its_options(twin, made):
    words = ("hard", "--cluster", "slurm", "--cluster-option", "partition=long")
    twin("cohort", *words, "--cluster-option", "time=60")
    assert made["cluster"] == "slurm"
    assert made["options"] == {"partition": "long", "time": "60"}
    code, _, err = twin("cohort", "hard", "--cluster", "slurm", "--cluster-option", "long")
    assert code == 2
    assert "expected NAME=VALUE" in err


def test_a_recipe_is_written_to_be_changed(twin, tmp_path):
    code, out, _ = twin("cohort", "recipe", "hard", "-o", tmp_path / "mine.toml")
    assert code == 0
    assert "edit it" in out
    _, printed, _ = twin("cohort", "recipe", "hard")
    assert printed == (tmp_path / "mine.toml").read_text()
    code, _, err = twin("cohort", "recipe", "paper", "-o", tmp_path / "mine.toml")
    assert code == 2
    assert "is there already" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "there is no such recipe"),
        (("hard", "-n", "0"), "expected 1 to"),
        (("hard", "-n", "5", "--workers", "0"), "expected 1 or more"),
        (("hard", "-n", "5", "--seed", "-1"), "the seed is -1"),
        (("hard", "-n", "5", "--cluster", "moon"), "no cluster 'moon'"),
        (("show", "."), "no cohort.json"),
        (("check", "nowhere"), "no cohort.json"),
        (("split", ".", "-o", "x", "--shares", "many"), "no cohort.json"),
    ],
)
def test_one_sentence_for_each_fault(twin, monkeypatch, tmp_path, words, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = twin("cohort", *words)
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1
    assert out == ""
    assert not list(tmp_path.iterdir())


def test_show_tells_counts_and_spreads(twin, cohort_folder):
    code, out, _ = twin("cohort", "show", cohort_folder)
    assert code == 0
    assert "23 of 24 cases of 6 patients" in out
    assert "case 6 could not be made: no infarct fits" in out
    assert "qrs_ms: 92 (81.1 to 101.9)" in out
    _, out, _ = twin("cohort", "show", cohort_folder, "--json")
    said = json.loads(out)
    assert said["cases"] == 23
    assert said["failed"] == {"6": "no infarct fits"}
    assert said["distributions"]["drawn_core"]["words"] == {"blocked": 23}


def test_pictures_are_drawn(twin, cohort_folder, tmp_path):
    code, out, _ = twin("cohort", "show", cohort_folder, "-o", tmp_path / "pictures")
    assert code == 0
    drawn = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert drawn == {"distributions.png", "gallery.png", "territories.png"}
    assert all(name in out for name in drawn)


def test_check_says_sound_or_names_the_file(twin, cohort_folder):
    code, out, _ = twin("cohort", "check", cohort_folder)
    assert (code, out) == (0, f"{cohort_folder}: sound (23 cases)\n")
    append_entry(cohort_folder, Entry("shard", 2, 2, 0, failed="3 workers died of it"))
    code, out, _ = twin("cohort", "check", cohort_folder, "--json")
    assert code == 2
    assert json.loads(out)[0]["reason"] == "could not be made: 3 workers died of it"


def test_parts_of_a_cohort_as_folders(twin, cohort_folder, tmp_path):
    words = ("--shares", "0.5,0.5", "-o", tmp_path / "parts")
    assert twin("cohort", "split", cohort_folder, *words)[0] == 0
    halves = [tmp_path / "parts" / name for name in ("part_1", "part_2")]
    assert sum(len(Cohort.open(half)) for half in halves) == 23
    assert twin("cohort", "merge", *halves, "-o", tmp_path / "whole")[0] == 0
    assert len(Cohort.open(tmp_path / "whole")) == 23
    words = ("--where", "healthy==1", "-o", tmp_path / "healthy")
    assert twin("cohort", "subset", cohort_folder, *words)[0] == 0
    assert len(Cohort.open(tmp_path / "healthy")) == 6
    code, _, err = twin("cohort", "split", cohort_folder, "--shares", "many", "-o", "x")
    assert code == 2
    assert "expected numbers" in err


def test_a_table_and_a_case_for_other_programs(twin, cohort_folder, tmp_path):
    assert twin("cohort", "table", cohort_folder, "-o", tmp_path / "t.csv")[0] == 0
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 24
    code, _, err = twin("cohort", "export", cohort_folder, "23", "-o", tmp_path / "case")
    assert code == 2
    assert "has 0 to 22" in err
