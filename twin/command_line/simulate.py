"""`twin simulate`: from a heart to its activation, potentials and 12-lead ECG."""

import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from twin.command_line.console import say, say_json, watched

if TYPE_CHECKING:
    from twin.simulation.settings import Settings

RUNNING = "running"
"""Folder inside the results for what a run shows of itself, and saves, while it goes on."""


class Front(StrEnum):
    """How the front gets through the heart."""

    EIKONAL = "eikonal"
    REACTION_EIKONAL = "reaction-eikonal"
    MONODOMAIN = "monodomain"


Folder = Annotated[Path, typer.Option("--output", "-o", help="A folder for the results.")]


def simulate(
    heart: Annotated[
        Path | None, typer.Argument(help="A heart, or what `twin mesh import` can read.")
    ] = None,
    torso: Annotated[
        Path | None, typer.Option(help="Surface of the patient's skin; else a template.")
    ] = None,
    electrodes: Annotated[Path | None, typer.Option(help="Table of their places.")] = None,
    lungs: Annotated[list[Path] | None, typer.Option(help="Surface; give it twice.")] = None,
    torso_unit: Annotated[str | None, typer.Option(help="um, mm, cm or m, if unclear.")] = None,
    settings: Annotated[Path | None, typer.Option(help="TOML; see --write-settings.")] = None,
    model: Annotated[
        Front, typer.Option(help="How the front gets through the heart.")
    ] = Front.EIKONAL,
    cell: Annotated[
        str, typer.Option(help="Of monodomain and reaction-eikonal; see docs/monodomain.md.")
    ] = "ten-tusscher-panfilov",
    output: Folder = Path("out"),
    unit: Annotated[str | None, typer.Option(help="Unit of the heart's file, if unclear.")] = None,
    axes: Annotated[str | None, typer.Option(help="LPS or RAS of the heart's file.")] = None,
    write_settings: Annotated[
        Path | None, typer.Option(help="Write all settings with their defaults here, and end.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the ECG's measures.")] = False,
) -> None:
    """Simulate one heartbeat: activation, potentials over time, 12-lead ECG and its measures."""
    from twin.meshes.errors import InputError
    from twin.meshes.files import file_hash
    from twin.meshes.formats import read_heart
    from twin.simulation.results import check_results, simulate_to
    from twin.simulation.simulation import Simulation

    chosen = _settings(settings, torso, electrodes, lungs, torso_unit)
    if write_settings:
        chosen.write(write_settings)
        say(f"{write_settings}: every setting; edit it and give it with --settings")
        return
    if heart is None:
        raise InputError("no heart is named; `twin mesh make -o heart.vtu` makes one")
    check_results(output)
    with watched() as progress:
        read = read_heart(heart, unit=unit, axes=axes, progress=progress)
        simulation = Simulation.of(read, settings=chosen)
        files = {"heart": heart, "settings": settings}
        inputs = {name: str(path) for name, path in files.items() if path}
        hashes = {name: file_hash(path) for name, path in files.items() if path and path.is_file()}
        chosen_model = _reacting(simulation, model, cell, output) or simulation
        beat = simulate_to(output, chosen_model, {"files": inputs, "sha256": hashes}, progress)
        shutil.rmtree(output / RUNNING, ignore_errors=True)
    said: Any = read.provenance.get("remarks", ())
    for remark in (*said, *beat.remarks):
        say(f"note: {remark}", err=True)
    if as_json:
        say_json(beat.measures.table())
    else:
        _tell(beat, output)


def _settings(path, torso, electrodes, lungs, torso_unit) -> "Settings":
    """Those of the file or the defaults, with what the command line names put in."""
    from twin.simulation.settings import Settings

    settings = Settings.read(path) if path else Settings()
    given = {
        "skin": torso and str(torso.absolute()),
        "electrodes": electrodes and str(electrodes.absolute()),
        "lungs": [str(lung.absolute()) for lung in lungs or ()],
        "unit": torso_unit,
    }
    body = settings.torso.model_copy(update={k: v for k, v in given.items() if v})
    return settings.model_copy(update={"torso": body})


def _reacting(simulation, model: Front, cell: str, output: Path):
    """The reaction-diffusion simulation that was asked for; None for the eikonal's."""
    if model is Front.EIKONAL:
        return None
    from twin.meshes.errors import InputError
    from twin.simulation.reaction_simulation import CELLS, Model, ReactionSimulation

    if cell not in CELLS:
        raise InputError(f"there is no cell model '{cell}'; known are: {', '.join(CELLS)}")
    return ReactionSimulation(simulation, Model(model.value), CELLS[cell](), output / RUNNING)


def _tell(beat, output: Path) -> None:
    from twin.simulation.recording.paper import summarise

    say(f"{beat.heart}")
    say(f"  activated within {beat.activation.total:.0f} ms")
    say(f"  {summarise(beat.measures)}")
    say(f"  {output / 'ecg.png'}: the 12-lead ECG; also .hea, .csv and measures.json")
    say(f"  {output / 'activation.vtu'}, {output / 'potentials.vtkhdf'}: for ParaView")
    say(f"  {output / 'settings.toml'}: every setting; edit it and run again with --settings")
