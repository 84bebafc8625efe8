"""Pre-labelling: what is asked, what is kept, what becomes a row."""

import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.prelabel import prelabel
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.flows.prelabel_look import look, look_key, packed, unpacked
from hint_toolkit.flows.sample import SampleOptions, make_plan, sample
from hint_toolkit.io.box_entries import KnownBox
from hint_toolkit.io.boxes import KnownBoxes
from hint_toolkit.io.kept import key_of
from hint_toolkit.io.parquet import frames_to_table, read_table, write_table
from hint_toolkit.models.occlusion.suggest import Suggester
from hint_toolkit.prelabel.base import Detection, Prompt
from hint_toolkit.workspace import Workspace
from tests.conftest import make_video


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


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sampled")
    make_video(folder, "in/a.mp4", 80)
    made = Workspace(folder / "ws")
    sample(made, make_plan(SampleOptions(folder / "in", per_video=70, licence="CC0")))
    return made


@pytest.fixture
def workspace(sampled, tmp_path):
    return Workspace(shutil.copytree(sampled.root, tmp_path / "ws"))


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
    second = prelabel(workspace, again)
    assert second.calls == again.calls == 0
    assert second.cached == len({frame.sha256 for frame in workspace.read_frames()})
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
    assert rest.calls == 70 - 49  # every answer is kept as soon as it is there
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


def test_carried_hands_are_asked_about_once_in_workers_too(workspace, monkeypatch):
    class Blinks(Fake):
        def detect(self, image):
            self.calls += 1
            return [hand(60.0, 60.0, "left")] if self.calls == 1 else []

    def crew(jobs, recipe, workers):
        """Like the processes: a job and what it knows are copied, results come back in one piece."""
        for job in jobs:
            handed.append(pickle.loads(pickle.dumps(job)))
            yield list(look(handed[-1], fake))

    monkeypatch.setattr("hint_toolkit.flows.prelabel_run.crew_look", crew)
    frames = workspace.read_frames()
    handed, fake = [], Blinks()
    write_table(workspace.frames_file, frames_to_table(frames[:69]), {})
    first = prelabel(workspace, fake, carry=True, workers=2, recipe=Recipe("x"))
    assert (first.calls, first.cached, first.hands, first.carried) == (69 + 68, 0, 69, 68)
    assert [len(job.sights) for job in handed] == [8] * 8 + [5, 69]  # all frames by themselves, then the clip
    write_table(workspace.frames_file, frames_to_table(frames), {})
    handed, fake.calls = [], 1
    assert prelabel(workspace, fake, carry=True, workers=2, recipe=Recipe("x")).calls == 2
    workers = workspace.prelabels_file.read_bytes()
    fake.calls = 1
    assert prelabel(workspace, fake, carry=True).calls == 0
    assert workspace.prelabels_file.read_bytes() == workers


def test_a_killed_run_with_carry_keeps_every_answer(workspace):
    class Blinks(Fake):
        def detect(self, image):
            super().detect(image)
            return [hand(60.0, 60.0, "left")] if self.calls == 1 else []

        def detect_in(self, image, prompts):
            if self.calls + 1 == self.stop_at:
                raise KeyboardInterrupt
            return super().detect_in(image, prompts)

    with pytest.raises(KeyboardInterrupt):
        prelabel(workspace, Blinks(stop_at=100), carry=True)
    rest = prelabel(workspace, Blinks(), carry=True)
    assert (rest.calls, rest.cached) == (70 + 69 - 99, 99)
    assert rest.hands == 70


def test_carry_wants_some_confidence(workspace):
    def fitted(name, **facts):
        facts = {"presence": float("nan")} | facts

        class Fitted(Fake):
            def detect(self, image):
                self.calls += 1
                return [hand(60.0, 60.0, "left")] if self.calls == 1 else []

            def detect_in(self, image, prompts):
                return [replace(hand(60.0, 60.0, "left"), **facts) for _ in prompts]

        return Fitted(name)

    assert prelabel(workspace, fitted("none", score=np.full(21, np.nan)), carry=True).carried == 0
    assert prelabel(workspace, fitted("joints"), carry=True).carried == 69
    assert prelabel(workspace, fitted("doubt", presence=0.49), carry=True).carried == 0
    assert prelabel(workspace, fitted("sure", presence=0.5), carry=True).carried == 69


