"""`twin atria`: make, import, show and simulate left atria; their cohorts and forward model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from twin.command_line.console import say, say_json, watched

app = typer.Typer(
    help="Left atria: make, import, show, simulate; cohorts and the learned forward model.",
    no_args_is_help=True,
)

Source = Annotated[Path, typer.Argument(help="An atrium that `twin atria` wrote.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="A .vtp or .vtk.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and only that.")]


@app.command()
def make(
    output: Output = Path("atrium.vtp"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same atrium.")] = 0,
    nodes: Annotated[int | None, typer.Option(help="About so many nodes.")] = None,
    spacing: Annotated[float | None, typer.Option(help="Of the lattice, mm, instead.")] = None,
    fibrosis: Annotated[float | None, typer.Option(help="Share of the area; else drawn.")] = None,
) -> None:
    """Make a random left atrium of the population, from nothing."""
    from twin.meshes.atrium import Atrium

    with watched():
        atrium = Atrium.sample(seed, nodes=nodes, spacing=spacing, fibrosis=fibrosis)
        atrium.write(output)
    say(f"{output}: {atrium}")


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A .vtp, .vtk, .ply, .stl, .obj or CARP file.")],
    output: Output = Path("atrium.vtp"),
    unit: Annotated[str | None, typer.Option(help="um, mm, cm or m, if unclear.")] = None,
    axes: Annotated[str | None, typer.Option(help="LPS or RAS, if unclear.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="As left_superior_vein=21; give it several times. Else found."),
    ] = None,
    field: Annotated[str | None, typer.Option(help="Field that holds the labels.")] = None,
    fibrosis: Annotated[float, typer.Option(help="Share of the area, random.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the fibrosis.")] = 0,
) -> None:
    """Make an atrium of a surface that is open at its veins and its valve."""
    from twin.meshes.atria.importing import import_atrium

    with watched():
        atrium = import_atrium(
            source,
            unit=unit,
            axes=axes,
            labels=_labels(label) if label else None,
            field=field,
            fibrosis=fibrosis,
            seed=seed,
        )
        atrium.write(output)
    remarks = atrium.provenance["remarks"]
    assert isinstance(remarks, list)
    for remark in remarks:
        say(f"note: {remark}", err=True)
    say(f"{output}: {atrium}")


@app.command()
def show(
    source: Source,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png.")] = Path("atrium.png"),
    field: Annotated[
        list[str] | None, typer.Option(help="regions, tissue, fibrosis, a coordinate, …")
    ] = None,
) -> None:
    """A picture of an atrium from four sides, a row for each field."""
    from twin.atrial_picture import picture_atrium
    from twin.meshes.atrium import Atrium

    picture_atrium(Atrium.read(source), output, field or ["regions"])
    say(str(output))


@app.command()
def simulate(
    source: Source,
    rhythm: Annotated[
        str, typer.Option(help="sinus, a paced site, or fibrillation; see docs/atria.md.")
    ] = "sinus",
    duration: Annotated[float, typer.Option(help="Of fibrillation, ms.")] = 1000.0,
    cell: Annotated[
        str, typer.Option(help="Of fibrillation: modified-mitchell-schaeffer or courtemanche.")
    ] = "modified-mitchell-schaeffer",
    pvd: Annotated[bool, typer.Option("--pvd", help="Also potentials.pvd, every 10 ms.")] = False,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")] = Path("out"),
    as_json: Json = False,
) -> None:
    """Simulate a beat, or fibrillation, and its 12-lead ECG."""
    from twin.meshes.atrium import Atrium
    from twin.simulation.atria.results import simulate_to

    with watched() as progress:
        summary = simulate_to(output, Atrium.read(source), rhythm, duration, progress, cell, pvd)
    if as_json:
        say_json(summary)
        return
    _say_all(summary)
    say(f"{output}: what was computed, and {output / 'ecg.png'}")


@app.command()
def cohort(
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")] = Path("atria"),
    subjects: Annotated[int, typer.Option(help="How many.")] = 120,
    seed: Annotated[int, typer.Option(help="Subject k is drawn by this + k.")] = 0,
    nodes: Annotated[int, typer.Option(help="About so many each.")] = 16_000,
    fibre_angle: Annotated[float, typer.Option(help="Fibres off the rule, degrees (SD).")] = 0.0,
    bodies: Annotated[int, typer.Option(help="Others, of whom no potentials are simulated.")] = 600,
    workers: Annotated[int | None, typer.Option(help="Processes; else one a core.")] = None,
) -> None:
    """Make a cohort: sinus, paced, re-entry and fibrillation of many subjects, with their ECGs.

    After an interruption the same command goes on.
    """
    from twin.simulation.atria.cohort import AtrialCohort, AtrialPlan

    plan = AtrialPlan(subjects, seed, nodes, fibre_angle, bodies)
    with watched(speed=False) as progress:
        made = AtrialCohort.make(output, plan, workers, progress)
    say(f"{made}; teach a forward model: twin atria train {output}")


@app.command()
def train(
    sources: Annotated[list[Path], typer.Argument(help="Folders that `twin atria cohort` made.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Continued if begun.")] = Path(
        "forward-model"
    ),
    epochs: Annotated[int, typer.Option(help="Times that each subject is seen.")] = 25,
    field_epochs: Annotated[int, typer.Option(help="And each body.")] = 80,
    seed: Annotated[int, typer.Option(help="The same seed gives the same weights.")] = 0,
    threads: Annotated[int | None, typer.Option(help="Of the processor; else all.")] = None,
) -> None:
    """Teach the forward model; after an interruption the same command goes on."""
    import torch

    from twin.inverse.forward_model.teaching import Teaching
    from twin.inverse.forward_model.train import train as teach
    from twin.simulation.atria.cohort import AtrialCohort

    if threads:
        torch.set_num_threads(threads)
    teaching = Teaching(epochs, field_epochs, seed=seed)
    with watched(speed=False) as progress:
        cohorts = [AtrialCohort.open(source) for source in sources]
        model = teach(cohorts, output, teaching, progress)
    say(f"{output}: taught on {model.card['taught_subjects']} subjects; R2 on others:")
    say(f"  {json.dumps(model.card['judged'])}")
    say(f"  use it with `twin atria forward --model {output}`")


@app.command()
def forward(
    source: Source,
    potentials: Annotated[
        Path, typer.Argument(help="potentials.vtkhdf of `simulate`, or .npy: times x nodes, mV.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")] = Path("out"),
    rate: Annotated[float | None, typer.Option(help="Hz, of a .npy.")] = None,
    electrodes: Annotated[Path | None, typer.Option(help="Table of their places.")] = None,
    torso: Annotated[Path | None, typer.Option(help="Skin; else a template's.")] = None,
    model: Annotated[Path | None, typer.Option(help="Of `train`; else the package's.")] = None,
    read: Annotated[bool, typer.Option(help="Read from the recording how tissue conducts.")] = True,
    as_json: Json = False,
) -> None:
    """From potentials to the 12-lead ECG by the learned forward model, without a tensor."""
    from twin.inverse.forward_model.results import forward_to
    from twin.meshes.atrium import Atrium

    with watched() as progress:
        summary = forward_to(
            output, Atrium.read(source), potentials, rate, electrodes, torso, model, read, progress
        )
    if as_json:
        say_json(summary)
        return
    _say_all(summary)
    say(
        f"{output / 'ecg.png'}: the ECG; {output / 'conductivities.vtp'}: what tissue was taken for"
    )


def _say_all(summary: Mapping[str, object]) -> None:
    for name, value in summary.items():
        shown = f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
        say(f"{name.replace('_', ' ')}: {shown}")


def _labels(given: list[str]) -> dict:
    """Numbers and the regions that they mean."""
    from twin.meshes.atria.regions import Region
    from twin.meshes.errors import InputError

    labels = {}
    for text in given:
        name, _, number = text.partition("=")
        try:
            labels[int(number)] = Region[name.strip().upper().replace("-", "_")]
        except (KeyError, ValueError):
            known = ", ".join(region.name.lower() for region in Region)
            raise InputError(
                f"--label {text}: expected NAME=NUMBER, the name one of {known}"
            ) from None
    return labels
