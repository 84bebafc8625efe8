"""The contract of every detector, on the project's own synthetic hands; and MediaPipe on real photographs."""

import json
import sys

import numpy as np
import pytest

from hint_toolkit.errors import InputError, MissingExtra
from hint_toolkit.geometry import box_around, match_boxes
from hint_toolkit.io.images import read_image
from hint_toolkit.joints import SIDES
from hint_toolkit.metrics.pck import distances, pck_tally
from hint_toolkit.metrics.sizes import extent_boxes, longer_side
from hint_toolkit.prelabel.base import REVIEW_PRESENCE, Prompt
from hint_toolkit.prelabel.registry import DETECTORS, open_detector, opened
from hint_toolkit.synthetic import render

THRESHOLDS = (0.05, 0.1, 0.15)
OTHER = {"left": "right", "right": "left"}


@pytest.fixture(scope="module")
def scenes():
    return [render(seed, 640, 480, view="ego") for seed in range(8)]


@pytest.fixture(scope="module")
def mediapipe():
    with opened("mediapipe") as detector:
        yield detector


def check_detection(detection, image):
    height, width = image.shape[:2]
    assert detection.points.shape == (21, 2)
    assert np.isfinite(detection.points).all()
    assert detection.score.shape == detection.occlusion.shape == (21,)
    assert not (detection.occlusion < 0).any()
    assert not (detection.occlusion > 1).any()
    assert detection.side in SIDES
    assert (detection.box[2:] > detection.box[:2]).all()
    assert (detection.box >= -0.5).all()
    assert (detection.box <= np.array([width, height] * 2) - 0.5).all()


def opened_or_refused(name):
    """The detector; without its weights or its library it must say so in one line, and then there is none."""
    try:
        return open_detector(name)
    except (InputError, MissingExtra) as error:
        refused = error
    assert refused.exit_code == 2
    assert refused.next_step or "pip install" in str(refused)
    return pytest.skip(f"{name} on this machine: {refused}")


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_keeps_the_contract(name, scenes):
    detector = opened_or_refused(name)
    try:
        assert detector.name.startswith(name)
        boxes_keep_the_contract(detector, scenes[:4])
        if detector.finds_boxes:
            frames_keep_the_contract(detector, scenes)
        else:
            with pytest.raises(InputError, match="box"):
                detector.detect(scenes[0][0])
    finally:
        detector.close()


def boxes_keep_the_contract(detector, scenes):
    nowhere = Prompt(np.array([700.0, 500, 800, 600]))
    unknown = Prompt(np.full(4, np.nan))
    for image, (truth,) in scenes:
        before = image.copy()
        side = truth.side if getattr(detector, "needs_side", False) else ""
        prompts = [nowhere, Prompt(truth.box, side=truth.side, id="x"), unknown, Prompt(truth.box, side=side)]
        outside, found, without, same = detector.detect_in(image, prompts)
        np.testing.assert_array_equal(image, before)
        assert outside is None
        assert without is None
        for detection in (found, same):
            check_detection(detection, image)
        np.testing.assert_array_equal(found.points, same.points)  # the neighbours in the list change nothing
        assert detector.detect_in(image, []) == []


def frames_keep_the_contract(detector, scenes):
    found = 0
    for image, truth in scenes:
        before = image.copy()
        detections = detector.detect(image)
        np.testing.assert_array_equal(image, before)
        for detection in detections:
            check_detection(detection, image)
        presence = [-detection.presence for detection in detections]
        assert presence == sorted(presence)
        pairs = match_boxes(np.array([t.box for t in truth]), np.array([d.box for d in detections]), 0.3)
        for i, j in pairs:
            found += 1
            size = (truth[i].box[2:] - truth[i].box[:2]).max()
            near = np.linalg.norm(detections[j].points - truth[i].points, axis=1) / size
            assert np.median(near) < 0.15
    assert found >= 6
    assert detector.detect(np.full((120, 160, 3), 127, np.uint8)) == []


def test_sides_are_anatomical_and_a_mirrored_image_swaps_them(mediapipe, scenes):
    right = {"frame": [], "box": []}
    for image, (truth,) in scenes:
        x1, y1, x2, y2 = truth.box
        mirrored = np.array([639 - x2, y1, 639 - x1, y2])
        for picture, box, side in ((image, truth.box, truth.side), (image[:, ::-1], mirrored, OTHER[truth.side])):
            right["frame"] += [found.side == side for found in mediapipe.detect(picture)[:1]]
            right["box"] += [found.side == side for found in mediapipe.detect_in(picture, [Prompt(box)])]
    for way in right.values():
        assert len(way) >= 12
        assert np.mean(way) >= 0.8


