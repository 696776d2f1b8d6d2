"""The report of one inference as a folder, whole or not at all."""

from pathlib import Path

from twin.inverse.finding import Finding
from twin.meshes.folder import check_folder, whole_folder
from twin.report.grid import write_infarct
from twin.report.page import write_page
from twin.report.record import write_record

INFARCT, PAGE, RECORD = "infarct.vtu", "report.html", "report.json"
NAMES = (INFARCT, PAGE, RECORD)


def check_report(folder: str | Path) -> None:
    """Refuse early what `write_report` would refuse."""
    check_folder(folder, NAMES, RECORD)


def write_report(finding: Finding, folder: str | Path) -> Path:
    """Write infarct.vtu, report.html and report.json, which appear together; answers the page."""
    with whole_folder(folder, NAMES, RECORD) as part:
        write_infarct(finding, part / INFARCT)
        (part / PAGE).write_text(write_page(finding), encoding="utf-8")
        (part / RECORD).write_text(write_record(finding), encoding="utf-8")
    return Path(folder) / PAGE
