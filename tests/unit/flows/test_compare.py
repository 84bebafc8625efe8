import json
from pathlib import Path

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.compare import aligned, compare, labels
from hint_toolkit.flows.results import write_results
from hint_toolkit.flows.score import score
from hint_toolkit.flows.scored_hands import _frame_of, read_scored
from hint_toolkit.io.parquet import hands_to_table, read_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions
from hint_toolkit.io.release import Truth, content_hash
from hint_toolkit.records import Hands


@pytest.fixture
def world(tmp_path, make_hands, rng):
    """`world(name, noise, ..)` is a scored side; files and folders of it lie in `tmp_path`."""

    class World:
        hands = Hands.concat([make_hands(60, clips=12), make_hands(40, source="newdays", clips=20)])
        truth = Truth(hands, Path("truth"), tmp_path, content_hash(hands))

        def predictions(self, name, noise, missing=0, seed=1):
            keep = np.random.default_rng(seed).permutation(len(self.hands))[missing:]
            move = np.random.default_rng(seed).normal(0, noise, self.hands.points.shape)
            nothing = np.full((len(keep), 21), np.nan)
            ids, points = self.hands.id[keep].tolist(), (self.hands.points + move)[keep]
            return Predictions(ids, points, nothing, nothing, [""] * len(keep), {"method": name})

        def side(self, name, noise, truth=None, **more):
            path = tmp_path / f"{name}{noise}{more.get('missing', '')}.json"
            options = {key: more.pop(key) for key in ("normaliser",) if key in more}
            write_predictions(path, self.predictions(name, noise, **more))
            return read_scored(path, lambda: truth or self.truth, **options)

        def folder(self, name, noise, truth=None, **rules):
            folder = tmp_path / f"{name}{noise}-results"
            scored = score(truth or self.truth, self.predictions(name, noise), **rules)
            write_results(scored, folder, None, report=False)
            return folder

    return World()


def rows_of(result, measure, source="folder"):
    return [r for r in result["differences"] if (r["measure"], r["source"]) == (measure, source)]


def test_a_method_against_itself_is_no_different(world):
    result = compare([world.side("a", 9), world.side("a", 9)])
    assert len(result["differences"]) == 18
    for row in result["differences"]:
        assert (row["difference"], row["interval"], row["p"], row["verdict"]) == (0.0, [0.0, 0.0], 1.0, "tie")
        assert row["detectable"] is None
    json.dumps(result, allow_nan=False)


def test_the_better_one_wins_and_the_matrix_says_so(world):
    result = compare([world.side("good", 6), world.side("bad", 30), world.side("good again", 6, seed=2)])
    assert result["control"]["comparisons"] == len(result["differences"]) == 3 * 18
    for row in result["differences"]:
        assert row["p_holm"] >= row["p"]
        assert row["difference"] == pytest.approx(row["value_b"] - row["value_a"])
        if row["a"] == "good" and row["b"] == "bad" and row["subset"] == "all":
            assert row["verdict"] == "lose"
            assert row["interval"][1] < 0
    good, bad, _ = result["matrix"][0]["rows"]
    assert good["against"]["bad"]["win"] == bad["against"]["good"]["lose"] >= 3
    assert good["against"]["good again"]["tie"] == 9


def test_values_are_those_of_the_score(world):
    result = compare([world.side("a", 9), world.side("b", 12)])
    expected = {(r["measure"], r["source"]): r for r in score(world.truth, world.predictions("b", 12)).results["rows"]}
    for row in result["differences"]:
        same = expected[row["measure"], row["source"]]
        assert row["value_b"] == pytest.approx(same["value"], abs=1e-12)
        assert [row[n] for n in ("hands", "joints", "clips")] == [same[n] for n in ("hands", "joints", "clips")]


def test_hands_that_one_side_does_not_have_count_as_wrong_there(world):
    whole, part = world.side("whole", 0), world.side("part", 0, missing=30)
    for row in compare([whole, part], thresholds=[0.05])["differences"]:
        assert row["value_a"] == 1.0
        assert row["value_b"] < 0.9
        assert row["hands"] == (60 if row["source"] == "folder" else 40) or row["subset"] != "all"


