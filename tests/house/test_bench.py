"""`twin bench` finds its suites, prints figures and nothing else."""

import json

import pytest
from typer.testing import CliRunner

from twin.benchmarks.figure import at_least, at_most
from twin.command_line import app, bench
from twin.meshes.errors import InputError


def test_every_suite_is_made_of_modules_with_figures():
    suites = bench.suites()
    assert {"heart", "eikonal", "ecg"} <= set(suites)
    assert all("twin.benchmarks.figure" not in modules for modules in suites.values())


def test_an_unknown_suite_names_the_known_ones():
    with pytest.raises(InputError, match=r"no suite 'lungs'; known are: .*heart"):
        bench.bench("lungs")


def test_json_is_all_that_is_printed(monkeypatch):
    def measured(module, quick, more):
        print("a peer prints what it likes")
        yield at_most("seconds", 2.0, 1.0, "s", "by hand")
        yield at_least("speed", 2.0, 1.0, "", "by hand")

    monkeypatch.setattr(bench, "_measure", measured)
    monkeypatch.setattr(bench, "suites", lambda: {"heart": ["a module"]})
    printed = CliRunner().invoke(app, ["bench", "heart", "--json"]).stdout
    rows = json.loads(printed)
    assert [(row["name"], row["meets"]) for row in rows] == [("seconds", False), ("speed", True)]
    assert set(rows[0]) == {"name", "value", "unit", "target", "meets", "how"}
