"""Videos of coloured squares, and a detector that sees them: red is a left hand, blue a right one."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hint_toolkit.cli._main import run as cli_run
from hint_toolkit.cli.evaluate import cli
from hint_toolkit.errors import InputError
from hint_toolkit.flows.motion import score_motion
from hint_toolkit.flows.predict_file import PredictOptions
from hint_toolkit.flows.predict_video import VideoOptions, predict_frames, predict_video, video_boxes
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.flows.video_looks import Lookers
from hint_toolkit.flows.video_packing import Held, pack, unpack
from hint_toolkit.io.boxes import read_boxes
from hint_toolkit.io.prediction_rows import read_rows
from hint_toolkit.prelabel import registry
from hint_toolkit.prelabel.base import Detection, Pose3D
from hint_toolkit.synthetic import write_clip
from hint_toolkit.tracking.one_euro import OneEuroRules, smoothed
from hint_toolkit.video.index import index_video
from hint_toolkit.video.reader import read_frames
from hint_toolkit.video.writer import encoding

WIDTH, HEIGHT, SIZE = 160, 96, 24
COLORS = {"left": (230, 20, 20), "right": (20, 20, 230)}
SHAPE = np.random.default_rng(5).uniform(-0.35, 0.35, (21, 2))


def hand(x, y, side, size=SIZE, **more):
    """The hand in a square around a place."""
    box = np.array([x - size / 2, y - size / 2, x + size / 2, y + size / 2])
    points = np.array([x, y]) + size * SHAPE
    return Detection(points, np.full(21, np.nan), box, side, 0.9, 0.8, **more)


class SeesSquares:
    """Finds every red and blue square."""

    name = "squares-1"
    finds_boxes = True

    def __init__(self):
        self.calls, self.asked = [], []

    def detect(self, image):
        self.calls.append("whole")
        return self._all(image)

    def _all(self, image):
        import cv2

        found = []
        for side, channel in (("left", 0), ("right", 2)):
            mask = ((image[:, :, channel] > 150) & (image[:, :, 1] < 100)).astype(np.uint8)
            count, _, stats, centers = cv2.connectedComponentsWithStats(mask)
            for k in range(1, count):
                if stats[k, 4] > SIZE**2 / 3:
                    found.append(hand(*centers[k], side))
        return found

    def detect_in(self, image, prompts):
        self.calls.append("boxes")
        self.asked.append([(np.round(p.box).tolist(), p.side, p.origin) for p in prompts])
        seen = self._all(image)

        def nearest(prompt):
            center = prompt.box.reshape(2, 2).mean(axis=0)
            near = [one for one in seen if np.abs(one.box.reshape(2, 2).mean(axis=0) - center).max() < SIZE]
            return near[0] if near else None

        return [nearest(prompt) for prompt in prompts]

    def close(self):
        pass


class NeedsBoxes(SeesSquares):
    """A model of hands in space that must be told the side and believes it."""

    name = "solid-1"
    finds_boxes = False
    needs_side = True
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 1, 3], [1, 2, 3]])

    def detect_in(self, image, prompts):
        found = super().detect_in(image, prompts)
        return [one and self._solid(one, p.side, image) for one, p in zip(found, prompts, strict=True)]

    @staticmethod
    def _solid(one, side, image):
        focal, depth = 500.0, 1.0
        x, y = (one.box[:2] + one.box[2:]) / 2
        place = np.array([(x - WIDTH / 2) * depth / focal, (y - HEIGHT / 2) * depth / focal, depth])
        joints = np.concatenate([SHAPE * SIZE / focal, np.zeros((21, 1))], axis=1)
        corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.1]]) * SIZE / focal
        pose = Pose3D(joints=joints, vertices=corners, translation=place, focal=focal)
        return replace(one, side=side, presence=np.nan, side_score=np.nan, pose3d=pose)


class TakesMany(SeesSquares):
    """Answers three pictures at once, and says nothing before it has them."""

    name = "many-1"
    finds_boxes = False

    def detect_many(self, asks, *, workers=0):
        waiting = []
        for ask in asks:
            waiting.append(ask)
            if len(waiting) == 3:
                yield from [self.detect_in(one.picture, one.prompts) for one in waiting]
                waiting = []
        yield from [self.detect_in(one.picture, one.prompts) for one in waiting]


def picture(hands):
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for x, y, side in hands:
        left, top = round(x - SIZE / 2), round(y - SIZE / 2)
        image[max(top, 0) : top + SIZE, max(left, 0) : left + SIZE] = COLORS[side]
    return image


def film(path, frames, times=None, rate=30):
    path.parent.mkdir(parents=True, exist_ok=True)
    with encoding(path, WIDTH, HEIGHT, Fraction(rate), timed=times is not None) as write:
        for k, hands in enumerate(frames):
            write(picture(hands)) if times is None else write(picture(hands), times[k])
    return path


def moving(n=24, lost=(10, 11, 12), swapped=()):
    """A left and a right hand that move; the right one is lost for some frames; the left one looks right in some."""
    frames = []
    for k in range(n):
        hands = [(30.0 + k, 40.0 + k, "right" if k in swapped else "left")]
        if k not in lost:
            hands.append((130.0 - k, 30.0 + (k % 2), "right"))
        frames.append(hands)
    return frames


@pytest.fixture
def clip(tmp_path):
    return film(tmp_path / "in/clip_a.mp4", moving())


@pytest.fixture
def run(tmp_path):
    """`run(clip, model, out=.., finder=.., smooth=.., ..)`: predict by open detectors, kept in one folder."""

    def go(video, model=None, out="preds.json", *, overlay=None, with_=(), clip=None, cache="kept", **lookers):
        model = model or SeesSquares()
        options = PredictOptions(
            Recipe("x"), overlay=overlay and tmp_path / overlay, with_=with_, cache=tmp_path / cache
        )
        clip = clip or VideoOptions()
        who = Lookers(
            model,
            solid=bool(with_) or clip.render_meshes,
            vertices=clip.render_meshes or "vertices" in with_,
            **lookers,
        )
        return predict_frames(index_video(video), tmp_path / out, who, options, clip)

    return go


def records(path):
    return json.loads(path.read_text())["predictions"]


def test_every_frame_gets_its_hands_with_place_time_and_track(clip, run, tmp_path):
    report = run(clip)
    found = records(tmp_path / "preds.json")
    assert [r["id"] for r in found[:2]] == ["clip_a_frame00000000_h0_l", "clip_a_frame00000000_h1_r"]
    assert len(found) == report.hands == 24 + 21
    assert report.frames_with == {1: 3, 2: 21}
    assert [(t["side"], t["frames"], t["missing"], t["longest_gap"]) for t in report.tracks] == [
        ("left", 24, 0, 0),
        ("right", 21, 3, 3),
    ]
    for k, hands in enumerate(moving()):
        here = [r for r in found if r["frame_index"] == k]
        assert [(r["video_id"], r["time"], r["side"]) for r in here] == [
            ("clip_a", round(k / 30, 6), side) for *_, side in hands
        ]
        assert [r["track"] for r in here] == [1, 2][: len(hands)]
        for record, (x, y, _) in zip(here, hands, strict=True):
            np.testing.assert_allclose(np.array(record["keypoints"]), [x, y] + SIZE * SHAPE, atol=1.5)
    header = json.loads((tmp_path / "preds.json").read_text())["header"]
    assert header["smoothing"] == "none"
    assert header["video"] == {"name": "clip_a.mp4", "frames": 24, "fps": 30.0}
    assert not (tmp_path / "preds.json.parts").exists()


def test_the_motion_command_scores_the_file_as_it_is(clip, run, tmp_path, capsys):
    run(clip)
    results = score_motion(tmp_path / "preds.json", 30.0)
    assert results["counts"]["tracks"] == 2
    rows = {row["track"]: row for row in results["tracks"]}
    assert (rows["2"]["dropouts"], rows["2"]["longest_dropout"]) == (1, 3)
    assert cli_run(cli, "hint-eval", ["video", "--pred", str(tmp_path / "preds.json"), "--fps", "30"]) == 0
    assert "clip_a" in capsys.readouterr().out


def test_a_parquet_file_tells_the_motion_command_its_tracks(run, tmp_path):
    both_right = [[(30.0 + k, 40.0, "right"), (130.0, 30.0, "right")] for k in range(12)]
    run(film(tmp_path / "in/clip.mp4", both_right), out="preds.parquet")
    assert {row["track"] for row in score_motion(tmp_path / "preds.parquet", 30.0)["tracks"]} == {"1", "2"}


def test_tracks_are_made_of_the_boxes_that_were_found_and_not_of_what_a_poor_model_makes_of_them(clip, run):
    class Poor(NeedsBoxes):
        name = "poor-1"

        def detect_in(self, image, prompts):
            there = super().detect_in(image, prompts)
            return [one and replace(one, box=np.array([0.0, 0, 1, 1]) + len(self.calls)) for one in there]

    assert len(run(clip, Poor(), finder=SeesSquares()).tracks) == 2


def test_a_second_run_asks_nobody_and_writes_the_same(clip, run, tmp_path):
    first, again = SeesSquares(), SeesSquares()
    assert run(clip, first).model_calls == len(first.calls) == 24
    assert run(clip, again, "again.json").model_calls == len(again.calls) == 0
    assert (tmp_path / "preds.json").read_bytes() == (tmp_path / "again.json").read_bytes()


def test_another_model_takes_over_the_boxes_that_are_known(clip, run):
    finder, other = SeesSquares(), SeesSquares()
    assert run(clip, NeedsBoxes(), finder=finder).box_calls == 24
    second = NeedsBoxes()
    second.name = "solid-2"
    report = run(clip, second, "b.json", finder=other)
    assert (report.box_calls, report.model_calls, other.calls) == (0, 24, [])


@pytest.mark.parametrize("every", [1, 4])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(clip, run, tmp_path, every):
    run(clip, out="whole.json", cache="other", box_every=every)

    class Dies(SeesSquares):
        def _all(self, image):
            if len(self.calls) == 10:
                raise KeyboardInterrupt
            return super()._all(image)

    with pytest.raises(KeyboardInterrupt):
        run(clip, Dies(), box_every=every)
    assert not (tmp_path / "preds.json").exists()
    model = SeesSquares()
    assert run(clip, model, box_every=every).model_calls == len(model.calls) == 24 - 9
    assert (tmp_path / "preds.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_between_detections_hands_are_followed_by_their_own_boxes(clip, run, tmp_path):
    model = SeesSquares()
    report = run(clip, model, box_every=4)
    assert model.calls.count("whole") == 6
    assert model.calls.count("boxes") == 18
    assert {origin for asked in model.asked for *_, origin in asked} == {"previous"}
    # The right hand is lost at 10; at 12 the detector looks and does not find it; at 16 it does.
    assert report.tracks[1]["missing"] == 6
    assert [r["frame_index"] for r in records(tmp_path / "preds.json") if r["side"] == "right"] == [
        *range(10),
        *range(16, 24),
    ]


def test_a_followed_hand_that_does_not_look_like_one_is_let_go(run, tmp_path):
    class Unsure(SeesSquares):
        name = "unsure-1"

        def detect_in(self, image, prompts):
            return [one and replace(one, presence=0.3) for one in super().detect_in(image, prompts)]

    clip = film(tmp_path / "in/clip.mp4", moving(8, lost=range(8)))
    model = Unsure()
    run(clip, model, box_every=8)
    assert model.calls == ["whole", "boxes"]  # looked for once, unsure, and not again before the next detection


def test_boxes_between_detections_come_from_a_detector_and_then_from_the_model(clip, run):
    finder, model = SeesSquares(), NeedsBoxes()
    report = run(clip, model, finder=finder, box_every=4)
    assert (report.box_calls, report.model_calls) == (6, 24)
    assert [asked[0][2] for asked in model.asked[:5]] == ["squares-1", "previous", "previous", "previous", "squares-1"]


def write_boxes(path, rows):
    path.write_text("image,x1,y1,x2,y2,side\n" + "\n".join(rows) + "\n")
    return path


def box_rows(frames, stem="clip_a"):
    return [
        f"{stem}_frame{k:08d}.jpg,{x - 12},{y - 12},{x + 12},{y + 12},{side}"
        for k, hands in enumerate(frames)
        for x, y, side in hands
    ]


def test_a_file_of_boxes_is_joined_by_frame(clip, run, tmp_path):
    rows = [row for row in box_rows(moving()) if "frame00000005" not in row]
    known = read_boxes(write_boxes(tmp_path / "boxes.csv", [*rows, "other_frame00000001.jpg,1,1,5,5,left"]))
    boxes, unknown = video_boxes(known, index_video(clip))
    assert (len(boxes), unknown) == (23, ["other_frame00000001"])
    model = NeedsBoxes()
    report = run(clip, model, boxes=boxes, enlarge=1.5)
    assert report.model_calls == 23
    assert report.frames_with == {0: 1, 1: 3, 2: 20}
    assert model.asked[0][0] == ([12.0, 22.0, 48.0, 58.0], "left", "csv")
    assert records(tmp_path / "preds.json")[0]["box"] == [12.0, 22.0, 48.0, 58.0]


def test_boxes_of_another_video_are_refused(clip, tmp_path):
    known = read_boxes(write_boxes(tmp_path / "b.csv", ["clip_a_frame00000099.jpg,1,1,5,5,left"]))
    with pytest.raises(InputError, match="names no frame of this video .*has 24 frames"):
        video_boxes(known, index_video(clip))


def test_a_side_that_swaps_is_outvoted_and_the_model_is_asked_again(run, tmp_path):
    clip = film(tmp_path / "in/clip.mp4", moving(swapped=(7,)))
    model = NeedsBoxes()
    report = run(clip, model, finder=SeesSquares())
    assert report.looked_again == 1
    assert {side for _, side, _ in model.asked[-1]} == {"left", "right"}
    assert [t["side"] for t in report.tracks] == ["left", "right"]
    assert {r["side"] for r in records(tmp_path / "preds.json") if r["track"] == 1} == {"left"}
    # A model that sees the side itself is not asked again; its frame is outvoted.
    report = run(clip, out="own.json")
    assert (report.looked_again, report.tracks[0]["other_side"]) == (0, 1)
    assert {r["side"] for r in records(tmp_path / "own.json") if r["track"] == 1} == {"left"}


def test_smoothing_is_said_and_is_the_filter_over_each_track_in_space_too(clip, run, tmp_path):
    rules = OneEuroRules(0.8, 0.3, 1.0)
    lookers = {"finder": SeesSquares(), "with_": ("3d", "vertices")}
    raw = run(clip, NeedsBoxes(), "raw.parquet", **lookers)
    calm = run(clip, NeedsBoxes(), "calm.parquet", clip=VideoOptions(smooth=rules), **lookers)
    assert (raw.smoothing, calm.smoothing) == ("none", "one-euro(min_cutoff=0.8, beta=0.3, d_cutoff=1)")
    before, after = (list(read_rows(tmp_path / name)) for name in ("raw.parquet", "calm.parquet"))
    for track in (1, 2):
        rows, smooth = ([r for r in rows if r.extra["track"] == track] for rows in (before, after))
        times = np.array([r.extra["time"] for r in rows])
        points = np.array([r.points for r in rows])
        size = float(np.median((points.max(axis=1) - points.min(axis=1)).max(axis=1)))
        want = smoothed(points, times, size, rules)
        np.testing.assert_allclose([r.points for r in smooth], want, atol=1e-3)
        assert np.abs(want - points).max() > 0.1
        joints = rows[0].solid["joints3d"]
        size = float((joints.max(axis=0) - joints.min(axis=0)).max())
        for name in ("translation", "joints3d", "vertices"):
            values = np.array([r.solid[name] for r in rows], float)
            got = np.array([r.solid[name] for r in smooth], float)
            np.testing.assert_allclose(got, smoothed(values, times, size, rules), atol=1e-5)


def test_two_boxes_around_one_hand_give_one_row(clip, run, tmp_path):
    boxes, _ = video_boxes(
        read_boxes(write_boxes(tmp_path / "b.csv", [*box_rows(moving(1)), *box_rows(moving(1))])), index_video(clip)
    )
    report = run(clip, boxes=boxes)
    assert (report.hands, report.duplicates) == (2, 2)
    both = [box_rows([[(30.0, 40.0, side)]])[0] for side in ("left", "right")]
    boxes, _ = video_boxes(read_boxes(write_boxes(tmp_path / "b.csv", both)), index_video(clip))
    report = run(clip, NeedsBoxes(), "b.json", boxes=boxes)  # believes both, and gives the same points twice
    assert (report.hands, report.duplicates) == (1, 1)


def test_short_tracks_are_left_out_on_request_and_counted(run, tmp_path):
    frames = moving(12, lost=())
    frames[6] = [*frames[6], (130.0, 80.0, "left")]
    clip = film(tmp_path / "in/clip.mp4", frames)
    assert run(clip).hands == 25
    from hint_toolkit.tracking.tracks import TrackRules

    report = run(clip, out="b.json", clip=VideoOptions(rules=TrackRules(min_frames=2)))
    assert (report.hands, report.short, report.frames_with) == (24, (1, 1), {2: 12})


def test_many_pictures_at_once_come_back_in_order_with_empty_frames_between(run, tmp_path):
    frames = moving(11, lost=())
    frames[3] = frames[9] = frames[10] = []
    clip = film(tmp_path / "in/clip_a.mp4", frames)
    done = []
    who = Lookers(TakesMany(), finder=SeesSquares())
    options = PredictOptions(Recipe("x"), cache=tmp_path / "kept")
    predict_frames(
        index_video(clip),
        tmp_path / "p.json",
        who,
        options,
        VideoOptions(),
        bars=lambda label: lambda k, n: done.append((label, k, n)),
    )
    assert [r["frame_index"] for r in records(tmp_path / "p.json")] == [k for k in range(11) if frames[k] for _ in "12"]
    assert [k for _, k, _ in done] == sorted(k for _, k, _ in done)
    assert done[-1] == ("predict", 11, 11)


def test_times_of_a_clip_whose_rate_varies_are_kept_in_rows_and_overlay(run, tmp_path):
    times = np.cumsum([0, 0.03, 0.05, 0.02, 0.2, 0.04, 0.03]).tolist()
    clip = film(tmp_path / "in/clip.mp4", moving(7, lost=()), times)
    run(clip, overlay="seen.mp4")
    np.testing.assert_allclose([r["time"] for r in records(tmp_path / "preds.json")][::2], times, atol=1e-4)
    seen = index_video(tmp_path / "seen.mp4")
    np.testing.assert_allclose([seen.time(k) for k in range(7)], times, atol=1e-4)


def damage(path):
    """Overwrite a tenth of the pictures' bytes."""
    data = bytearray(path.read_bytes())
    start = data.find(b"mdat") + 4
    middle = start + (len(data) - start) // 2
    data[middle : middle + 160] = bytes(160)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("every", [1, 3])
