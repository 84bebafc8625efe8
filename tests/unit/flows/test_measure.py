"""The pass over candidates: what is measured, that nothing is measured twice, and that processes change nothing."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows import measure as module
from hint_toolkit.flows import measure_rows
from hint_toolkit.flows.measure import Look, kept, measure
from hint_toolkit.flows.sample_plan import open_clip
from hint_toolkit.io.images import write_jpg
from hint_toolkit.prelabel.base import Detection
from hint_toolkit.sources.base import Clip
from hint_toolkit.video.index import index_video
from hint_toolkit.video.likeness import fingerprint
from hint_toolkit.video.measures import sharpness
from hint_toolkit.video.reader import frame_at
from hint_toolkit.workspace import Workspace


class Counting:
    """A detector that finds a hand in pictures whose first pixel is bright, and counts."""

    name = "counting-1"
    calls = 0

    def detect(self, image):
        Counting.calls += 1
        points = np.random.default_rng(int(image.sum())).uniform(0, 50, (21, 2))
        hand = Detection(points, np.full(21, np.nan), np.zeros(4), "left", float("nan"), 0.75)
        return [hand] if image[0, 0, 0] > 125 else []

    def close(self):
        pass


@pytest.fixture(autouse=True)
def detector(monkeypatch):
    from contextlib import contextmanager

    @contextmanager
    def opened(name):
        assert name == "counting"
        yield Counting()

    monkeypatch.setattr(module, "opened", opened)
    Counting.calls = 0


def look(path, *frames):
    return Look(open_clip(Clip(path.stem, path, path.name)), frames)


def test_every_measure_is_that_of_its_picture(write_video, tmp_path):
    path = write_video("a.mp4", 30)
    seen = measure(Workspace(tmp_path / "ws"), [look(path, 3, 7, 20)], detector="counting")["a"]
    assert seen.frame_index.tolist() == [3, 7, 20]
    np.testing.assert_allclose(seen.time, [0.1, 7 / 30, 2 / 3], atol=1e-3)
    index = index_video(path)
    for row, k in enumerate((3, 7, 20)):
        image = frame_at(index, k)
        assert seen.sharpness[row] == sharpness(image)
        assert (seen.likeness[row] == fingerprint(image)).all()
        there = image[0, 0, 0] > 125
        assert seen.presence[row] == (0.75 if there else 0)
        assert np.linalg.norm(seen.pose[row]) == pytest.approx(1.0 if there else 0.0)
    assert (seen.occlusion >= 0).all()
    assert not seen.lost


def test_nothing_is_measured_twice_and_a_new_clip_alone_is_looked_at(write_video, tmp_path, monkeypatch):
    first, second = write_video("a.mp4", 30), write_video("b.mp4", 40)
    workspace = Workspace(tmp_path / "ws")
    before = measure(workspace, [look(first, 1, 2)], detector="counting")
    assert Counting.calls == 2
    measure(workspace, [look(first, 1, 2)], detector="counting")
    assert Counting.calls == 2
    both = measure(workspace, [look(first, 1, 2), look(second, 5)], detector="counting")
    assert Counting.calls == 3
    assert (both["a"].likeness == before["a"].likeness).all()
    fresh = Workspace(tmp_path / "fresh")
    measure(fresh, [look(first, 1, 2), look(second, 5)], detector="counting")
    assert (fresh.root / module.FILE).read_bytes() == (workspace.root / module.FILE).read_bytes()
    calls = Counting.calls
    assert kept(workspace, [look(first, 1, 2), look(second, 5)], "counting") is not None
    assert kept(workspace, [look(first, 1, 2)], "counting") is None
    assert kept(workspace, [look(first, 1, 2), look(second, 5)], "none") is None
    assert kept(Workspace(tmp_path / "no"), [], "none") is None
    assert Counting.calls == calls
    monkeypatch.setattr(module, "MEASURES_VERSION", 99)
    measure(workspace, [look(first, 1, 2), look(second, 5)], detector="counting")
    assert Counting.calls == calls + 3


def test_a_changed_clip_is_looked_at_again(write_video, tmp_path):
    workspace = Workspace(tmp_path / "ws")
    measure(workspace, [look(write_video("a.mp4", 30), 1)], detector="counting")
    measure(workspace, [look(write_video("a.mp4", 31), 1)], detector="counting")
    assert Counting.calls == 2


def test_without_a_detector_hands_are_unknown_and_not_absent(write_video, tmp_path):
    seen = measure(Workspace(tmp_path / "ws"), [look(write_video("a.mp4", 9), 0, 8)], detector="none")["a"]
    assert np.isnan(seen.presence).all()
    assert np.isnan(seen.occlusion).all()
    assert (seen.pose == 0).all()
    assert Counting.calls == 0


def test_what_does_not_decode_is_named_and_the_rest_is_measured(tmp_path, write_video):
    write_jpg(tmp_path / "p/0.jpg", np.full((20, 20, 3), 9, np.uint8))
    (tmp_path / "p/1.jpg").write_bytes(b"x")
    clip = Clip("p", tmp_path / "p", "p", pictures=(tmp_path / "p/0.jpg", tmp_path / "p/1.jpg"))
    video = look(write_video("a.mp4", 9), 2, 50)
    changed = look(write_video("c.mp4", 9), 1)
    write_video("c.mp4", 19)
    looks = [Look(open_clip(clip), (0, 1, 2)), video, changed]
    seen = measure(Workspace(tmp_path / "ws"), looks, detector="none")
    assert seen["p"].lost == {1: "is not a readable picture", 2: "there are fewer pictures"}
    assert (seen["p"].frame_index.tolist(), seen["a"].frame_index.tolist()) == ([0], [2])
    assert seen["a"].lost == {50: "the file ends before it"}
    assert list(seen["c"].lost) == [1]
    assert len(seen["c"].sharpness) == 0
    assert seen["c"].likeness.shape == (0, 1152)


def test_processes_change_nothing(write_video, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 4)
    looks = [look(write_video("a.mp4", 40), *range(0, 40, 3)), look(write_video("b.mp4", 20), *range(20))]
    steps = []
    alone, many = Workspace(tmp_path / "alone"), Workspace(tmp_path / "many")
    measure(alone, looks, detector="none")
    measure(many, looks, detector="none", workers=3, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(k, 34) for k in range(1, 35)]
    assert (alone.root / module.FILE).read_bytes() == (many.root / module.FILE).read_bytes()


def test_no_such_detector_is_said_before_anything_is_decoded(write_video, tmp_path, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(InputError, match="no detector 'magic'"):
        measure(Workspace(tmp_path / "ws"), [look(write_video("a.mp4", 9), 0)], detector="magic")


@pytest.mark.parametrize(
    ("presence", "side_score", "confidence"), [(0.4, 0.9, 0.4), (np.nan, 0.9, 0.9), (np.nan, np.nan, 1.0), (7, 0, 1)]
)
def test_confidence_is_what_the_detector_says_of_it(presence, side_score, confidence):
    hand = Detection(np.zeros((21, 2)), np.zeros(21), np.zeros(4), "left", presence, side_score)
    assert measure_rows._confidence(hand) == confidence
