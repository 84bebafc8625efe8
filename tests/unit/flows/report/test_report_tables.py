import copy

import pytest

from hint_toolkit.flows.report.tables import is_independent, percent, pivot, score_table, split_measure

RESULTS = {
    "method": "m",
    "protocol": "hamer-v1",
    "normaliser": "bbox-max",
    "normaliser_text": "longer side of the annotated bbox",
    "truth": {"kind": "exact truth"},
    "counts": {"hands": 12, "found": 11, "missing": 1, "unknown": 0, "annotators": {"a": 12}},
    "rows": [
        {
            "measure": f"PCK@{t}[{subset}]",
            "source": "newdays",
            "value": value,
            "hands": 12,
            "joints": 200,
            "joints_without_truth": gone,
            "coverage": 11 / 12,
            "interval": interval,
        }
        for t, subset, value, interval, gone in (
            ("0.05", "all", 0.5, [0.4, 0.6], []),
            ("0.1", "all", 1.0, [0.9, 1.0], []),
            ("0.05", "occluded", None, None, ["wrist", "thumb1"]),
            ("0.1", "occluded", None, None, ["wrist", "thumb1"]),
        )
    ],
}

TABLE = """\
method      m
protocol    hamer-v1
normaliser  bbox-max (longer side of the annotated bbox)
truth       exact truth
counts      12 hands, 11 found, 1 missing, 0 unknown

source   subset    PCK@0.05              PCK@0.1                hands  joints  coverage
-------  --------  --------------------  ---------------------  -----  ------  --------
newdays  all        50.0 [40.0 to 60.0]  100.0 [90.0 to 100.0]     12     200      91.7
newdays  occluded    n/a                   n/a                     12     200      91.7

shares in %, [95 % interval over clips], coverage: hands with a prediction
PCK is the share of joints no farther from the truth than the threshold, averaged over the joints
a joint without prediction counts as wrong
newdays occluded: no truth for wrist, thumb1, left out of the mean"""


def test_the_table_of_a_terminal():
    assert score_table(RESULTS) == TABLE


@pytest.mark.parametrize(("value", "text"), [(None, "n/a"), (float("nan"), "n/a"), (0.0, "0.0"), (0.6249, "62.5")])
def test_percent(value, text):
    assert percent(value) == text


@pytest.mark.parametrize(
    ("measure", "parts"),
    [
        ("PCK@0.05[occluded]", ("PCK@0.05", "occluded")),
        ("OKS-AP", ("OKS-AP", "all")),
        ("AUC[0..0.2]", ("AUC[0..0.2]", "all")),
        ("AUC[0..0.2][visible]", ("AUC[0..0.2]", "visible")),
        ("EPE[all,joint=wrist]", ("EPE", "all,joint=wrist")),
    ],
)
def test_measures_are_split_into_name_and_subset(measure, parts):
    assert split_measure(measure) == parts


def test_without_intervals_there_are_no_brackets():
    results = copy.deepcopy(RESULTS)
    for row in results["rows"]:
        row["interval"] = None
    assert "[" not in score_table(results)
    assert "interval" not in score_table(results)


def test_a_measure_that_a_subset_lacks_is_not_another_ones_value():
    results = copy.deepcopy(RESULTS)
    del results["rows"][1]
    rows = pivot(results).rows
    assert [[cell.value for cell in row.cells] for row in rows] == [["50.0", "n/a"], ["n/a", "n/a"]]


def test_truth_that_is_not_independent_is_called_so():
    results = copy.deepcopy(RESULTS)
    results["truth"]["kind"] = "labels that annotators corrected: not an independent truth"
    assert "truth       NOT INDEPENDENT: labels that" in score_table(results)


@pytest.mark.parametrize(
    ("truth", "independent"),
    [
        ({"kind": "exact truth of the synthetic generator"}, True),
        ({"kind": "labels by annotators, starting from pre-labels of x-1"}, True),
        ({"kind": "corrected from its own pre-labels: not an independent truth, the score says little"}, False),
        ({"kind": "Not independent"}, False),
        ({"kind": "this is not a drill; an independent truth"}, True),
        ({"kind": "exact", "independent": False}, False),
        ({}, True),
    ],
)
def test_independence_is_read_from_the_sentence_or_from_its_own_field(truth, independent):
    assert is_independent(truth) is independent


def test_the_fake_results_make_a_table_without_nan(fake):
    text = score_table(fake.results)
    assert "nan" not in text.lower().replace("anna", "")
    assert len({len(line) for line in text.splitlines() if line.startswith(("newdays ", "synthetic "))}) == 1


def test_other_measures_keep_their_unit_and_their_rules():
    results = copy.deepcopy(RESULTS) | {"protocol": "mmpose", "missing_rule_text": "what is missing is left out"}
    facts = {"source": "newdays", "hands": 3, "joints": 9, "coverage": 1.0, "joints_left_out": ["thumb2"]}
    results["rows"] = [
        {
            "measure": "PCK@0.05[all]",
            "value": 0.5,
            "unit": "share",
            "pooling": "micro",
            "normaliser": "bbox-max",
            **facts,
        },
        {"measure": "EPE", "value": 3.14159, "unit": "px", "interval": [2.0, 4.0], "normaliser": "none", **facts},
        {"measure": "OKS-AP", "value": 0.25, "unit": "share", "interval": None, "normaliser": "bbox-area", **facts},
    ]
    lines = score_table(results).splitlines()
    assert lines[6].split() == ["source", "subset", "PCK@0.05", "EPE", "(px)", "OKS-AP", "hands", "joints", "coverage"]
    assert lines[8].split() == ["newdays", "all", "50.0", "3.14", "[2.00", "to", "4.00]", "25.0", "3", "9", "100.0"]
    assert lines[10:] == [
        "shares in %, [95 % interval over clips], coverage: hands with a prediction",
        "PCK is the share of joints nearer to the truth than the threshold, of all joints together",
        "what is missing is left out",
        "an error in pixels is a mean over the predicted joints only",
        "OKS-AP is normalised by bbox-area",
        "newdays all: no prediction for thumb2, left out of the mean",
    ]