def test_damaged_frames_are_named_and_the_others_predicted(run, tmp_path, every):
    clip = damage(film(tmp_path / "in/clip.mp4", moving(24, lost=())))
    report = run(clip, overlay="seen.mp4", box_every=every)
    lost = list(report.damaged)
    assert 0 < len(lost) < 24
    assert f"{len(lost)} of 24 frames cannot be decoded: {lost[0]}" in report.incomplete
    assert {r["frame_index"] for r in records(tmp_path / "preds.json")}.isdisjoint(lost)
    assert sum(report.frames_with.values()) == 24 - len(lost)
    assert index_video(tmp_path / "seen.mp4").count == 24 - len(lost)
    again = SeesSquares()
    assert run(clip, again, "b.json", box_every=every).damaged == report.damaged
    assert again.calls == []


def test_behind_a_damaged_frame_the_hands_before_it_are_followed(clip, run, monkeypatch):
    def one_lost(index, wanted, *, threads=1):
        yield from ((k, "torn" if k == 2 else image) for k, image in read_frames(index, wanted))

    monkeypatch.setattr("hint_toolkit.flows.video_looks.read_frames", one_lost)
    report = run(clip, box_every=6)
    assert report.damaged == {2: "torn"}
    assert (report.tracks[0]["frames"], report.tracks[0]["longest_gap"]) == (23, 1)


