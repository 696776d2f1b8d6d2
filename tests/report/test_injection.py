"""Whatever the names in files are, they stay text."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from twin.inverse.finding import Answer, Verdict
from twin.meshes.errors import TwinError
from twin.meshes.heart import Heart
from twin.report import location
from twin.report.grid import write_infarct
from twin.report.markup import facts, tag, text
from twin.report.page import write_page
from twin.report.record import plain, write_record
from twin.simulation.infarct import Infarct

EVIL = "\"'></td></style><script>alert(1)</script><img src=x onerror=alert(1)>&lt;\x00\u202e\udcff"


class Listener(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.names, self.targets = set(), set(), []

    def handle_starttag(self, name, attributes):
        self.tags.add(name)
        self.names |= {key for key, _ in attributes}
        self.targets += [value for key, value in attributes if key in ("src", "href")]


@pytest.fixture(scope="module")
def evil(finding):
    return replace(
        finding,
        verdict=Verdict(Answer.INFARCT, EVIL, 0.5),
        refinement=replace(finding.refinement, reason=EVIL),
        warnings=(EVIL, EVIL),
        card={EVIL: {EVIL: [EVIL, {EVIL: EVIL}]}, "deep": {"a": {"b": {"c": {"d": {"e": EVIL}}}}}},
        origin={EVIL: EVIL, "ecg": {"file": EVIL}, "path": Path("a<b>.xml")},
        seconds={EVIL: 1.0},
    )


@pytest.fixture(scope="module")
def page(evil):
    def blind(finding):
        raise TwinError(EVIL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(location, "draw_views", blind)
        return write_page(evil)


def test_nothing_in_the_page_runs_or_loads(page):
    listener = Listener()
    listener.feed(page)
    assert not listener.tags & {"script", "iframe", "object", "embed", "link", "base", "form"}
    assert not [name for name in listener.names if name.startswith("on")]
    assert listener.targets
    assert all(target.startswith("data:image/") for target in listener.targets)
    assert "<script" not in page
    assert "url(" not in page
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page


def test_nothing_hides_in_the_page(page):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not set(page) & set("\x00\u202e\udcff")
    page.encode("utf-8")


def test_the_record_stays_json(evil):
    said = json.loads(write_record(evil), parse_constant=pytest.fail)
    assert said["warnings"][0].startswith("\"'></td>")
    assert "\udcff" not in said["warnings"][0]


def test_the_heart_stays_a_file(evil, tmp_path):
    path = tmp_path / "infarct.vtu"
    write_infarct(evil, path)
    infarct = Infarct.read(path, Heart.read(path))
    assert infarct.provenance["reason"].startswith("\"'></td>")


def test_text_is_escaped_once_and_markup_not_at_all():
    inner = tag("b", "<")
    assert tag("p", inner, "&") == "<p><b>&lt;</b>&amp;</p>"
    assert text(f"{inner}") == "&lt;b&gt;&amp;lt;&lt;/b&gt;"
    assert tag("p", class_='"x') == '<p class="&quot;x"></p>'


def test_a_card_may_hold_anything():
    odd = {"a": np.float32(0.5), 3: None, "b": (1.0, np.nan), "c": np.arange(2), "d": {}, "e": b"x"}
    assert "0.5" in facts(odd)
    assert json.dumps(plain(odd), allow_nan=False)
    assert plain(odd)["b"] == [1.0, None]
    assert len(facts({"long": "x" * 10**6})) < 10_000
