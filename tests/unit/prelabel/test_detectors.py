"""The contract of every detector, on the project's own synthetic hands; and MediaPipe on real photographs."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.geometry import match_boxes
from hint_toolkit.joints import SIDES
from hint_toolkit.prelabel.registry import DETECTORS, open_detector, opened
from hint_toolkit.synthetic import render


@pytest.fixture(scope="module")
def scenes():
    return [render(seed, 640, 480, view="ego") for seed in range(8)]


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_keeps_the_contract(name, scenes):
    with opened(name) as detector:
        assert detector.name.startswith(name)
        found = 0
        for image, truth in scenes:
            before = image.copy()
            detections = detector.detect(image)
            np.testing.assert_array_equal(image, before)
            for detection in detections:
                assert detection.points.shape == (21, 2)
                assert np.isfinite(detection.points).all()
                assert detection.score.shape == (21,)
                assert detection.side in SIDES
                assert (detection.box[2:] > detection.box[:2]).all()
            pairs = match_boxes(np.array([t.box for t in truth]), np.array([d.box for d in detections]), 0.3)
            for i, j in pairs:
                found += 1
                size = (truth[i].box[2:] - truth[i].box[:2]).max()
                near = np.linalg.norm(detections[j].points - truth[i].points, axis=1) / size
                assert np.median(near) < 0.15
        assert found >= 6
        assert detector.detect(np.full((120, 160, 3), 127, np.uint8)) == []


def test_sides_are_anatomical_and_a_mirrored_image_swaps_them(scenes):
    with opened("mediapipe") as detector:
        right = total = 0
        for image, truth in scenes:
            for picture, side in (
                (image, truth[0].side),
                (image[:, ::-1], {"left": "right", "right": "left"}[truth[0].side]),
            ):
                for detection in detector.detect(picture)[:1]:
                    total += 1
                    right += detection.side == side
        assert total >= 12
        assert right / total >= 0.8


def test_points_follow_the_half_pixel_convention(scenes):
    """MediaPipe measures from the corner of the image, we from the centre of its first pixel."""
    image, _ = scenes[0]
    with opened("mediapipe") as detector:
        straight = detector.detect(image)[0].points
        raw = detector._landmarker.detect(detector._mp.Image(image_format=detector._mp.ImageFormat.SRGB, data=image))
    first = raw.hand_landmarks[0][0]
    np.testing.assert_allclose(straight[0], [first.x * 640 - 0.5, first.y * 480 - 0.5], atol=1e-9)


def test_close_twice_and_an_unknown_name():
    detector = open_detector("mediapipe")
    detector.close()
    detector.close()
    with pytest.raises(InputError, match="no detector 'yolo'; choose one of: mediapipe"):
        open_detector("yolo")


def test_real_egocentric_photographs(shared_media):
    from hint_toolkit.io.images import read_image

    with opened("mediapipe") as detector:
        hands = len(detector.detect(read_image(shared_media / "geopavlakos__hamer/example_data/test1.jpg")))
    assert hands >= 2