def test_the_overlay_shows_every_frame_with_its_hands(clip, run, tmp_path):
    report = run(clip, overlay="seen.mp4")
    assert report.overlay == tmp_path / "seen.mp4"
    before, after = index_video(clip), index_video(tmp_path / "seen.mp4")
    assert after.count == 24
    for (k, plain), (_, drawn) in zip(read_frames(before, range(24)), read_frames(after, range(24)), strict=True):
        changed = np.abs(plain.astype(int) - drawn).max(axis=2) > 60
        for x, y, _ in moving()[k]:
            square = changed[int(y) - 12 : int(y) + 12, int(x) - 12 : int(x) + 12]
            assert square.mean() > 0.1
        assert changed[60:80, 130:].mean() < 0.02  # nobody is there


def test_meshes_are_drawn_where_the_hand_is(clip, run, tmp_path):
    options = VideoOptions(render_meshes=True)
    run(clip, NeedsBoxes(), finder=SeesSquares(), overlay="seen.mp4", clip=options)
    _, drawn = next(iter(read_frames(index_video(tmp_path / "seen.mp4"), [5])))
    x, y, _ = moving()[5][0]
    red, green, blue = drawn[int(y) + 4, int(x) + 4].astype(int)
    assert green > red
    assert blue > red + 20  # the left hand's blue, where the square was red
    with pytest.raises(InputError, match="squares-1 gives no mesh"):
        run(clip, SeesSquares(), "b.json", overlay="seen.mp4", clip=options)


