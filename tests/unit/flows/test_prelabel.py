"""Pre-labelling: what is asked, what is kept, what becomes a row."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.prelabel import prelabel
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.flows.prelabel_look import packed, unpacked
from hint_toolkit.flows.sample import SampleOptions, make_plan, sample
from hint_toolkit.io.box_entries import KnownBox
from hint_toolkit.io.boxes import KnownBoxes
from hint_toolkit.io.kept import Kept, key_of
from hint_toolkit.io.parquet import frames_to_table, read_table, write_table
from hint_toolkit.models.occlusion.suggest import Suggester
from hint_toolkit.prelabel import registry
from hint_toolkit.prelabel.base import Detection
from hint_toolkit.workspace import Workspace


def hand(x, y, side, presence=0.95):
    points = np.stack([x + 3.0 * np.arange(21) % 17, y + 2.0 * (np.arange(21) // 4)], axis=1)
    box = np.array([x - 5, y - 5, x + 25, y + 25.0])
    return Detection(points, np.full(21, 0.5), box, side, presence, 0.8)


class Fake:
    """Two hands, right one first, in every picture whose first grey value is even; in a box the hand of its middle."""

    finds_boxes = True

    def __init__(self, name="fake-1", stop_at=None, sees=True):
        self.name, self.calls, self.stop_at, self.sees = name, 0, stop_at, sees
        self.asked = []

    def detect(self, image):
        self.calls += 1
        if self.calls == self.stop_at:
            raise KeyboardInterrupt
        if int(image[0, 0, 0]) % 2:
            return []
        right, left = hand(120.0, 40.0, "right"), hand(30.0, 40.0, "left")
        right.points[20] = [120.0, 400.0]
        return [right, left]

    def detect_in(self, image, prompts):
        self.calls += 1
        self.asked.append(list(prompts))
        if not self.sees:
            return [None] * len(prompts)
        return [hand(*((p.box[:2] + p.box[2:]) / 2 - 10), p.side or "right") for p in prompts]

    def close(self):
        pass


@pytest.fixture
def workspace(write_video, tmp_path):
    write_video("in/a.mp4", 80)
    made = Workspace(tmp_path / "ws")
    sample(made, make_plan(SampleOptions(tmp_path / "in", per_video=70, licence="CC0")))
    return made


def known(workspace, boxes, **facts):
    """A box file for the first frames of a workspace: lists of (x1, y1, x2, y2, side, id) a frame."""
    frames = workspace.read_frames()
    hands = {
        frame.id: tuple(KnownBox(np.array(b[:4], float), b[4], 0.9, b[5]) for b in found)
        for frame, found in zip(frames, boxes, strict=False)
    }
    return KnownBoxes(workspace.root / "boxes.json", "csv", key_of(repr(boxes)), hands, **facts)


def test_hands_from_left_to_right_and_an_empty_row_where_none_is(workspace):
    report = prelabel(workspace, Fake())
    hands = workspace.read_prelabels()
    empty = hands.state == "empty"
    assert report.frames == report.calls == 70
    assert report.empty == empty.sum() > 0
    assert report.hands == (~empty).sum() > 0
    assert set(hands.frame_id) == {frame.id for frame in workspace.read_frames()}
    assert np.isnan(hands.points[empty]).all()
    assert not hands.exists[empty].any()
    found = hands.take(~empty)
    assert found.side[:2].tolist() == ["left", "right"]
    assert [i[-3:] for i in found.id[:2]] == ["_h0", "_h1"]
    assert not found.exists[1, 20]
    assert found.exists[:, :20].all()
    assert set(found.licence) == {"CC0"}
    assert set(found.detector) == {"fake-1"}


def test_a_second_run_makes_no_detector_call_and_another_detector_does(workspace):
    prelabel(workspace, Fake())
    before = workspace.prelabels_file.read_bytes()
    again = Fake()
    assert prelabel(workspace, again).calls == again.calls == 0
    assert workspace.prelabels_file.read_bytes() == before
    other = Fake("fake-2")
    prelabel(workspace, other)
    assert other.calls == 70
    back = Fake()
    prelabel(workspace, back)
    assert back.calls == 0
    assert workspace.prelabels_file.read_bytes() == before


def test_only_new_pictures_are_asked_about(workspace):
    frames = workspace.read_frames()
    write_table(workspace.frames_file, frames_to_table(frames[:60]), {})
    prelabel(workspace, Fake())
    write_table(workspace.frames_file, frames_to_table(frames), {})
    more = Fake()
    prelabel(workspace, more)
    assert more.calls == 10
    changed = [replace(frames[0], sha256="0" * 64), *frames[1:]]
    write_table(workspace.frames_file, frames_to_table(changed), {})
    one = Fake()
    prelabel(workspace, one)
    assert one.calls == 1


def test_a_killed_run_goes_on_where_it_stopped(workspace):
    with pytest.raises(KeyboardInterrupt):
        prelabel(workspace, Fake(stop_at=50))
    rest = Fake()
    prelabel(workspace, rest)
    assert rest.calls == 70 - 48  # finished batches of eight
    resumed = workspace.prelabels_file.read_bytes()
    workspace.prelabels_file.unlink()
    for file in workspace.kept_folder.iterdir():
        file.unlink()
    prelabel(workspace, Fake())
    assert workspace.prelabels_file.read_bytes() == resumed


def test_known_boxes_are_asked_about_and_nothing_else(workspace):
    boxes = known(
        workspace, [[(10, 10, 50, 50, "left", ""), (200, 80, 260, 140, "right", "")], [], [(10, 10, 50, 50, "", "")]]
    )
    fake = Fake()
    report = prelabel(workspace, fake, boxes=boxes)
    frames = [frame.id for frame in workspace.read_frames()]
    hands = workspace.read_prelabels()
    of = [hands.take(hands.frame_id == name) for name in frames[:3]]
    assert of[0].side.tolist() == ["left", "right"]
    assert of[2].side.tolist() == ["right"]
    assert [len(prompts) for prompts in fake.asked] == [2, 1]
    assert (report.boxes, report.missed, report.sides) == (3, 0, 0)
    # the second frame is listed without a hand: nobody said that there is one, so the whole frame is looked at
    assert fake.calls == 70
    again = Fake()
    moved = known(workspace, [[(11, 10, 50, 50, "left", ""), (200, 80, 260, 140, "right", "")], [],
                              [(10, 10, 50, 50, "", "")]])  # fmt: skip
    prelabel(workspace, again, boxes=moved)
    assert again.calls == 1


def test_a_box_in_which_nothing_is_seen_stays_a_task(workspace):
    boxes = known(workspace, [[(10, 10, 50, 50, "left", ""), (90, 10, 130, 50, "right", "")]])
    report = prelabel(workspace, Fake(sees=False), boxes=boxes)
    first = workspace.read_prelabels().take(np.arange(2))
    assert report.missed == 2
    assert first.state.tolist() == ["empty", "empty"]
    assert first.box.tolist() == [[10, 10, 50, 50], [90, 10, 130, 50]]
    assert first.side.tolist() == ["left", "right"]
    assert first.frame_id[0] == first.frame_id[1]


def test_a_given_identity_is_kept_and_the_others_get_what_is_free(workspace):
    frame = workspace.read_frames()[0].id
    boxes = known(workspace, [[(200, 10, 240, 50, "left", f"{frame}_h0"), (10, 10, 50, 50, "right", ""),
                               (100, 10, 140, 50, "right", "elsewhere_h3")]])  # fmt: skip
    prelabel(workspace, Fake(), boxes=boxes)
    hands = workspace.read_prelabels()
    first = hands.take(hands.frame_id == frame)
    assert dict(zip(first.id, first.box[:, 0] > 150, strict=True)) == {
        f"{frame}_h1": False, f"{frame}_h2": False, f"{frame}_h0": True}  # fmt: skip


def test_two_boxes_around_one_hand_give_it_once_and_sides_are_compared(workspace):
    class Same(Fake):
        def detect_in(self, image, prompts):
            self.calls += 1
            return [hand(20.0, 20.0, "right") for _ in prompts]

    boxes = known(workspace, [[(10, 10, 50, 50, "left", ""), (12, 10, 52, 50, "left", "")]])
    report = prelabel(workspace, Same(), boxes=boxes)
    hands = workspace.read_prelabels()
    assert (hands.frame_id == workspace.read_frames()[0].id).sum() == 1
    assert report.sides == 1


def test_boxes_of_other_pictures_and_of_other_sizes(workspace):
    frames = workspace.read_frames()
    with pytest.raises(InputError, match="names no frame of this workspace"):
        prelabel(workspace, Fake(), boxes=KnownBoxes(workspace.root / "b.json", "csv", "x", {"other": ()}))
    double = (2 * frames[0].width, 2 * frames[0].height)
    boxes = known(workspace, [[(20, 20, 101, 101, "left", "")]], size=double)
    boxes.hands["strange"] = ()
    fake = Fake()
    report = prelabel(workspace, fake, boxes=boxes)
    assert fake.asked[0][0].box == pytest.approx([9.75, 9.75, 50.25, 50.25])
    assert report.unknown == ("strange",)


def test_carry_finds_what_the_frame_before_had_within_a_second(workspace):
    class Blinks(Fake):
        """Sees a hand in the first frame only; in a box always."""

        def detect(self, image):
            self.calls += 1
            return [hand(60.0, 60.0, "left")] if self.calls == 1 else []

    plain = prelabel(workspace, Blinks("plain"))
    assert plain.hands == 1
    carried = prelabel(workspace, Blinks("carry"), carry=True)
    assert carried.hands == carried.frames
    assert carried.carried == carried.frames - 1
    again = Blinks("carry")
    assert prelabel(workspace, again, carry=True).calls == 0
    assert again.calls == 0
    frames = workspace.read_frames()
    write_table(workspace.frames_file, frames_to_table([replace(f, time=2.0 * k) for k, f in enumerate(frames)]), {})
    late = prelabel(workspace, Blinks("late"), carry=True)
    assert late.hands == 1


def test_low_presence_is_counted_for_review(workspace):
    class Doubtful(Fake):
        def detect(self, image):
            return [hand(30.0, 30.0, "left", presence=0.89), hand(120.0, 30.0, "right", presence=float("nan"))]

    report = prelabel(workspace, Doubtful())
    assert report.review == 70


def test_occlusion_is_suggested_beside_the_points(workspace):
    class Still(Fake):
        def detect(self, image):
            return [hand(30.0, 40.0, "left")]

    head = Suggester.load()
    report = prelabel(workspace, Still(), suggester=head)
    table, facts = read_table(workspace.suggestions_file)
    probability = np.array(table.column("occluded").to_pylist(), float)
    assert probability.shape == (70, 21)
    assert facts["suggester"] == head.name
    hands = workspace.read_prelabels()
    assert (hands.occluded == (head.ticks(probability) & hands.exists)).all()
    assert report.suggested == hands.occluded.sum()
    assert report.suggested > 0
    costly = Suggester(replace(head.head, saves=False, digest="other"))
    assert prelabel(workspace, Still(), suggester=costly).suggested == 0
    assert not workspace.read_prelabels().occluded.any()
    prelabel(workspace, Still())
    assert not workspace.suggestions_file.exists()


def test_detections_survive_packing_bit_by_bit():
    one = hand(1 / 3, 2 / 7, "left", presence=float("nan"))
    one.points[3] = np.nan
    back = unpacked(packed(one))
    for name in ("points", "score", "box", "occlusion"):
        assert np.array_equal(getattr(back, name), getattr(one, name), equal_nan=True)
    assert np.isnan(back.presence)
    assert back.side == "left"
    assert unpacked(packed(None)) is None


def test_what_is_kept_survives_a_torn_line(tmp_path):
    kept = Kept(tmp_path, "a detector")
    kept.keep(key_of("a"), [1.5, None])
    kept.keep(key_of("b"), {"x": "é"})
    kept.close()
    with kept.path.open("ab") as handle:
        handle.write(key_of("c").encode() + b' {"half')
    again = Kept(tmp_path, "a detector")
    assert len(again) == 2
    assert key_of("c") not in again
    again.keep(key_of("c"), 3)
    again.keep(key_of("a"), "never written twice")
    assert (again[key_of("a")], again[key_of("b")], again[key_of("c")]) == ([1.5, None], {"x": "é"}, 3)
    again.close()
    last = Kept(tmp_path, "a detector")
    assert (len(last), last[key_of("c")]) == (3, 3)
    last.close()
    other = Kept(tmp_path, "another detector")
    assert len(other) == 0
    other.close()
    assert key_of("ab", "c") != key_of("a", "bc")


def test_workers_give_the_same_bytes_and_a_detector_is_asked_once(workspace, monkeypatch):
    options = {"windows": "never"}
    with registry.opened("mediapipe", **options) as detector:
        one = prelabel(workspace, detector)
        alone = workspace.prelabels_file.read_bytes()
        for file in workspace.kept_folder.iterdir():
            file.unlink()
        two = prelabel(workspace, detector, workers=2, recipe=Recipe("mediapipe", options))
        assert workspace.prelabels_file.read_bytes() == alone
        assert one.calls == two.calls == 70
        assert prelabel(workspace, detector, workers=2, recipe=Recipe("mediapipe", options)).calls == 0


def test_an_error_in_a_worker_is_one_line_and_what_was_found_is_kept(workspace):
    (workspace.root / workspace.read_frames()[69].path).unlink()
    with registry.opened("mediapipe", windows="never") as detector:
        with pytest.raises(InputError, match=r"a_frame\d+\.jpg: no such picture"):
            prelabel(workspace, detector, workers=2, recipe=Recipe("mediapipe", {"windows": "never"}))
        kept = Kept(workspace.kept_folder, f"detections {detector.name}")
        assert len(kept) >= 8
        kept.close()


def test_a_dead_worker_is_one_line(workspace):
    code = (
        "import sys, os, signal, threading, time\n"
        "from pathlib import Path\n"
        "from hint_toolkit.cli.build import main\n"
        "if __name__ == '__main__':\n"
        "    def kill():\n"
        "        import multiprocessing\n"
        "        while not multiprocessing.active_children(): time.sleep(0.05)\n"
        "        time.sleep(0.2)\n"
        "        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)\n"
        "    threading.Thread(target=kill, daemon=True).start()\n"
        f"    sys.argv = ['x', 'prelabel', '--workspace', {str(workspace.root)!r}, '--workers', '2', '--quiet']\n"
        "    main()\n"
    )
    script = workspace.root / "run.py"
    script.write_text(code)
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 2, run.stderr
    assert run.stderr.count("\n") == 1
    assert "one of 2 detecting processes died" in run.stderr


def alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_leaves_no_process(workspace):
    words = ["prelabel", "--workspace", str(workspace.root), "--workers", "2", "--quiet"]
    command = [sys.executable, "-c", "from hint_toolkit.cli.build import main; main()", *words]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    end = time.monotonic() + 60
    while time.monotonic() < end and not any(f.stat().st_size for f in workspace.root.glob("kept/*.jsonl")):
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode != 0
    while alive(run.pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(run.pid)


def test_a_missing_picture_is_named(workspace):
    (workspace.root / workspace.read_frames()[0].path).unlink()
    with pytest.raises(InputError, match=r"a_frame\d+\.jpg: no such picture"):
        prelabel(workspace, Fake())


def test_without_frames_the_command_is_named(tmp_path):
    with pytest.raises(InputError, match="no frames have been sampled.*hint-build sample"):
        prelabel(Workspace(tmp_path), Fake())