def test_matched_by_id_in_whatever_order_even_when_a_folder_lacks_rows(world):
    one, other = world.side("a", 9), world.side("b", 9, seed=2)
    shuffled = other.take(np.random.default_rng(0).permutation(len(other)))
    assert compare([one, other])["differences"] == compare([one, shuffled])["differences"]
    base, (first, second) = aligned([one.take(np.arange(10, 100)), other.take(np.arange(90))])
    assert sorted(base.id) == sorted(one.id)
    assert np.isinf(first[base.exists]).any()
    order = np.argsort(one.id.astype(str))
    inside = np.isin(base.id.astype(str), other.id[:90].astype(str))
    np.testing.assert_array_equal(second[inside], other.pixels[order][inside])


def test_results_folders_give_the_same_as_the_files(world):
    files = compare([world.side("a", 9), world.side("b", 12)])
    folders = [world.folder("a", 9), world.folder("b", 12)]
    sides = [read_scored(path, lambda: pytest.fail("a folder needs no truth")) for path in folders]
    for row, same in zip(compare(sides)["differences"], files["differences"], strict=True):
        assert {k: pytest.approx(v, abs=1e-9) if isinstance(v, float) else v for k, v in row.items()} == same


def test_results_under_different_rules_are_not_compared(world):
    a = world.side("a", 9)
    moved = Truth(world.hands, Path("t"), Path(), "other-version")
    with pytest.raises(InputError, match="has another normaliser than"):
        compare([a, world.side("b", 9, normaliser="bbox-34")])
    with pytest.raises(InputError, match="has another truth version than .*: other-version and"):
        compare([a, world.side("b", 9, truth=moved)])
    dropped = [read_scored(world.folder(n, 9, missing="drop"), lambda: world.truth) for n in ("x", "y")]
    with pytest.raises(InputError, match="has another missing_rule"):
        compare([a, dropped[0]])
    with pytest.raises(InputError, match="would compare different joints; score again with --missing miss"):
        compare(dropped)
    with pytest.raises(InputError, match="needs two or more"):
        compare([a])


def test_the_control_covers_what_is_shown_and_nothing_else(world):
    sides = [world.side("a", 9), world.side("b", 10)]
    few = compare(sides, thresholds=[0.1], subsets=["all"])
    assert [r["measure"] for r in few["differences"]] == ["PCK@0.1[all]"] * 2
    assert few["control"] == {"method": "holm", "level": 0.05, "comparisons": 2}
    many = rows_of(compare(sides), "PCK@0.1[all]")[0]
    one = rows_of(few, "PCK@0.1[all]")[0]
    assert many["p"] == one["p"]
    assert many["p_holm"] > one["p_holm"] or many["p"] == 1
    assert many["detectable"] > one["detectable"] > one["detectable_alone"]


def test_too_few_clips_are_said(world):
    keep = np.isin(world.hands.video_id.astype(str), ["clip0", "clip1"])
    sides = [side.take(keep) for side in (world.side("a", 1), world.side("b", 60))]
    result = compare(sides)
    assert {row["verdict"] for row in result["differences"]} == {"tie"}
    assert result["notes"][0].startswith("folder: some or all measures cannot tell methods apart")


def test_same_names_are_told_apart(world):
    a, b = world.side("m", 1), world.side("m", 2)
    assert labels([a, b]) == ["m (m1)", "m (m2)"]
    assert labels([a, a]) == ["m (m1) 1", "m (m1) 2"]


def test_same_seed_same_result(world):
    sides = [world.side("a", 9), world.side("b", 10)]
    assert compare(sides, seed=3) == compare(sides, seed=3)
    assert compare(sides, seed=3)["differences"] != compare(sides, seed=4)["differences"]


def test_frames_of_ids():
    assert _frame_of("TEST_folder_img/clip_frame00000003_h0_r") == "TEST_folder_img/clip_frame00000003"
    assert _frame_of("TEST_newdays_img/ND_x_h_frame008373_l") == "TEST_newdays_img/ND_x_h_frame008373"
    assert _frame_of("clip_frame00000003_h12") == "/clip_frame00000003"


def test_a_folder_that_is_not_whole_is_refused_in_one_line(world):
    folder = world.folder("a", 9)
    table = read_table(folder / "per_hand.parquet")[0]
    write_table(folder / "per_hand.parquet", table.drop_columns(["pred"]), {})
    with pytest.raises(InputError, match=r"no column pred; score again"):
        read_scored(folder, lambda: world.truth)
    write_table(folder / "per_hand.parquet", table.set_column(0, "id", [["x"] * 100]), {})
    with pytest.raises(InputError, match="ids stand there more than once: x"):
        read_scored(folder, lambda: world.truth)
    write_table(folder / "per_hand.parquet", hands_to_table(world.hands), {})
    with pytest.raises(InputError, match="no column"):
        read_scored(folder, lambda: world.truth)
