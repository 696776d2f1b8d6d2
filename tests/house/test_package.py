"""One import package, light to load, honest about its version."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import twin

ROOT = Path(__file__).parents[2]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_loads_neither_jax_nor_torch():
    loaded = python(
        "import sys, twin; print([m for m in ('jax', 'torch', 'vtk') if m in sys.modules])"
    )
    assert loaded == "[]"


def test_help_loads_neither_jax_nor_torch():
    code = (
        "import sys; from twin.command_line import app; from typer.testing import CliRunner\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([m for m in ('jax', 'torch', 'vtk', 'scipy') if m in sys.modules])"
    )
    assert python(code) == "[]"


def test_help_is_quick():
    """Processor time, because a busy machine says nothing about the program."""
    command = [str(Path(sys.executable).parent / "twin"), "--help"]
    seconds = []
    for _ in range(3):
        before = os.times()
        subprocess.run(command, capture_output=True, check=True)
        after = os.times()
        spent = after.children_user + after.children_system
        seconds.append(spent - before.children_user - before.children_system)
    assert min(seconds) < 0.8


def test_every_public_name_resolves():
    for name in twin.__all__:
        assert getattr(twin, name).__name__ == name


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'heart_of_gold'"):
        _ = twin.heart_of_gold


def test_version_is_the_installed_one():
    assert twin.__version__ == version("twin")


@pytest.mark.parametrize("floor", ["meshes", "simulation", "inverse", "benchmarks"])
def test_floors_are_linked_into_the_package(floor):
    link = ROOT / "twin" / floor
    assert link.is_symlink()
    assert link.resolve() == ROOT / floor
