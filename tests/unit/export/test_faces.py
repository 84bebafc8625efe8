"""Faces: real photographs where they are at hand, hand-worked cases everywhere."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export import faces
from hint_toolkit.export.faces import FaceBlur, blurred
from hint_toolkit.io.images import read_image


@pytest.fixture(scope="module")
def blur():
    pytest.importorskip("mediapipe")
    made = FaceBlur()
    yield made
    made.close()


def detail(image):
    """Mean square of the differences between neighbours: what eyes, mouth and skin are made of."""
    grey = image.mean(axis=2)
    return (np.diff(grey, axis=0) ** 2).mean() + (np.diff(grey, axis=1) ** 2).mean()


def portraits(folder):
    """Photographs of one person who shows a hand, 40 of them; a face is found in each."""
    return sorted(p for p in folder.rglob("*.jpg") if len(p.stem) == 36 and p.stem.count("-") == 4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_faces_are_found_and_gone_afterwards(blur, shared_media):
    listed = portraits(shared_media)
    assert len(listed) > 20
    found = 0
    for path in listed[::4]:
        image = read_image(path)
        boxes = blur.faces(image)
        found += bool(boxes)
        changed = blur(image)
        assert changed.shape == image.shape
        outside = np.ones(image.shape[:2], bool)
        for x1, y1, x2, y2 in boxes:
            w, h = x2 - x1, y2 - y1
            inner = np.s_[y1 + (y2 - y1) // 5 : y2 - (y2 - y1) // 5, x1 + (x2 - x1) // 5 : x2 - (x2 - x1) // 5]
            assert detail(changed[inner]) < 0.3 * detail(image[inner])
            outside[max(0, y1 - h // 4) : y2 + h // 4, max(0, x1 - w // 4) : x2 + w // 4] = False
        np.testing.assert_array_equal(changed[outside], image[outside])
    assert found >= 0.9 * len(listed[::4])


def test_hands_are_no_faces(blur, shared_media):
    hands = sorted((shared_media / "open-mmlab__mmpose/tests/data/freihand").glob("*.jpg"))
    assert len(hands) == 8
    for path in hands:
        image = read_image(path)
        assert blur(image) is image


def test_what_is_blurred_holds_no_detail_and_the_rest_is_untouched():
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    out = blurred(image, [(40, 30, 80, 70)])
    np.testing.assert_array_equal(out[:20], image[:20])
    np.testing.assert_array_equal(out[:, :30], image[:, :30])
    assert out[40:60, 50:70].std() < 15 < 60 < image[40:60, 50:70].std()
    assert (blurred(image, [(-30, -30, 10, 10), (115, 95, 300, 300)])[50, 60] == image[50, 60]).all()


def test_a_face_outside_the_picture_changes_nothing():
    image = np.zeros((20, 20, 3), np.uint8)
    np.testing.assert_array_equal(blurred(image, [(200, 200, 240, 240)]), image)


def test_windows_cover_every_pixel_and_small_pictures_are_one_window():
    covered = np.zeros((210, 500), int)
    for x, y, w, h in list(faces._windows(210, 500))[1:]:
        covered[y : y + h, x : x + w] += 1
    assert covered.min() >= 2
    assert list(faces._windows(80, 80)) == [(0, 0, 80, 80)]


def test_missing_or_foreign_models_are_one_line(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="face detectors are not there.*HINT_FACE_MODELS"):
        faces._models(tmp_path)
    for name in faces.MODELS:
        (tmp_path / name).write_bytes(b"not a model")
    monkeypatch.setenv("HINT_FACE_MODELS", str(tmp_path))
    with pytest.raises(InputError, match="sha256"):
        faces._models(None)