def test_a_model_without_a_hand_in_space_is_refused_at_its_first_hand(clip, run):
    model = SeesSquares()
    with pytest.raises(InputError, match="no hand in space; leave --with"):
        run(clip, model, with_=("3d",))
    assert len(model.calls) == 1


def test_a_model_that_needs_boxes_says_so(clip, run):
    with pytest.raises(InputError, match="solid-1 works from boxes only"):
        run(clip, NeedsBoxes())
    with pytest.raises(InputError, match="solid-1 works from boxes only"):
        run(clip, NeedsBoxes(), finder=NeedsBoxes())
    with pytest.raises(InputError, match="cannot look with box_every 0"):
        run(clip, box_every=0)


def test_one_frame_and_no_hand(run, tmp_path):
    assert run(film(tmp_path / "in/one.mp4", moving(1))).hands == 2
    report = run(film(tmp_path / "in/none.mp4", [[], [], []]), out="none.json", overlay="none.mp4")
    assert (report.hands, report.tracks, report.frames_with, report.longest_gap) == (0, [], {0: 3}, 0)
    assert records(tmp_path / "none.json") == []


def test_what_is_kept_comes_back_bit_by_bit(rng):
    pose = Pose3D(rng.random((21, 3)), rng.random((7, 3)).astype(np.float32).astype(float), rng.random(3), 5000.0)
    one = replace(hand(1 / 3, 2 / 3, "left"), presence=np.nan, pose3d=pose)
    back = unpack(json.loads(__import__("orjson").dumps(pack(one, vertices=True), option=16)))
    for name in ("points", "score", "box", "occlusion"):
        np.testing.assert_array_equal(getattr(back, name), getattr(one, name))
    for name in ("joints", "vertices", "translation", "camera", "rotations", "betas"):
        np.testing.assert_array_equal(getattr(back.pose3d, name), getattr(pose, name))
    assert (back.side, np.isnan(back.presence), back.pose3d.focal) == ("left", True, 5000.0)
    assert unpack(pack(one)).pose3d.vertices.shape == (0, 3)
    assert unpack(pack(None)) is None


