"""`twin infer`: from a heart and an ECG to where the scar is, and how sure that is."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from twin.command_line.console import say, say_json, watched


def infer(
    heart: Annotated[Path, typer.Argument(help="A heart, or what `twin mesh import` can read.")],
    ecg: Annotated[Path, typer.Argument(help="WFDB, CSV, DICOM, EDF or HDF5.")],
    electrodes: Annotated[Path | None, typer.Option(help="Table of their places.")] = None,
    torso: Annotated[
        Path | None, typer.Option(help="Surface of the patient's skin; else a template.")
    ] = None,
    torso_unit: Annotated[str | None, typer.Option(help="um, mm, cm or m, if unclear.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")] = Path("out"),
    model: Annotated[Path | None, typer.Option(help="A folder of `twin train`.")] = None,
    refine: Annotated[bool, typer.Option(help="Simulate proposals against the ECG.")] = True,
    explain: Annotated[bool, typer.Option(help="Say which leads and moments spoke.")] = True,
    unit: Annotated[str | None, typer.Option(help="Unit of the heart's file, if unclear.")] = None,
    axes: Annotated[str | None, typer.Option(help="LPS or RAS of the heart's file.")] = None,
    rate: Annotated[float | None, typer.Option(help="Hz of the ECG, if its file lacks it.")] = None,
    ecg_unit: Annotated[str | None, typer.Option(help="uV or mV, if unclear.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Find the infarct: a report, a mesh for ParaView, and every figure with its interval."""
    from twin.meshes.files import file_hash
    from twin.meshes.formats import read_heart
    from twin.simulation.ecg import ECG

    declared = {k: v for k, v in (("rate", rate), ("unit", ecg_unit)) if v is not None}
    with watched() as progress, ThreadPoolExecutor(1) as beside:
        # Another process parses the heart: time to load what torch and JAX bring.
        reading = beside.submit(read_heart, heart, unit=unit, axes=axes, progress=progress)
        from twin.inverse.inference import Inference
        from twin.inverse.model import Model
        from twin.report.writing import check_report, write_report
        from twin.simulation.settings import Body
        from twin.simulation.simulation import torso_for

        check_report(output)
        recorded = ECG.read(ecg, **declared)
        taught = Model.read(model)
        read = reading.result()
        body = Body(
            skin=str(torso.absolute()) if torso else "",
            electrodes=str(electrodes.absolute()) if electrodes else "",
            unit=torso_unit or "",
        )
        asked = Inference.of(read, recorded, torso_for(read, body), taught)
        files = {"heart": heart, "ecg": ecg, "electrodes": electrodes, "torso": torso}
        named = {name: path for name, path in files.items() if path}
        origin = {
            "files": {name: str(path) for name, path in named.items()},
            "sha256": {n: file_hash(p) for n, p in named.items() if p.is_file()},
        }
        finding = asked.run(refine=refine, explain=explain, origin=origin, progress=progress)
        write_report(finding, output)
    for warning in finding.warnings:
        say(f"note: {warning}", err=True)
    if as_json:
        from json import loads

        say_json(loads((output / "report.json").read_text(encoding="utf-8")))
    else:
        _tell(finding, output)


def _tell(finding, output: Path) -> None:
    posterior, verdict = finding.posterior, finding.verdict
    say(f"{verdict.answer}: {verdict.reason}")
    say(f"  scar: {posterior.burden} % of the left ventricle, {posterior.transmurality} % deep")
    found = sorted(posterior.segments, key=lambda s: -s.involved)[:3]
    for segment in found:
        say(f"  {segment.name}: {segment.scar} % scar, involved with {segment.involved:.0%}")
    if finding.refinement:
        say(f"  refinement: {finding.refinement.reason}")
    say(f"  {output / 'report.html'}: the report; infarct.vtu is for ParaView")