def test_points_follow_the_half_pixel_convention(mediapipe, scenes):
    """MediaPipe measures from the corner of the image, we from the centre of its first pixel."""
    image, _ = scenes[0]
    (straight,) = mediapipe._look(image)
    mp = mediapipe._mp
    raw = mediapipe._landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=image))
    first = raw.hand_landmarks[0][0]
    np.testing.assert_allclose(straight[0], [first.x * 640 - 0.5, first.y * 480 - 0.5], atol=1e-9)


def test_the_tasks_api_sees_the_same_hand_through_its_own_graph(mediapipe, scenes):
    """The independent path: another crop, another runtime, the same net; so no shift, turn or mirror between them."""
    offsets, sizes = [], []
    for image, (truth,) in scenes:
        (found,) = mediapipe.detect_in(image, [Prompt(truth.box)])
        for points in mediapipe._look(image)[:1]:
            offsets.append(found.points - points)
            sizes.append((truth.box[2:] - truth.box[:2]).max())
    relative = np.linalg.norm(offsets, axis=2) / np.array(sizes)[:, None]
    assert len(offsets) >= 6
    assert np.median(relative) < 0.04
    assert (np.abs(np.mean(offsets, axis=(0, 1))) < 0.02 * np.mean(sizes)).all()


def test_both_hands_of_a_person(mediapipe):
    for seed in (0, 1, 2):
        image, hands = render(seed, 640, 480, view="ego", n_hands=2)
        for found in (mediapipe.detect_in(image, [Prompt(truth.box) for truth in hands]), mediapipe.detect(image)):
            assert sorted(one.side for one in found) == ["left", "right"]


def test_two_boxes_on_one_hand_give_it_twice_and_no_box_gives_it_once(mediapipe, scenes):
    image, (truth,) = scenes[0]
    shifted = truth.box + np.array([4.0, -3, 4, -3])
    first, second = mediapipe.detect_in(image, [Prompt(truth.box), Prompt(shifted)])
    size = (truth.box[2:] - truth.box[:2]).max()
    assert np.median(np.linalg.norm(first.points - second.points, axis=1)) < 0.05 * size
    assert len(mediapipe.detect(image)) == 1


def test_boxes_of_hands_over_the_border_end_with_the_picture(mediapipe):
    reached = 0
    for seed, shift in ((0, (-0.3, 0.0)), (2, (0.0, -0.3)), (5, (0.3, 0.0))):
        image, (truth,) = render(seed, 640, 480, view="ego", shift=shift)
        assert not truth.exists.all()
        for found in (*mediapipe.detect_in(image, [Prompt(truth.box)]), *mediapipe.detect(image)):
            if found is not None:
                check_detection(found, image)
                grown = box_around(found.points, margin=0.12)
                reached += bool((grown < -0.5).any() or (grown > np.array([639.5, 479.5] * 2)).any())
    assert reached


def test_a_box_without_a_hand_gives_none(mediapipe):
    empty = np.full((200, 200, 3), 90, np.uint8)
    assert mediapipe.detect_in(empty, [Prompt(np.array([40.0, 40, 160, 160]))]) == [None]


def test_options_that_change_results_are_in_the_name_and_bad_ones_are_refused(mediapipe):
    with opened("mediapipe", windows="never", min_confidence=0.25, max_hands=2) as other:
        assert other.name == f"{mediapipe.name},min_confidence=0.25,max_hands=2,windows=never"
    with opened("mediapipe", threads=2) as other:
        assert other.name == mediapipe.name
    for bad in ({"windows": "some"}, {"min_confidence": 1.5}, {"min_confidence": float("nan")}, {"max_hands": 0}):
        with pytest.raises(InputError, match=f"{next(iter(bad))}="):
            open_detector("mediapipe", **bad)


def test_at_most_so_many_hands(mediapipe):
    image, _ = render(0, 640, 480, view="ego", n_hands=2)
    with opened("mediapipe", windows="always", max_hands=1) as one:
        assert len(one.detect(image)) == 1
    assert len(mediapipe.detect(image)) == 2


def test_close_twice_and_an_unknown_name():
    detector = open_detector("mediapipe")
    detector.close()
    detector.close()
    with pytest.raises(InputError, match="no detector 'yolo'; choose one of: mediapipe"):
        open_detector("yolo")


@pytest.mark.parametrize(
    ("module", "library"),
    [("mediapipe.tasks.python", "mediapipe"), ("ai_edge_litert.interpreter", "ai-edge-litert")],
)
def test_a_missing_library_is_named(monkeypatch, module, library):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf'needs {library}, .*pip install "hint-toolkit\[prelabel\]"'):
        open_detector("mediapipe")


def pck(predicted, truth, exists):
    """Share of existing joints within each threshold; unit: longer side of the tight box. Missing counts as wrong."""
    sizes = longer_side(extent_boxes(truth, exists))
    far = distances(predicted, truth, sizes)
    return [pck_tally(far, exists, threshold).micro for threshold in THRESHOLDS]