def test_while_another_process_keeps_answers_a_run_has_its_own(tmp_path):
    first = Held(tmp_path, "x")
    second = Held(tmp_path, "x")
    second.keep("k", {"a": 1})
    assert ("k" in second, "k" in first) == (True, False)
    first.keep("0" * 32, [1])
    first.close()
    second.close()
    third = Held(tmp_path, "x")
    assert (third["0" * 32], "k" in third) == ([1], False)
    third.close()


@pytest.fixture
def squares(monkeypatch, tmp_path, capsys):
    """The command line with the detectors of this file, and a cache of its own."""
    names = {"squares": f"{__name__}:SeesSquares", "solid": f"{__name__}:NeedsBoxes"}
    monkeypatch.setattr(registry, "DETECTORS", dict(registry.DETECTORS) | names)
    monkeypatch.setattr("hint_toolkit.flows.predict_video.cache_folder", lambda: tmp_path / "cache")

    def call(*words):
        code = cli_run(cli, "hint-eval", ["predict", "--quiet", *map(str, words)])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return call


def test_from_the_command_line(squares, clip, tmp_path):
    out = tmp_path / "p.json"
    done = squares("--model", "squares", "--video", clip, "--out", out, "--smooth", "--overlay", tmp_path / "o.mp4")
    assert done.code == 0, done.err
    assert "45 hands in 24 of 24 frames by squares-1" in done.out
    assert "3 frames with 1 hand, 21 frames with 2 hands; 30 frames a second" in done.out
    assert "2 tracks; the longest gap in one is 3 frames" in done.out
    assert "smoothing: one-euro(min_cutoff=1, beta=3, d_cutoff=5)" in done.out
    told = squares("--model", "squares", "--video", clip, "--out", out, "--json")
    assert json.loads(told.out)["model_calls"] == 0
    boxes = squares("--model", "solid", "--video", clip, "--out", out, "--box-detector", "squares", "--json")
    assert json.loads(boxes.out)["boxes"] == "the detected bbox and side, by the detector's own crop"

    file = write_boxes(tmp_path / "boxes.csv", [*box_rows(moving(3)), "other.jpg,1,1,9,9,left"])
    done = squares("--model", "solid", "--video", clip, "--out", out, "--boxes", file)
    assert (done.code, "6 hands in 3 of 24 frames" in done.out) == (0, True)
    assert "1 pictures of the box file are no frames of this video: other" in done.err
    header = json.loads(out.read_text())["header"]["boxes"]
    assert (header["source"], header["kind"], len(header["sha256"])) == ("file", "csv", 64)


