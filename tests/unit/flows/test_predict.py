import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.predict import predict
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.release import Truth
from hint_toolkit.prelabel.base import Detection
from hint_toolkit.prelabel.registry import opened
from hint_toolkit.records import Hand, Hands
from hint_toolkit.synthetic import render


class FindsWhitePixel:
    """Sees one hand per white pixel; all its points sit on it."""

    name = "white-1"
    prompts = ()

    def detect_in(self, image, prompts):
        self.prompts += tuple(prompts)
        return [next((one for one in self.detect(image) if (np.abs(one.box - p.box) < 5).all()), None) for p in prompts]

    def detect(self, image):
        found = []
        for y, x in np.argwhere(image[:, :, 0] > 250):
            points = np.tile([float(x), float(y)], (21, 1))
            box = np.array([x - 30.0, y - 30, x + 30, y + 30])
            found.append(Detection(points, np.full(21, 0.7), box, "left", 0.9, 0.9))
        return found

    def close(self):
        pass


@pytest.fixture
def truth(tmp_path, make_hands):
    hands = make_hands(3)
    boxes = np.array([[100.0, 100, 160, 160], [400, 300, 460, 360], [200, 20, 260, 80]])
    for k, (x, y) in enumerate([(130, 130), (430, 330), (0, 0)]):
        image = np.zeros((480, 640, 3), np.uint8)
        if k < 2:
            image[y, x] = 255
        import cv2

        assert cv2.imwrite(str(tmp_path / f"{k}.png"), image)
    hands = hands.replace(box=boxes, image=[f"{k}.png" for k in range(3)])
    return Truth(hands, tmp_path, tmp_path, "v")


def test_from_the_box_the_detector_gets_box_side_and_id_and_never_points(truth):
    detector = FindsWhitePixel()
    predictions, report = predict(truth, detector)
    assert (report.hands, report.found) == (3, 2)
    np.testing.assert_array_equal(predictions.points[1], np.tile([430.0, 330.0], (21, 1)))
    assert np.isnan(predictions.points[2]).all()
    assert [(p.id, p.side, p.box.tolist()) for p in detector.prompts] == [
        (hand.id, hand.side, hand.box.tolist()) for hand in truth.hands
    ]
    assert predictions.header["input_crop"] == "the given bbox and side, by the detector's own crop"
    blind = Truth(truth.hands.replace(points=np.full((3, 21, 2), np.nan)), truth.path, truth.image_root, "v")
    np.testing.assert_array_equal(predict(blind, FindsWhitePixel())[0].points, predictions.points)
    with pytest.raises(InputError, match="no way 'corp' to predict; use one of: box, crop"):
        predict(truth, detector, way="corp")


@pytest.mark.parametrize("way", ["box", "crop"])
def test_mediapipe_either_way(tmp_path, way):
    image, hands = render(5, 640, 480, view="ego")
    write_jpg(tmp_path / "a.jpg", image)
    rows = [
        Hand(id=f"a_h{k}", frame_id="a", points=hand.points, exists=np.ones(21, bool), occluded=np.zeros(21, bool),
             box=hand.box, side=hand.side, image="a.jpg", width=640, height=480)
        for k, hand in enumerate(hands)
    ]  # fmt: skip
    truth = Truth(Hands.of(rows), tmp_path, tmp_path, "v")
    with opened("mediapipe") as detector:
        predictions, report = predict(truth, detector, way=way)
    assert report.found == len(rows) > 0
    size = (truth.hands.box[:, 2:] - truth.hands.box[:, :2]).max(axis=1)
    assert np.median(np.linalg.norm(predictions.points - truth.hands.points, axis=2) / size[:, None]) < 0.1


def test_points_come_back_in_pixels_of_the_whole_image(truth):
    predictions, report = predict(truth, FindsWhitePixel(), way="crop")
    assert (report.hands, report.found) == (3, 2)
    np.testing.assert_array_equal(predictions.points[0], np.tile([130.0, 130.0], (21, 1)))
    np.testing.assert_array_equal(predictions.points[1], np.tile([430.0, 330.0], (21, 1)))
    assert np.isnan(predictions.points[2]).all()
    assert predictions.side == ["left", "left", ""]
    assert predictions.ids == truth.hands.id.tolist()
    assert predictions.header["input_crop"].startswith("square of 2.5 x")


def test_a_hand_elsewhere_in_the_crop_is_not_taken_for_this_one(truth):
    boxes = truth.hands.box.copy()
    boxes[0] += [-65, -65, -65, -65]
    moved = Truth(truth.hands.replace(box=boxes), truth.path, truth.image_root, "v")
    predictions, _ = predict(moved, FindsWhitePixel(), way="crop")
    assert np.isnan(predictions.points[0]).all()


def test_missing_pictures_are_counted(truth, tmp_path):
    (tmp_path / "1.png").unlink()
    with pytest.raises(InputError, match=rf"the pictures of 1 hands are missing: {truth.hands.id[1]}"):
        predict(truth, FindsWhitePixel())


def test_a_hand_without_box_is_named(truth):
    boxes = truth.hands.box.copy()
    boxes[1] = np.nan
    with pytest.raises(InputError, match=rf"{truth.hands.id[1]}: has no box"):
        predict(Truth(truth.hands.replace(box=boxes), truth.path, truth.image_root, "v"), FindsWhitePixel())


def test_pictures_of_another_format_are_read_too(truth, tmp_path):
    write_jpg(tmp_path / "0.png", np.zeros((480, 640, 3), np.uint8))
    _, report = predict(truth, FindsWhitePixel())
    assert report.found == 1
