"""`twin demo`: the main job, on a case that comes with the package."""

import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from twin.command_line.console import say, watched


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")] = Path("out/demo"),
) -> None:
    """Find the infarct in an embedded heart from its ECG, and say where it truly was."""
    from twin.inverse.inference import infer
    from twin.meshes.heart import Heart
    from twin.report.writing import check_report, write_report
    from twin.simulation.ecg import ECG
    from twin.simulation.infarct import Infarct

    started = time.perf_counter()
    case = Path(str(files("twin").joinpath("demo_case", "heart.vtkhdf"))).parent
    heart, ecg = Heart.read(case / "heart.vtkhdf"), ECG.read(case / "ecg.csv")
    truth = Infarct.read(case / "heart.vtkhdf", heart)
    say("A virtual patient that no network was taught with:")
    say(f"  {heart}")
    say(f"  {ecg}")
    check_report(output)
    origin = {"files": {"heart": "heart.vtkhdf", "ecg": "ecg.csv"}}
    with watched() as progress:
        finding = infer(heart, ecg, origin=origin, progress=progress)
        write_report(finding, output)
    say(f"{finding.verdict.answer}: {finding.verdict.reason}")
    if finding.refinement:
        say(f"  {finding.refinement.reason}")
    _compare(heart, finding, truth)
    say(f"  {output / 'report.html'}: the report; {output / 'infarct.vtu'} is for ParaView")
    say(f"Done in {time.perf_counter() - started:.0f} s.")


def _compare(heart, finding, truth) -> None:
    """What was found beside what was there."""
    from twin.inverse.scores import Truth, dice, segment_shares
    from twin.meshes.fields.segments import NAMES
    from twin.simulation.infarct import Zone

    known, zones = Truth.of(heart, truth.zones), finding.posterior.zones
    there = segment_shares(known, truth.zones == Zone.SCAR)
    described = truth.describe(heart)
    say(f"  {'':22} found (90 % interval)    truly")
    say(f"  {'scar, % of the LV':22} {finding.posterior.burden!s:24} {100 * described.scar:.0f}")
    depth = 100 * described.transmurality
    say(f"  {'depth, % of the wall':22} {finding.posterior.transmurality!s:24} {depth:.0f}")
    largest = sorted(range(17), key=lambda k: -there[k] if there[k] == there[k] else 0)[:6]
    for k in sorted(largest):
        segment = finding.posterior.segments[k]
        say(f"  {NAMES[k + 1]:22} {segment.scar!s:24} {100 * there[k]:.0f}")
    overlap = dice(zones == Zone.SCAR, truth.zones == Zone.SCAR)
    say(f"  Dice of the scar shown with the true one: {overlap:.2f}")