def test_damage_and_no_hand_end_with_3(squares, tmp_path):
    clip = damage(film(tmp_path / "in/clip.mp4", moving(24, lost=())))
    done = squares("--model", "squares", "--video", clip, "--out", tmp_path / "p.json")
    assert done.code == 3
    assert "frames cannot be decoded" in done.err
    done = squares("--model", "squares", "--video", film(tmp_path / "in/b.mp4", [[]]), "--out", tmp_path / "p.json")
    assert (done.code, "no hand in any of 1 frames" in done.err) == (3, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--overlay", "out.avi"], "an overlay is an mp4"),
        (["--render-meshes"], "add --overlay out.mp4"),
        (["--meshes", "folder"], "--meshes is not for videos"),
        (["--limit", "3"], "--limit is not for videos"),
        (["--way", "crop"], "--way is not for videos"),
        (["--boxes", "gt"], "a video has no boxes of its own"),
        (["--boxes", "nothing.csv"], "no such file of boxes"),
        (["--smooth-by", "1,2"], "wants three numbers"),
        (["--smooth-by", "0,1,1"], "a cutoff must be above 0"),
        (["--images", "folder"], "different inputs; give one"),
        (["--out", "preds.txt"], "cannot write .txt"),
    ],
)
def test_calls_that_cannot_work_are_one_line(squares, clip, words, said):
    done = squares("--model", "squares", "--video", clip, *words)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert said in done.err


