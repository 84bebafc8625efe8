import re
from html.parser import HTMLParser

import pytest

from hint_toolkit.flows.report.html import write_report
from tests.fixtures.fake_results import CORRECTED, HOSTILE

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Open tags must close in order; attributes and text are kept."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def text(fake, tmp_path_factory):
    return write_report(
        fake.results, fake.per_hand, tmp_path_factory.mktemp("out") / "r.html", fake.image_root
    ).read_text()


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_same_input_gives_the_same_bytes(fake, text, tmp_path):
    again = write_report(fake.results, fake.per_hand, tmp_path / "again.html", fake.image_root)
    assert again == tmp_path / "again.html"
    assert again.read_text() == text


def test_nothing_is_requested_and_nothing_runs(page, text):
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/jpeg;base64,")), value[:60]
        assert not any(name.startswith("on") for name in attributes)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert page.all("meta")[2]["content"].startswith("default-src 'none'")


def test_what_comes_from_files_is_text_and_not_markup(fake, page, text):
    assert HOSTILE in "".join(page.text)
    assert "<script" not in text
    assert "MediaPipe <hands> & co" in "".join(page.text)


def test_it_can_be_read_without_seeing(page):
    pictures = page.all("img")
    assert len(pictures) == 24
    assert all(re.search(r"\d+ of \d+ joints wrong", picture["alt"]) for picture in pictures)
    assert any("no such picture" in picture["alt"] for picture in pictures)
    assert all(head.get("scope") in {"col", "row", "rowgroup"} for head in page.all("th"))
    assert [svg.get("role") for svg in page.all("svg")] == ["img"] * 4
    assert all(svg["aria-label"] for svg in page.all("svg"))
    assert page.all("html")[0]["lang"] == "en"
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_numbers_of_the_page_are_those_of_the_results(fake, page):
    words = set("".join(f" {t} " for t in page.text).split())
    for row in fake.results["rows"]:
        assert f"{100 * row['value']:.1f}" in words
    seen = "".join(page.text)
    for value in ("a" * 64, "b" * 64, "1.0+0123abcd", "hamer-v1", "longer side of the annotated bbox", "0.1.0"):
        assert value in seen
    assert "nan" not in words


def test_the_joints_are_shown_at_the_smallest_threshold(fake, tmp_path):
    rows = [row | {"value": 0.1234 if row["threshold"] == 0.05 else 0.9876} for row in fake.results["per_joint"]]
    results = fake.results | {"per_joint": rows, "rows": fake.results["rows"][:1]}
    page = Page(write_report(results, fake.per_hand, tmp_path / "r.html", None, worst=0).read_text())
    assert page.text.count("12.3") == 21 * 3
    assert "98.8" not in page.text


def test_missed_hands_are_called_so(fake, page):
    missed = fake.per_hand.column("found").to_pylist().count(False)
    assert "".join(page.text).count("MISSED") == missed > 0


def test_twenty_ids_then_a_count(fake, page):
    seen = "".join(page.text)
    assert fake.results["unknown"][19] in seen
    assert fake.results["unknown"][20] not in seen
    assert "and 3 more" in seen


def test_truth_that_is_not_independent_is_prominent(fake, page, tmp_path):
    assert not [a for a in page.all("div") if a.get("class") == "warn"]
    results = fake.results | {"truth": fake.results["truth"] | {"kind": CORRECTED}}
    warned = Page(write_report(results, fake.per_hand, tmp_path / "r.html", None, worst=0).read_text())
    assert [a["role"] for a in warned.all("div") if a.get("class") == "warn"] == ["note"]
    assert "The truth is not independent of this method." in "".join(warned.text)


def test_the_page_stays_under_20_megabytes_however_many_hands_are_asked_for(fake, tmp_path, monkeypatch):
    monkeypatch.setattr("hint_toolkit.flows.report.html.PICTURE_BYTES", 300_000)
    small = write_report(fake.results, fake.per_hand, tmp_path / "r.html", fake.image_root, worst=30)
    assert 0 < len(Page(small.read_text()).all("img")) < 30
    assert small.stat().st_size < 300_000 + 250_000


def test_results_with_nothing_in_them_make_a_page(fake, tmp_path):
    empty = fake.results | {"rows": [], "curves": [], "per_joint": [], "missing": [], "unknown": [], "notes": []}
    page = Page(write_report(empty, fake.per_hand.slice(0, 0), tmp_path / "r.html", None).read_text())
    assert not page.all("img")
    seen = "".join(page.text)
    assert "Missing: none" in seen
    assert "Per joint" not in seen
    assert "PCK against" not in seen


def test_results_of_a_protocol_without_pck_make_a_page(fake, tmp_path):
    rows = [row | {"measure": "OKS-AP"} for row in fake.results["rows"][:1]]
    results = fake.results | {"protocol": "coco-wholebody", "thresholds": [], "rows": rows, "per_joint": []}
    page = Page(write_report(results, fake.per_hand, tmp_path / "r.html", None, worst=3).read_text())
    assert "PCK is the share" not in "".join(page.text)
    assert len(page.all("img")) == 3


def test_a_value_that_is_not_defined_is_printed_as_such(fake, tmp_path):
    rows = [row | {"value": None, "interval": None, "coverage": None} for row in fake.results["rows"]]
    page = Page(
        write_report(fake.results | {"rows": rows}, fake.per_hand, tmp_path / "r.html", None, worst=0).read_text()
    )
    joints = sum(r["value"] is None and r["threshold"] == 0.05 for r in fake.results["per_joint"])
    assert page.text.count("n/a") == len(rows) + 6 + joints
