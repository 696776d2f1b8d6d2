"""`twin atria`: from a seed to a picture, and what is said of wrong input."""

import pytest
from typer.testing import CliRunner

from twin.command_line import app
from twin.command_line.atria import _labels
from twin.meshes.atria.regions import Region
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError


def run(*words: object):
    return CliRunner().invoke(app, ["atria", *map(str, words)], catch_exceptions=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("atria") / "atrium.vtp"
    result = run("make", "--seed", 0, "--spacing", 2.5, "-o", path)
    assert result.exit_code == 0, result.output
    return path


def test_make_writes_what_can_be_read(made):
    assert Atrium.read(made).provenance["seed"] == 0


def test_show_draws_a_row_for_each_field(made, tmp_path):
    path = tmp_path / "atrium.png"
    result = run("show", made, "-o", path, "--field", "regions")
    assert result.exit_code == 0, result.output
    assert path.stat().st_size > 10_000


def test_a_field_that_is_not_there_names_those_that_are(made, tmp_path):
    result = run("show", made, "-o", tmp_path / "no.png", "--field", "mood")
    assert isinstance(result.exception, InputError)
    assert "no field 'mood'" in str(result.exception)


def test_an_unknown_rhythm_is_refused_before_anything_is_computed(made, tmp_path):
    result = run("simulate", made, "--rhythm", "samba", "-o", tmp_path)
    assert isinstance(result.exception, InputError)
    assert "fibrillation" in str(result.exception)


def test_labels_are_names_and_numbers():
    given = _labels(["left_superior_vein=21", "appendage=13"])
    assert given == {21: Region.LEFT_SUPERIOR_VEIN, 13: Region.APPENDAGE}
    with pytest.raises(InputError, match="expected NAME=NUMBER"):
        _labels(["aorta=3"])
