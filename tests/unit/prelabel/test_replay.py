"""Replay: points of any prediction file by the hand's id, and nothing made up."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.predictions import Predictions, write_predictions
from hint_toolkit.joints import FROM_HINT
from hint_toolkit.prelabel.base import Prompt
from hint_toolkit.prelabel.registry import open_detector
from hint_toolkit.prelabel.replay import ReplayDetector

PICTURE = np.zeros((240, 320, 3), np.uint8)
ANYWHERE = np.array([10.0, 10, 50, 50])


@pytest.fixture
def predictions(rng):
    points = rng.uniform(60, 180, (4, 21, 2)).round(3)
    points[1, 5] = np.nan
    points[2] = np.nan  # the method found nothing
    points[3] += 900  # outside of the picture
    score, visibility = np.full((2, 4, 21), np.nan)
    score[0], visibility[0] = rng.uniform(0, 1, (2, 21)).round(3)
    return Predictions(
        ids=["a_h0", "a_h1", "b_h0", "c_h0"],
        points=points,
        score=score,
        visibility=visibility,
        side=["left", "", "right", "right"],
        header={"method": "WiLoR (demo), v2"},
    )


@pytest.fixture(params=["preds.json", "preds.parquet", "preds.npz"])
def path(request, predictions, tmp_path):
    path = tmp_path / request.param
    if path.suffix == ".npz":
        names = ("points", "score", "visibility")
        arrays = {name: getattr(predictions, name) for name in names}
        np.savez(path, ids=np.array(predictions.ids), side=np.array(predictions.side), method="x", **arrays)
    else:
        write_predictions(path, predictions)
    return path


def test_points_scores_side_and_occlusion_come_as_the_file_has_them(path, predictions):
    with_ids = [Prompt(ANYWHERE, side="right", id="a_h0"), Prompt(ANYWHERE, side="left", id="a_h1")]
    detector = ReplayDetector(predictions=path)
    first, second = detector.detect_in(PICTURE, with_ids)
    np.testing.assert_allclose(first.points, predictions.points[0], atol=1e-9)
    np.testing.assert_allclose(first.score, predictions.score[0], atol=1e-9)
    np.testing.assert_allclose(first.occlusion, 1 - predictions.visibility[0], atol=1e-9)
    assert (first.side, second.side) == ("left", "left")  # the file's, and the box's where the file has none
    assert np.isnan([first.presence, first.side_score, second.side_score]).all()
    np.testing.assert_array_equal(np.isnan(second.points).any(axis=1), np.arange(21) == 5)
    assert np.isnan(second.score).all()
    assert np.isnan(second.occlusion).all()
    assert detector.missing == 0
    detector.close()


def test_the_box_is_around_the_points_that_are_there_and_in_the_picture(path, predictions):
    (found,) = ReplayDetector(predictions=path).detect_in(PICTURE, [Prompt(ANYWHERE, id="a_h1")])
    there = np.delete(predictions.points[1], 5, axis=0)
    assert (found.box[:2] <= there.min(axis=0)).all()
    assert (found.box[2:] >= there.max(axis=0)).all()
    assert (found.side, found.side_score) == ("right", 0.5)  # neither knows


def test_what_the_file_does_not_hold_is_none_and_counted_but_nothing_found_is_an_answer(path):
    detector = ReplayDetector(predictions=path)
    detector.detect_in(PICTURE, [Prompt(ANYWHERE, id="a_h0")])[0].points[:] = 0  # what a caller does changes nothing
    ids = ["a_h0", "a_h", "A_h0", "", "b_h0", "c_h0", "a_h0"]
    found = detector.detect_in(PICTURE, [Prompt(ANYWHERE, id=name) for name in ids])
    assert [one is not None for one in found] == [True, False, False, False, False, False, True]
    np.testing.assert_array_equal(found[0].points, found[6].points)
    assert (found[0].points > 0).all()
    assert detector.missing == 3
    assert detector.detect_in(PICTURE, []) == []
    nowhere = Prompt(np.full(4, np.nan), id="a_h0")
    assert detector.detect_in(PICTURE, [nowhere])[0] is not None  # the box is not looked at
    with pytest.raises(InputError, match="boxes with ids"):
        detector.detect(PICTURE)


def test_the_name_says_the_method_and_changes_with_the_content(predictions, tmp_path):
    paths = [tmp_path / name for name in ("a.json", "b.json", "c.json")]
    for path in paths:
        write_predictions(path, predictions)
    predictions.points[0, 0, 0] += 0.5
    write_predictions(paths[2], predictions)
    one, copy, other = (ReplayDetector(predictions=path).name for path in paths)
    assert one.startswith("replay-WiLoR_demo_v2-")
    assert one == copy != other
    assert ReplayDetector(predictions=paths[0], joint_order="mano").name == f"{one},joint_order=mano"


def test_another_joint_order(predictions, tmp_path):
    predictions.points[:] = predictions.points[:, list(FROM_HINT["mano"])]
    write_predictions(tmp_path / "mano.json", predictions)
    (plain,) = ReplayDetector(predictions=tmp_path / "mano.json").detect_in(PICTURE, [Prompt(ANYWHERE, id="a_h0")])
    (right,) = ReplayDetector(predictions=tmp_path / "mano.json", joint_order="mano").detect_in(
        PICTURE, [Prompt(ANYWHERE, id="a_h0")]
    )
    np.testing.assert_array_equal(right.points[list(FROM_HINT["mano"])], plain.points)
    assert not np.array_equal(right.points, plain.points)


def test_without_a_file_or_with_none_of_predictions_it_is_one_line(tmp_path):
    with pytest.raises(InputError, match="replay needs a prediction file; pass --predictions FILE"):
        open_detector("replay")
    with pytest.raises(InputError, match=r"gone\.json"):
        open_detector("replay", predictions=tmp_path / "gone.json")
    (tmp_path / "bad.json").write_text("[1, 2]")
    with pytest.raises(InputError, match=r"bad\.json"):
        open_detector("replay", predictions=tmp_path / "bad.json")


def test_an_option_that_a_detector_does_not_have_is_one_line():
    with pytest.raises(InputError, match="replay has no option model; its options: predictions, joint_order"):
        open_detector("replay", model=None)
