"""Tables for papers, from results whose numbers are known."""

import csv
import io

import numpy as np
import pytest

from hint_toolkit.flows.report.paper import eval_regression_csv, latex_table, markdown_table
from hint_toolkit.flows.score import score
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import Truth, content_hash
from hint_toolkit.records import Hands


@pytest.fixture
def results(make_hands, tmp_path):
    hands = Hands.concat([make_hands(6, source="visor"), make_hands(6, source="newdays")])
    hands = hands.replace(exists=np.ones((12, 21), bool), occluded=np.zeros((12, 21), bool))
    points = hands.points.copy()
    points[:3] = np.nan  # half of VISOR is not found
    nothing = np.full((12, 21), np.nan)
    header = {"method": "my_net & co", "checkpoint": "c.pt"}
    predictions = Predictions(hands.id.tolist(), points, nothing, nothing, [""] * 12, header)
    return score(Truth(hands, tmp_path, tmp_path, content_hash(hands)), predictions).results


def test_markdown_has_hints_sources_in_the_papers_order(results):
    lines = markdown_table(results).splitlines()
    assert lines[2] == (
        "| joints | New Days @0.05 | VISOR @0.05 | New Days @0.1 | VISOR @0.1 | New Days @0.15 | VISOR @0.15 |"
    )
    assert lines[4] == "| all | 100.0 | 50.0 | 100.0 | 50.0 | 100.0 | 50.0 |"
    assert lines[6] == "| occluded | - | - | - | - | - | - |"
    assert "hamer-v1" in lines[0]
    assert "bbox-max" in lines[0]


def test_latex_escapes_names_and_has_as_many_cells_as_columns(results):
    text = latex_table(results)
    assert r"my\_net \& co & 100.0 & 50.0" in text
    assert r"\begin{tabular}{lcccccc}" in text
    for line in text.splitlines():
        if line.startswith("my"):
            assert line.replace(r"\&", "").count("&") == 6


def test_other_measures_are_listed_in_their_own_units(results):
    rows = [{"measure": "EPE", "source": "visor", "value": 12.34567, "unit": "px", "threshold": None}]
    rows.append({"measure": "AUC[0..0.2]", "source": "newdays", "value": None, "unit": "share", "threshold": None})
    text = markdown_table(results | {"rows": rows})
    assert "| EPE | VISOR | 12.35 px |" in text
    assert "| AUC[0..0.2] | New Days | - |" in text
    tex = latex_table(results | {"rows": rows})
    assert r"EPE & VISOR & 12.35 px \\"[:-2] in tex
    assert sum(line.count("&") for line in tex.splitlines() if not line.startswith("%")) == 6


def test_the_csv_has_hamers_names_and_no_time(results):
    rows = list(csv.DictReader(io.StringIO(eval_regression_csv(results))))
    values = {(r["dataset"], r["metric_name"]): r["metric_value"] for r in rows}
    assert float(values["EPICK-TEST-ALL", "kpAvg_pck_0.05"]) == pytest.approx(0.5)
    assert float(values["NEWDAYS-TEST-VIS", "kp20_pck_0.1"]) == 1.0
    assert values["NEWDAYS-TEST-OCC", "kpAvg_pck_0.15"] == ""
    assert {r["timestamp"] for r in rows} == {""}
    assert {r["checkpoint_path"] for r in rows} == {"c.pt"}
    assert len(rows) == 2 * 3 * 3 * 22