def test_options_of_videos_are_refused_without_one(squares, tmp_path):
    done = squares("--model", "squares", "--images", tmp_path, "--smooth")
    assert (done.code, "--smooth is for --video only" in done.err) == (2, True)


def test_a_real_corrupted_clip(shared_media, squares, tmp_path):
    clip = shared_media / "dmlc__decord/tests/test_data/corrupted.mp4"
    done = squares("--model", "squares", "--video", clip, "--out", tmp_path / "p.json", "--json")
    assert done.code == 3
    report = json.loads(done.out)
    lost = {str(k): image for k, image in read_frames(index_video(clip), range(50)) if isinstance(image, str)}
    assert (report["frames"], report["damaged"]) == (50, lost)
    assert len(lost) > 20
    assert f"hint-eval: {len(lost)} of 50 frames cannot be decoded: {next(iter(lost))}" in done.err


def test_hands_of_a_synthetic_clip_by_mediapipe(tmp_path):
    path = tmp_path / "hands.mp4"
    truth = write_clip(path, 3, 6, width=480, height=360, pose="open", view="front", n_hands=1, size=0.6)
    options = PredictOptions(Recipe("mediapipe"), boxes="model", cache=tmp_path / "kept")
    report = predict_video(path, tmp_path / "p.json", options)
    found = records(tmp_path / "p.json")
    assert len(found) >= 5
    errors = []
    for record in found:
        (one,) = truth[record["frame_index"]]
        size = (one.box[2:] - one.box[:2]).max()
        errors.append(np.linalg.norm(np.array(record["keypoints"]) - one.points, axis=1).mean() / size)
    assert np.median(errors) < 0.1
    assert len(report.tracks) == 1
    assert score_motion(tmp_path / "p.json", 30.0)["counts"]["tracks"] == 1
    assert Path(report.out).is_file()
