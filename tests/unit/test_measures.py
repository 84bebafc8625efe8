"""Names of measures are typed, printed and parsed back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hint_toolkit.errors import InputError
from hint_toolkit.joints import FINGERS, INDEX, JOINTS
from hint_toolkit.measures import JOINT_ALIASES, KINDS, Measure, nearest, parse_measure, parse_measures
from hint_toolkit.protocol import PROTOCOLS, SUBSETS, measure_name

fractions = st.floats(1e-6, 9.99, allow_nan=False)
selections = st.one_of(
    st.just({}),
    st.sampled_from(JOINTS).map(lambda j: {"joint": j}),
    st.sampled_from(FINGERS).map(lambda f: {"finger": f}),
)


@st.composite
def measures(draw):
    kind = draw(st.sampled_from(KINDS))
    extra = {"threshold": draw(fractions)} if kind == "PCK" else {}
    if kind == "AUC":
        low, high = sorted(draw(st.lists(fractions, min_size=2, max_size=2, unique=True)))
        extra = {"span": (low, high)}
    return Measure(kind, draw(st.sampled_from(SUBSETS)), **extra, **draw(selections))


@given(measures())
def test_the_name_reads_back_as_the_same_measure(measure):
    assert parse_measure(str(measure)) == measure
    assert str(parse_measure(str(measure).lower())) == str(measure)


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("PCK@0.05[occluded]", "PCK@0.05[occluded]"),
        ("pck @ .10 [ Visible , joint = INDEX_FINGER_TIP ]", "PCK@0.1[visible,joint=forefinger4]"),
        ("PCK@0.1[visible,joint=index_tip]", "PCK@0.1[visible,joint=forefinger4]"),
        ("PCK@0.05", "PCK@0.05[all]"),
        ("PCK@0.05[finger=thumb]", "PCK@0.05[all,finger=thumb]"),
        ("PCK@0.05[all,finger=little]", "PCK@0.05[all,finger=pinky_finger]"),
        ("AUC[0..0.2]", "AUC[0..0.2]"),
        ("AUC[0..0.2][all]", "AUC[0..0.2]"),
        ("AUC[0..0.2][occluded]", "AUC[0..0.2][occluded]"),
        ("EPE[visible]", "EPE[visible]"),
        ("EPE[all]", "EPE"),
        ("oks-ap", "OKS-AP"),
    ],
)
def test_every_measure_has_one_name(typed, printed):
    assert str(parse_measure(typed)) == printed


def test_names_in_results_are_canonical():
    for protocol in PROTOCOLS.values():
        for threshold in protocol.thresholds:
            for subset in SUBSETS:
                assert str(parse_measure(measure_name(threshold, subset))) == measure_name(threshold, subset)
        assert len(parse_measures(protocol.measures)) == len(protocol.measures)


@pytest.mark.parametrize(
    ("typed", "why", "instead"),
    [
        ("PKC@0.05[ocluded]", "not of the form", "PCK@0.05[occluded]"),
        ("PCK", "wants a threshold", "PCK@0.05[all]"),
        ("AUC", "wants a span", "AUC[0..0.2]"),
        ("AUC[0.2..0.1]", "must rise", "AUC[0..0.1]"),
        ("EPE@0.1", "wants a threshold", "EPE"),
        ("PCK@0[all]", "between 0 and 10", "PCK@0.05[all]"),
        ("PCK@50[visible]", "between 0 and 10", "PCK@0.05[visible]"),
        ("PCK@0.05[hidden]", "must be one of all, visible, occluded", "PCK@0.05[all]"),
        ("PCK@0.1[visible,joint=index_tp]", "no joint 'index_tp'", "PCK@0.1[visible,joint=forefinger4]"),
        ("PCK@0.1[all,finger=thum]", "no finger 'thum'", "PCK@0.1[all,finger=thumb]"),
        ("PCK@0.1[all,fingr=thumb]", "'fingr=thumb' is not understood", "PCK@0.1[all,finger=thumb]"),
        ("PCK@0.1[all,joint=wrist,finger=thumb]", "a joint and a finger", "PCK@0.1[all,joint=wrist]"),
        ("OKS", "not of the form", "OKS-AP"),
    ],
)
def test_a_bad_name_gets_its_reason_and_the_nearest_valid_one(typed, why, instead):
    assert nearest(typed) == instead
    with pytest.raises(InputError) as caught:
        parse_measure(typed)
    assert why in str(caught.value)
    assert f"did you mean {instead}?" in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_measure_or_gets_a_valid_proposal(text):
    try:
        parse_measure(text)
    except InputError:
        assert str(parse_measure(nearest(text))) == nearest(text)


def test_all_bad_names_are_reported_at_once_and_good_ones_once():
    with pytest.raises(InputError) as caught:
        parse_measures(["PCK@0.05", "PKC@0.05", "EPE[visble]", *["x"] * 5])
    line = str(caught.value)
    assert "'PKC@0.05'" in line
    assert "'EPE[visble]'" in line
    assert "and 2 more" in line
    assert "\n" not in line
    assert parse_measures(["EPE", "epe[all]", "OKS-AP"]) == (Measure("EPE"), Measure("OKS-AP"))


def test_a_measure_knows_its_joints():
    assert parse_measure("EPE").joints == tuple(range(21))
    assert parse_measure("EPE[all,joint=index_tip]").joints == (INDEX["forefinger4"],)
    assert parse_measure("EPE[all,finger=thumb]").joints == (1, 2, 3, 4)
    assert JOINT_ALIASES["thumb_cmc"] == "thumb1"
    assert JOINT_ALIASES["pinky_dip"] == "pinky_finger3"
