"""The report in a real Chromium."""

import os

import pytest

from hint_toolkit.flows.report.html import write_report
from tests.fixtures.fake_results import CORRECTED, fake_results

pytestmark = pytest.mark.browser
CONTRAST = """() => {
    const light = c => c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
    const ground = e => { for (; e; e = e.parentElement) {
        const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; } return 'rgb(255,255,255)'; };
    const ratio = e => { const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05); };
    return Math.min(...[...document.querySelectorAll('h1,h2,p,dt,dd,th,td,small,code,.missed,.found,.note,summary')]
        .map(ratio));
}"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    fake = fake_results(tmp_path_factory.mktemp("scored"), kind=CORRECTED)
    return write_report(fake.results, fake.per_hand, fake.folder / "report.html", fake.image_root)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_is_complete_can_be_read_and_asks_for_nothing(report, page, width, scheme):
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(report.as_uri())
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth === 384)")
    assert page.evaluate("[...document.querySelectorAll('svg')].every(s => s.getBoundingClientRect().height > 150)")
    assert page.evaluate(CONTRAST) >= 4.5
    if folder := os.environ.get("HINT_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/report_{width}_{scheme}.png", full_page=True)
