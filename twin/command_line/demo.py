"""`twin demo`: the main job, as far as it exists, on data made from nothing."""

import time
from pathlib import Path
from typing import Annotated

import typer

from twin.command_line.console import say, watched


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="Another seed, another heart.")] = 1,
) -> None:
    """Make a heart from nothing, check it, show it, and simulate its 12-lead ECG."""
    from twin.meshes.heart import Heart

    started = time.perf_counter()
    say(f"A random heart of the population, seed {seed}:")
    with watched() as progress:
        heart = Heart.sample(seed, spacing=1.8, progress=progress)
    say(f"  {heart}")
    path = output / "heart.vtu"
    heart.write(path)
    _check(path)
    _show(heart, output / "heart.png")
    _simulate(heart, output)
    say(f"Done in {time.perf_counter() - started:.0f} s. Open {path} in ParaView.")


def _check(path: Path) -> None:
    from twin.meshes.checking.check import check
    from twin.meshes.formats import read_volume

    findings = check(read_volume(path))
    for finding in findings:
        say(f"  {path}: {finding}")
    say(f"  {path}: {len(findings)} faults found")


def _show(heart, picture: Path) -> None:
    from twin.picture import picture_heart

    picture_heart(heart, picture)
    say(f"  {picture}: walls, AHA-17 segments, wall depth and fibres")


def _simulate(heart, folder: Path) -> None:
    from twin.simulation.recording.paper import summarise
    from twin.simulation.results import simulate_to
    from twin.simulation.simulation import Simulation

    say("Its heartbeat:")
    with watched() as progress:
        beat = simulate_to(folder, Simulation.of(heart), progress=progress)
    say(f"  activated within {beat.activation.total:.0f} ms; {summarise(beat.measures)}")
    say(f"  {folder / 'ecg.png'}: the simulated 12-lead ECG; ecg.hea and ecg.csv hold it")
    say(f"  {folder / 'activation.vtu'}, {folder / 'potentials.vtkhdf'}: for ParaView")