def from_frame_and_box(detector, pictures, truth, boxes):
    """Points (N, 21, 2) from the whole frame, NaN where no hand overlaps the box by 0.3, and from the boxes."""
    frame, box = np.full(truth.shape, np.nan), np.full(truth.shape, np.nan)
    for k, image in enumerate(pictures):
        found = detector.detect(image)
        for _, j in match_boxes(boxes[k : k + 1], np.array([d.box for d in found]).reshape(-1, 4), 0.3):
            frame[k] = found[j].points
        (prompted,) = detector.detect_in(image, [Prompt(boxes[k])])
        if prompted is not None:
            box[k] = prompted.points
    return frame, box


def test_boxes_find_more_than_frames_on_synthetic_hands():
    scenes = [render(seed, 640, 480, view=("ego", "front", "any")[seed % 3]) for seed in range(12)]
    truth = np.array([hands[0].points for _, hands in scenes])
    exists = np.array([hands[0].exists for _, hands in scenes])
    boxes = np.array([hands[0].box for _, hands in scenes])
    with opened("mediapipe", windows="never") as detector:
        frame, box = from_frame_and_box(detector, [image for image, _ in scenes], truth, boxes)
    assert np.isfinite(box).all()
    assert (np.array(pck(box, truth, exists)) >= [0.45, 0.62, 0.7]).all()
    assert (np.array(pck(box, truth, exists)) > pck(frame, truth, exists)).all()


def hands_with_truth(folder):
    """FreiHAND and OneHand10K samples: pictures, points (N, 21, 2), exists, boxes (N, 4)."""
    pictures, points, exists, boxes = [], [], [], []
    for name in ("freihand", "onehand10k"):
        content = json.loads((folder / name / f"test_{name}.json").read_text())
        files = {image["id"]: image["file_name"] for image in content["images"]}
        for hand in content["annotations"]:
            numbers = np.array(hand["keypoints"], float).reshape(21, 3)
            pictures.append(read_image(folder / name / files[hand["image_id"]]))
            exists.append(numbers[:, 2] > 0)
            points.append(np.where(exists[-1][:, None], numbers[:, :2], np.nan))
            x, y, width, height = hand["bbox"]
            boxes.append([x, y, x + width, y + height])
    return pictures, np.array(points), np.array(exists), np.array(boxes, float)


def test_real_hands_with_truth_from_boxes_beat_the_full_frame(shared_media):
    pictures, truth, exists, boxes = hands_with_truth(shared_media / "open-mmlab__mmpose/tests/data")
    with opened("mediapipe", windows="never") as detector:
        frame, box = from_frame_and_box(detector, pictures, truth, boxes)
    by_frame, by_box = np.array(pck(frame, truth, exists)), np.array(pck(box, truth, exists))
    assert len(pictures) == 12
    assert (by_box >= [0.28, 0.58, 0.75]).all()
    assert (by_box > by_frame).all()


def hands23_prompts(folder):
    """(picture, file name, prompts) of Hands23's examples, with the sides that it gives."""
    for entry in json.loads((folder / "example_result/result.json").read_text())["images"]:
        prompts = [
            Prompt(np.array(hand["hand_bbox"], float), side=hand["hand_side"].split("_")[0], origin="hands23")
            for hand in entry["predictions"]
        ]
        yield read_image(folder / "example_images" / entry["file_name"]), entry["file_name"], prompts


def test_hands23_boxes_sides_and_the_two_bad_hands(mediapipe, shared_media):
    """A hand cut to 25 pixels by the border and one hidden behind a tub: wrong sides, and presence says so."""
    hands = []
    for image, file, prompts in hands23_prompts(shared_media / "EvaCheng-cty__hands23_detector/demo_example"):
        for k, (prompt, found) in enumerate(zip(prompts, mediapipe.detect_in(image, prompts), strict=True)):
            hands.append((file[:7], k, prompt, found))
    assert len(hands) == 11
    bad = {("AR_9Hvb", 0), ("EK_0010", 0)}
    for name, k, prompt, found in hands:
        assert found is not None
        if (name, k) in bad:
            assert found.presence < REVIEW_PRESENCE
        else:
            assert found.side == prompt.side
            (pair,) = match_boxes(prompt.box[None], box_around(found.points)[None], 0.5)
            assert pair == (0, 0)
    sure = [found.side == prompt.side for _, _, prompt, found in hands if found.presence >= REVIEW_PRESENCE]
    assert len(sure) >= 7
    assert all(sure)


def test_real_egocentric_photographs(mediapipe, shared_media):
    found = mediapipe.detect(read_image(shared_media / "geopavlakos__hamer/example_data/test1.jpg"))
    assert len(found) >= 2
