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
    """Make a heart from nothing, check it, and write it for ParaView with a picture."""
    from twin.meshes.checking.check import check
    from twin.meshes.formats import read_volume
    from twin.meshes.heart import Heart
    from twin.picture import picture_heart

    started = time.perf_counter()
    say(f"A random heart of the population, seed {seed}:")
    with watched() as progress:
        heart = Heart.sample(seed, spacing=1.8, progress=progress)
    say(f"  {heart}")
    path = output / "heart.vtu"
    heart.write(path)
    findings = check(read_volume(path))
    for finding in findings:
        say(f"  {path}: {finding}")
    say(f"  {path}: {len(findings)} faults found")
    picture_heart(heart, output / "heart.png")
    say(f"  {output / 'heart.png'}: walls, AHA-17 segments, wall depth and fibres")
    say(f"Done in {time.perf_counter() - started:.0f} s. Open {path} in ParaView.")
