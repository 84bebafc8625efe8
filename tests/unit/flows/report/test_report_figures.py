import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from hint_toolkit.flows.report.figures import joint_label, pck_curve, per_joint
from hint_toolkit.joints import JOINTS

CURVES = [
    {"subset": subset, "thresholds": [0.0, 0.1, 0.2], "values": values}
    for subset, values in (("all", [0.0, 0.5, 0.75]), ("visible", [0.0, 0.6, 0.8]), ("occluded", [None, None, None]))
]
ROWS = [
    {"joint": name, "subset": subset, "value": None if name == "wrist" else k / 21}
    for k, name in enumerate(JOINTS)
    for subset in ("all", "occluded")
]


@pytest.fixture(params=["curve", "joints"])
def figure(request):
    return {"curve": lambda key="k": pck_curve(CURVES, key=key), "joints": lambda key="k": per_joint(ROWS, key=key)}[
        request.param
    ]


def test_the_same_numbers_give_the_same_bytes_whatever_the_users_settings(figure):
    first = figure()
    with mpl.rc_context({"font.size": 30.0, "axes.labelpad": 30.0, "svg.hashsalt": "other"}):
        assert figure() == first


def test_the_callers_settings_and_backend_stay(figure):
    with mpl.rc_context({"font.size": 31.0}):
        before = dict(mpl.rcParams)
        figure()
        assert dict(mpl.rcParams) == before


def test_pyplot_is_never_loaded():
    code = (
        "import sys; from hint_toolkit.flows.report.figures import pck_curve\n"
        "assert 'matplotlib' not in sys.modules\n"
        "pck_curve([]); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_is_one_well_formed_element_without_dates_or_addresses(figure):
    text = figure()
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert set(re.findall(r'(\S+)="https?:', text)) <= {"xmlns", "xmlns:xlink"}
    assert "Date" not in text
    assert "Matplotlib" not in text


def test_text_takes_the_colour_of_the_page(figure):
    text = figure()
    assert "currentColor" in text
    assert "#010203" not in text
    assert "#000000" not in text


def test_ids_of_two_figures_of_a_page_differ_and_all_references_resolve(figure):
    def ids(text):
        return set(re.findall(r'\bid="([^"]+)"', text))

    a, b = figure("a"), figure("b")
    assert not ids(a) & ids(b)
    for text in (a, b):
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) <= ids(text)


def test_a_curve_that_is_not_defined_is_not_drawn_as_zero():
    def points(values):
        text = pck_curve([{**CURVES[2], "values": values}])
        return re.findall(r'<path d="([^"]*)"[^>]*stroke: #e0560b', text)[0].count("L")

    assert points([0.0, 0.5, 0.2]) == 2
    assert points([None, 0.5, 0.2]) == 1


def test_joints_without_a_value_have_no_mark():
    assert per_joint(ROWS).count("<use") > per_joint([r for r in ROWS if r["joint"] != "thumb2"]).count("<use")
    assert per_joint(ROWS).count("<use") == per_joint([r for r in ROWS if r["joint"] != "wrist"]).count("<use")


def test_dotted_lines_stand_at_the_thresholds_inside_the_axes():
    def dotted(marks):
        return pck_curve(CURVES[:1], marks).count("stroke-dasharray: 0.8,1.32")

    assert dotted((0.05, 0.1, 0.15)) == 3
    assert dotted((0.05, 0.5)) == 1


@pytest.mark.parametrize(("name", "label"), [("wrist", "wrist"), ("thumb1", "thumb 1"), ("ring_finger4", "ring 4")])
def test_joint_names_for_people(name, label):
    assert joint_label(name) == label
