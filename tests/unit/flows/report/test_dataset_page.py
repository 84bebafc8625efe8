import json
import re

import numpy as np
import pytest

from hint_toolkit.flows.report.dataset_figures import _HAND, as_svg, figures
from hint_toolkit.flows.report.dataset_page import write_stats
from hint_toolkit.flows.report.dataset_tables import blocks, facts, spread, warning
from hint_toolkit.flows.stats import dataset_stats
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.joints import PARENTS
from hint_toolkit.workspace import Workspace


@pytest.fixture
def describe(tmp_path):
    def run(hands):
        write_table(tmp_path / "hands.parquet", hands_to_table(hands), {})
        return dataset_stats(tmp_path / "hands.parquet", Workspace(tmp_path / "none"))[0]

    return run


@pytest.fixture
def nothing(make_hands):
    """One hand of which nothing is known."""
    return make_hands(1).replace(
        points=np.full((1, 21, 2), np.nan), exists=np.zeros((1, 21), bool), occluded=np.zeros((1, 21), bool),
        box=np.full((1, 4), np.nan), width=[0], height=[0], seconds=[np.nan], video_id=[""], annotator=[""],
        source=[""],
    )  # fmt: skip


def test_the_page_is_self_contained_and_the_same_twice(describe, make_hands, tmp_path):
    stats = describe(make_hands(30))
    written = write_stats(stats, tmp_path / "a")
    write_stats(stats, tmp_path / "b")
    for path in written:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    page = (tmp_path / "a" / "stats.html").read_text()
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "<script" not in page
    assert "http-equiv" in page
    assert json.loads((tmp_path / "a" / "stats.json").read_text()) == stats
    pictures = [path for path in written if path.suffix == ".png"]
    assert {path.stem for path in pictures} == set(figures(stats))
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert page.count("<svg") == len(pictures)
    assert "ann@example.org" not in page


def test_the_numbers_stand_on_the_hand(describe, make_hands):
    hands = make_hands(40)
    stats = describe(hands)
    size, draw, _ = figures(stats)["occluded"]
    shown = re.findall(r">(\d+)</text>", as_svg(size, draw, "k"))[:21]
    assert [int(n) for n in shown] == [
        round(100 * o / e) for o, e in zip(hands.occluded.sum(axis=0), hands.exists.sum(axis=0), strict=True)
    ]


def test_the_drawn_hand_has_straight_fingers_of_known_order():
    """Each finger goes away from the wrist, and thumb to little finger go from left to right."""
    hand = np.array(_HAND)
    assert hand.shape == (21, 2)
    for joint, parent in enumerate(PARENTS):
        if joint:
            assert np.linalg.norm(hand[joint]) > np.linalg.norm(hand[parent])
    assert (np.diff(hand[[4, 8, 12, 16, 20], 0]) > 0).all()
    gaps = np.linalg.norm(hand[:, None] - hand[None], axis=2)[~np.eye(21, dtype=bool)]
    assert gaps.min() > 0.17  # the numbers do not cover each other


def test_what_is_not_known_is_n_a_and_draws_all_the_same(describe, nothing, tmp_path):
    stats = describe(nothing)
    write_stats(stats, tmp_path / "a")
    page = (tmp_path / "a" / "stats.html").read_text()
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S).lower().replace("finance", "")
    assert "n/a" in page
    assert {"centres", "keypoints", "size_share", "moved"} & set(figures(stats)) == set()
    assert dict(facts(stats))["box"] == "longer side in px: n/a"
    assert spread(None) == "n/a"


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr("hint_toolkit.flows.report.dataset_page.figures", lambda stats: {})


@pytest.mark.usefixtures("no_figures")
def test_simulated_labels_are_said_first(describe, make_hands, tmp_path):
    hands = make_hands(4)
    assert warning(describe(hands)) == ""
    stats = describe(hands.replace(annotator=["simulated"] * 3 + ["ann"]))
    assert warning(stats).startswith("3 of 4 hands were labelled by a scripted annotator")
    write_stats(stats, tmp_path / "a")
    page = (tmp_path / "a" / "stats.html").read_text()
    assert page.index("scripted annotator") < page.index("read from")


@pytest.mark.usefixtures("no_figures")
def test_names_cannot_act_on_the_page(describe, make_hands, tmp_path):
    stats = describe(make_hands(2).replace(source=["<b>x"] * 2, licence=["a\nb"] * 2))
    write_stats(stats, tmp_path / "a")
    page = (tmp_path / "a" / "stats.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;x" in page
    tables = {block.title: block for block in blocks(stats)}
    assert tables["Licences of the pixels"].rows[0][1] == "a b"
    assert {len(row) for block in tables.values() for row in block.rows} <= {
        len(block.head) for block in tables.values()
    }
    for block in tables.values():
        assert all(len(row) == len(block.head) for row in block.rows), block.title