def test_a_side_that_only_the_box_knows_is_kept(workspace):
    class Sideless(Fake):
        def detect_in(self, image, prompts):
            return [replace(one, side="") for one in super().detect_in(image, prompts)]

    boxes = known(workspace, [[(10, 10, 50, 50, "left", ""), (200, 80, 260, 140, "", "")]])
    report = prelabel(workspace, Sideless(), boxes=boxes)
    assert workspace.read_prelabels().side[:2].tolist() == ["left", "right"]
    assert report.sides == 0


def test_a_detector_that_needs_boxes(workspace):
    class BoxesOnly(Fake):
        finds_boxes = False

        def detect(self, image):
            raise AssertionError

    with pytest.raises(InputError, match="fake-1 finds no hands, .*--boxes"):
        prelabel(workspace, BoxesOnly())
    boxes = known(workspace, [[(10, 10, 50, 50, "left", "")], [(10, 10, 50, 50, "left", "")], []])
    report = prelabel(workspace, BoxesOnly(), boxes=boxes)
    assert (report.calls, report.hands, report.unasked, report.empty) == (2, 2, 68, 68)


def test_low_presence_is_counted_for_review(workspace):
    class Doubtful(Fake):
        def detect(self, image):
            return [hand(30.0, 30.0, "left", presence=0.89), hand(120.0, 30.0, "right", presence=float("nan"))]

    report = prelabel(workspace, Doubtful())
    assert (report.review, report.review_below) == (70, 0.9)
    assert prelabel(workspace, Doubtful(), review_below=0.89).review == 0


def test_occlusion_is_suggested_beside_the_points(workspace):
    class Still(Fake):
        def detect(self, image):
            return [hand(30.0, 40.0, "left")]

    write_table(workspace.frames_file, frames_to_table(workspace.read_frames()[:10]), {})
    head = Suggester.load()
    report = prelabel(workspace, Still(), suggester=head)
    table, facts = read_table(workspace.suggestions_file)
    probability = np.array(table.column("occluded").to_pylist(), float)
    assert probability.shape == (10, 21)
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


@pytest.mark.parametrize("change", [{"side": "left"}, {"id": "a_h0"}, {"origin": "person"}, {"box": np.ones(4)}])
def test_a_look_is_known_by_all_that_a_detector_may_use(change):
    prompt = Prompt(np.zeros(4), "right", 0.5, "csv", "")
    assert look_key("d", [prompt]) != look_key("d", [replace(prompt, **change)])
    assert look_key("d", [prompt]) == look_key("d", [replace(prompt, score=0.9)])
    assert look_key("d", [prompt]) != look_key("e", [prompt])
    assert look_key("d", [prompt]) != look_key("d", [])


def test_detections_survive_packing_bit_by_bit():
    one = hand(1 / 3, 2 / 7, "left", presence=float("nan"))
    one.points[3] = np.nan
    back = unpacked(packed(one))
    for name in ("points", "score", "box", "occlusion"):
        assert np.array_equal(getattr(back, name), getattr(one, name), equal_nan=True)
    assert np.isnan(back.presence)
    assert back.side == "left"
    assert unpacked(packed(None)) is None


def test_a_missing_picture_is_named(workspace):
    (workspace.root / workspace.read_frames()[0].path).unlink()
    with pytest.raises(InputError, match=r"a_frame\d+\.jpg: no such picture"):
        prelabel(workspace, Fake())


def test_without_frames_the_command_is_named(tmp_path):
    with pytest.raises(InputError, match="no frames have been sampled.*hint-build sample"):
        prelabel(Workspace(tmp_path), Fake())
