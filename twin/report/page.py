"""report.html: one file, no scripts, nothing loaded from elsewhere."""

from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files

from twin.inverse.finding import Finding
from twin.report.evidence import ecg_section, explanation_section
from twin.report.location import location_section, segments_section
from twin.report.markup import Markup, facts, joined, tag
from twin.report.record import NOTICE, hashes_of
from twin.report.summary import Summary
from twin.report.verdict import verdict_section, warnings_section

# Nothing may run or be fetched, even if some text were markup after all.
_HEAD = (
    '<meta charset="utf-8">'
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
)

_NAMES_OF_FILES = ("file", "path", "name", "origin")


def write_page(finding: Finding) -> str:
    summary = Summary(finding)
    style = files("twin.report").joinpath("style.css").read_text(encoding="utf-8")
    head = Markup(_HEAD + f"<title>Infarct from ECG and heart</title><style>{style}</style>")
    body = (
        _top(finding),
        verdict_section(summary),
        warnings_section(summary),
        location_section(summary),
        segments_section(summary),
        ecg_section(summary),
        explanation_section(summary),
        _model(finding),
        _origin(finding),
        tag("p", NOTICE, class_="notice"),
    )
    page = joined((tag("head", head), tag("body", tag("main", *body))), "\n")
    return f'<!DOCTYPE html>\n<html lang="en">\n{page}\n</html>\n'


def _top(finding: Finding) -> Markup:
    hashes = hashes_of(finding)
    made = f"twin {version('twin')} · heart {hashes['heart'][:8]} · beat "
    named = [f"{name}: {file}" for name, file in _files(finding)]
    return tag(
        "header",
        tag("p", NOTICE, class_="notice"),
        tag("h1", "Myocardial infarct inferred from ECG and cardiac anatomy"),
        tag("p", " · ".join([*named, made + hashes["measured_beat"][:8]]), class_="made"),
    )


def _files(finding: Finding) -> list[tuple[object, object]]:
    """What an origin names in so many words."""
    found: list[tuple[object, object]] = []
    for name, value in finding.origin.items():
        if isinstance(value, str):
            found.append((name, value))
        elif isinstance(value, Mapping):
            found += [(name, value[key]) for key in _NAMES_OF_FILES if key in value][:1]
    return found


def _model(finding: Finding) -> Markup:
    card = facts(finding.card) if finding.card else tag("p", "The model came without a card.")
    return tag("section", tag("h2", "Model"), card, class_="small")


def _origin(finding: Finding) -> Markup:
    hashes = {f"SHA-256 of the {k.replace('_', ' ')}": v for k, v in hashes_of(finding).items()}
    seconds = {name: f"{value:.1f} s" for name, value in finding.seconds.items()}
    rows: dict[str, object] = {"input": finding.origin} if finding.origin else {}
    rows |= {"twin": version("twin"), **hashes}
    rows |= {"computing time": seconds} if seconds else {}
    return tag("section", tag("h2", "Origin"), facts(rows), class_="small")
