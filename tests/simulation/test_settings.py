"""Settings: written out whole, read back equal, and refused by name where they are wrong."""

import tomllib

import pytest

from twin.meshes.errors import InputError
from twin.simulation.physiology import Physiology
from twin.simulation.settings import (
    HEALTHY,
    FastLayer,
    Repolarisation,
    Settings,
    Source,
    Tree,
)
from twin.simulation.tissue import FastEndocardium


def write(path, text):
    path.write_text(text)
    return path


def test_defaults_are_those_of_health():
    assert Settings().physiology == Physiology.healthy()


def test_every_number_of_health_can_be_set():
    """But for the places of the fascicles, which are lists of places."""
    tree = {"network_speed", "reach", "insulated"}
    numbers = {n for n, v in vars(HEALTHY.purkinje).items() if isinstance(v, float)}
    assert numbers <= set(Tree.model_fields)
    assert {f"{name}_{side}" for name in tree for side in ("left", "right")} <= set(
        Tree.model_fields
    )
    assert set(vars(HEALTHY.durations)) <= set(Repolarisation.model_fields)
    assert set(vars(FastEndocardium())) <= set(FastLayer.model_fields)


def test_what_is_written_is_read_back_equal(tmp_path):
    settings = Settings(sources=[Source(place=[1.0, 2.0, 3.0], time=5.0), Source(node=7)])
    settings.write(tmp_path / "settings.toml")
    assert Settings.read(tmp_path / "settings.toml") == settings


def test_every_setting_is_written_with_its_meaning(tmp_path):
    written = tomllib.loads(Settings().text)
    for section, values in Settings().model_dump().items():
        assert section == "sources" or set(written[section]) == set(values)
    assert "# mm/ms along the fibres" in Settings().text


def test_what_is_left_out_has_its_default(tmp_path):
    given = Settings.read(write(tmp_path / "s.toml", "[conduction]\nfibre = 0.7\n"))
    assert given.conduction.fibre == 0.7
    assert given.conduction.sheet == Settings().conduction.sheet


def test_files_are_named_as_seen_from_the_settings(tmp_path):
    given = Settings.read(write(tmp_path / "s.toml", '[torso]\nelectrodes = "e.csv"\n'))
    assert given.torso.electrodes == str(tmp_path / "e.csv")
    assert given.torso.skin == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[conduction]\nfibr = 0.7", "conduction.fibr is 0.7; there is no such setting"),
        ("speed = 1", "speed is 1; there is no such setting"),
        ("[conduction]\nfibre = -0.7", "conduction.fibre is -0.7; input should be greater than 0"),
        ("[conduction]\nfibre = nan", "conduction.fibre is nan; input should be a finite number"),
        (
            "[conduction]\nfibre = '0.7'",
            "conduction.fibre is '0.7'; input should be a valid number",
        ),
        ("[conduction]\nfibre = true", "conduction.fibre is True; input should be a valid number"),
        ("conduction = 3", "conduction is 3"),
        ("[purkinje]\nblock = 'both'", "'none', 'left' or 'right'"),
        ("[purkinje]\nseed = -1", "purkinje.seed is -1"),
        ("[potentials]\nstep = 0.0", "potentials.step is 0.0"),
        ("[potentials]\nstart = 9.0\nend = 1.0", "from 9 to 1 ms"),
        ("[ecg]\nstart = 520.0", "the window from 520 to 560 ms"),
        ("[ecg]\nlead_field = 'magic'", "'boundary_elements'"),
        ("[[sources]]\ntime = 3.0", "sources.0 a source is a node, or a place"),
        ("[[sources]]\nnode = 1\nplace = [0.0, 0.0, 0.0]", "a source is a node, or a place"),
        ("[[sources]]\nwall = 'left'", "a wall with apicobasal and rotational"),
        ("[[sources]]\nplace = [1.0, 2.0]", "sources.0.place"),
        ("[conduction\n", "it is no TOML"),
    ],
)
def test_wrong_settings_are_refused_by_name(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        Settings.read(write(tmp_path / "s.toml", text))
    assert said in str(caught.value)
    assert str(tmp_path / "s.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None, b"x" * 2_000_000])
def test_what_is_no_text_of_settings_is_refused(tmp_path, content):
    path = tmp_path / "s.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="settings"):
        Settings.read(path)
