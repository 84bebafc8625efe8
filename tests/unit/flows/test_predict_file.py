"""Predictions of datasets and pictures into files, by small detectors of the tests' own and by MediaPipe."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows import predict_boxes, predict_run
from hint_toolkit.flows.predict import predict
from hint_toolkit.flows.predict_file import PredictOptions, predict_dataset, predict_images
from hint_toolkit.flows.predict_run import Meshes
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.flows.prelabel_look import look
from hint_toolkit.io import prediction_parts
from hint_toolkit.io.images import read_image, write_jpg
from hint_toolkit.io.prediction_rows import read_poses
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.io.release import Truth
from hint_toolkit.prelabel import registry
from hint_toolkit.prelabel.base import Detection, Pose3D
from hint_toolkit.records import Hand, Hands
from hint_toolkit.synthetic import render

NAN = float("nan")


def inside(box, presence=0.75, side="left", **more):
    """A hand whose joints lie on the diagonal of a box."""
    points = np.linspace(box[:2], box[2:], 21)
    return Detection(points, np.full(21, 0.5), np.asarray(box, float), side, presence, NAN, **more)


class Tiny:
    """Fills boxes; sees nothing where a box begins left of the picture. Gives hands in space with 9 vertices."""

    name, finds_boxes, faces = "tiny-1", False, np.arange(9).reshape(3, 3)
    facts = MappingProxyType({"checkpoint": "abc"})
    calls = 0

    def __init__(self, *, pause: float = 0.0, needs: bool = False):
        self.pause, self.needs_side = pause, needs

    def detect_in(self, image, prompts):
        Tiny.calls += 1
        time.sleep(self.pause)
        return [
            None if p.box[0] < 0 else inside(p.box, pose3d=self.pose(p.box), side=p.side or "left") for p in prompts
        ]

    def pose(self, box):
        joints = np.linspace(0, 0.1, 63).reshape(21, 3) + box[0]
        return Pose3D(joints, np.full((9, 3), box[1]), np.array([0, 0, 1.0]), 500.0)

    def close(self):
        pass


class Finder(Tiny):
    """Finds one hand for each block of white pixels, from left to right."""

    name, finds_boxes = "finder-1", True
    looked = 0

    def __init__(self, *, side: str = "right"):
        super().__init__()
        self.side = side
        self.name = f"finder-1,side={side}"

    def detect(self, image):
        Finder.looked += 1
        ys, xs = np.nonzero((image > 200).all(axis=2))
        blocks = sorted({(int(x) // 60, int(y) // 60) for y, x in zip(ys, xs, strict=True)})
        return [inside([60.0 * x + 10, 60 * y + 10, 60 * x + 50, 60 * y + 50], side=self.side) for x, y in blocks][::-1]


@pytest.fixture(autouse=True)
def tiny_detectors(monkeypatch):
    own = {name: f"{__name__}:{cls.__name__}" for name, cls in (("tiny", Tiny), ("finder", Finder))}
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or __import__(__name__))
    monkeypatch.setattr(registry, "DETECTORS", {**registry.DETECTORS, **own})
    Tiny.calls = Finder.looked = 0


def picture(path, *blocks):
    image = np.zeros((180, 240, 3), np.uint8)
    for x, y in blocks:
        image[60 * y + 20 : 60 * y + 40, 60 * x + 20 : 60 * x + 40] = 255
    path.parent.mkdir(exist_ok=True, parents=True)
    write_jpg(path, image)


@pytest.fixture
def photos(tmp_path):
    picture(tmp_path / "photos/a.jpg", (0, 0), (2, 1))
    picture(tmp_path / "photos/b.jpg")
    picture(tmp_path / "photos/c.jpg", (3, 2))
    return tmp_path / "photos"


def options(tmp_path, model="tiny", given=None, **more):
    return PredictOptions(Recipe(model, given or {}), cache=tmp_path / "cache", **more)


@pytest.fixture
def truth(tmp_path, make_hands):
    """Three pictures: two hands in the first, one in each of the others; the last one's box begins outside."""
    hands = make_hands(4)
    for name in ("0", "1", "2"):
        write_jpg(tmp_path / f"gt/{name}.jpg", np.full((480, 640, 3), 90, np.uint8))
    box = np.array([[10.0, 20, 110, 90], [300, 200, 400, 300], [200, 20, 260, 80], [-5, 20, 60, 80]])
    hands = hands.replace(box=box, image=["0.jpg", "0.jpg", "1.jpg", "2.jpg"], frame_id=["0", "0", "1", "2"])
    return Truth(hands, tmp_path / "gt", tmp_path / "gt", "version-1", format="Parquet")


def test_a_dataset_from_its_own_boxes(tmp_path, truth):
    report = predict_dataset(truth, tmp_path / "p.json", options(tmp_path))
    assert (report.hands, report.found, report.unboxed, report.pictures, report.resumed) == (4, 3, 0, 3, 0)
    assert Tiny.calls == 3
    read = read_predictions(tmp_path / "p.json")
    assert read.ids == truth.hands.id.tolist()
    np.testing.assert_allclose(read.points[1], np.linspace([300, 200], [400, 300], 21))
    assert np.isnan(read.points[3]).all()
    assert read.side == ["left", "right", "left", ""]
    records = json.loads((tmp_path / "p.json").read_text())["predictions"]
    assert records[0]["box"] == [10.0, 20.0, 110.0, 90.0]
    assert records[0]["presence"] == 0.75
    assert set(records[3]) == {"id", "keypoints", "box"}
    assert read.header == {
        "method": "tiny-1", "detector": "tiny-1", "checkpoint": "abc", "joint_order": "hint",
        "input_crop": "the given bbox and side, by the detector's own crop",
        "boxes": {"source": "gt", "enlarge": 1.0}, "options": {}, "with": [], "limit": None,
        "dataset": {"version": "version-1", "format": "Parquet", "hands": 4}, "toolkit": read.header["toolkit"],
    }  # fmt: skip


@pytest.mark.parametrize("way", ["box", "crop"])
def test_the_file_says_what_predicting_in_memory_says(tmp_path, way):
    image, found = render(5, 640, 480, view="ego")
    write_jpg(tmp_path / "a.jpg", image)
    rows = [
        Hand(id=f"a_h{k}", frame_id="a", points=hand.points, exists=np.ones(21, bool), occluded=np.zeros(21, bool),
             box=hand.box, side=hand.side, image="a.jpg", width=640, height=480)
        for k, hand in enumerate(found)
    ]  # fmt: skip
    truth = Truth(Hands.of(rows), tmp_path, tmp_path, "v")
    predict_dataset(truth, tmp_path / "p.parquet", options(tmp_path, "mediapipe", way=way))
    read = read_predictions(tmp_path / "p.parquet")
    with registry.opened("mediapipe") as detector:
        wanted, _ = predict(truth, detector, way=way)
    np.testing.assert_array_equal(read.points, wanted.points)
    assert (read.ids, read.side) == (wanted.ids, wanted.side)
    assert {k: v for k, v in read.header.items() if k in wanted.header} == wanted.header


def test_a_box_is_grown_before_the_model_sees_it_and_the_file_says_so(tmp_path, truth):
    predict_dataset(truth, tmp_path / "p.json", options(tmp_path, enlarge=1.5, limit=2))
    record = json.loads((tmp_path / "p.json").read_text())
    assert record["header"]["boxes"] == {"source": "gt", "enlarge": 1.5}
    assert record["header"]["limit"] == 2
    assert len(record["predictions"]) == 2
    assert record["predictions"][1]["box"] == [275.0, 175.0, 425.0, 325.0]
    assert record["predictions"][1]["keypoints"][0] == [275.0, 175.0]


def test_a_dataset_with_the_boxes_of_a_detector(tmp_path, make_hands):
    picture(tmp_path / "gt/0.jpg", (0, 0), (2, 1))
    picture(tmp_path / "gt/1.jpg")
    hands = make_hands(3)
    box = np.array([[130.0, 75, 175, 115], [5, 8, 50, 45], [10, 10, 50, 50]])
    hands = hands.replace(box=box, image=["0.jpg", "0.jpg", "1.jpg"], width=np.full(3, 240), height=np.full(3, 180))
    truth = Truth(hands, tmp_path / "gt", tmp_path / "gt", "v")
    wanted = options(tmp_path, boxes="detector", box_detector=Recipe("finder", {}))
    report = predict_dataset(truth, tmp_path / "p.json", wanted)
    assert (report.hands, report.found, report.unboxed, report.box_calls, report.box_known) == (3, 2, 1, 2, 0)
    records = json.loads((tmp_path / "p.json").read_text())["predictions"]
    assert [r["id"] for r in records] == hands.id.tolist()
    assert [r.get("box") for r in records] == [[130.0, 70.0, 170.0, 110.0], [10.0, 10.0, 50.0, 50.0], None]
    assert [r["keypoints"] is None for r in records] == [False, False, True]
    assert records[0]["side"] == "right"  # the detector's, not the dataset's
    header = read_predictions(tmp_path / "p.json").header
    assert header["boxes"] == {"source": "detector", "detector": "finder-1,side=right", "enlarge": 1.0}
    again = predict_dataset(truth, tmp_path / "again.json", wanted)
    assert (again.box_calls, again.box_known, Finder.looked) == (0, 2, 2)
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "p.json").read_bytes()
    predict_dataset(truth, tmp_path / "p.json", replace(wanted, box_detector=Recipe("finder", {"side": "left"})))
    assert Finder.looked == 4  # another detector: another answer


def test_a_dataset_with_the_boxes_of_a_file(tmp_path, truth):
    csv = tmp_path / "boxes.csv"
    csv.write_text("image,x1,y1,x2,y2,side\n0.jpg,12,22,112,92,right\n2.jpg,300,300,310,310,left\n9.jpg,1,1,9,9,left\n")
    report = predict_dataset(truth, tmp_path / "p.json", options(tmp_path, boxes=csv))
    assert (report.found, report.unboxed, report.unknown) == (1, 3, ["9"])
    header = read_predictions(tmp_path / "p.json").header
    assert header["boxes"]["kind"] == "csv"
    assert len(header["boxes"]["sha256"]) == 64
    csv.write_text("image,x1,y1,x2,y2\nx.jpg,12,22,112,92\n")
    with pytest.raises(InputError, match="names none of these pictures"):
        predict_dataset(truth, tmp_path / "p.json", options(tmp_path, boxes=csv))


def test_pictures_of_a_folder(tmp_path, photos):
    wanted = options(tmp_path, boxes="detector", box_detector=Recipe("finder", {}))
    report = predict_images([str(photos)], tmp_path / "p.json", wanted)
    assert (report.hands, report.found, report.empty, report.box_calls) == (3, 3, ["b.jpg"], 3)
    records = json.loads((tmp_path / "p.json").read_text())["predictions"]
    assert [(r["id"], r["image"], r["box"][0], r["box_score"]) for r in records] == [
        ("a_h0", "a.jpg", 10.0, 0.75), ("a_h1", "a.jpg", 130.0, 0.75), ("c_h0", "c.jpg", 190.0, 0.75),
    ]  # fmt: skip
    assert predict_images([str(photos)], tmp_path / "p.json", wanted).box_calls == 0
    assert [r.pictures for r in [predict_images([str(photos)], tmp_path / "q.json", replace(wanted, limit=1))]] == [1]


def test_the_overlay_shows_every_picture_and_a_sheet(tmp_path, photos):
    wanted = options(tmp_path, boxes="detector", box_detector=Recipe("finder", {}), overlay=tmp_path / "look")
    predict_images([str(photos)], tmp_path / "p.json", wanted)
    assert sorted(p.name for p in (tmp_path / "look").iterdir()) == ["a.jpg", "b.jpg", "c.jpg", "contact_sheet.jpg"]
    plain, drawn = read_image(photos / "a.jpg").astype(int), read_image(tmp_path / "look/a.jpg").astype(int)
    changed = np.abs(plain - drawn).max(axis=2) > 60
    assert changed[12:50, 12:50].any()
    assert changed[72:110, 132:170].any()
    assert not changed[:, 180:].any()
    assert np.abs(read_image(photos / "b.jpg").astype(int) - read_image(tmp_path / "look/b.jpg")).max() < 10
    assert read_image(tmp_path / "look/contact_sheet.jpg").shape == (180, 3 * 244 - 4, 3)


def test_the_hand_in_space(tmp_path, truth, monkeypatch):
    wanted = options(tmp_path, with_=("3d", "vertices"), meshes=Meshes(tmp_path / "meshes", "ply"))
    predict_dataset(truth, tmp_path / "p.parquet", wanted)
    poses = read_poses(tmp_path / "p.parquet", vertices=True)
    np.testing.assert_array_equal(poses.joints[1], np.linspace(0, 0.1, 63).reshape(21, 3) + 300)
    np.testing.assert_array_equal(poses.vertices[1], np.full((9, 3), 200))
    assert poses.focal[:3].tolist() == [500.0] * 3
    assert np.isnan(poses.focal[3])
    assert np.isnan(poses.camera).all()
    assert len(list((tmp_path / "meshes").rglob("*.ply"))) == 3
    with pytest.raises(InputError, match="JSON cannot hold the vertices"):
        predict_dataset(truth, tmp_path / "p.json", wanted)
    monkeypatch.setattr(Finder, "pose", lambda self, box: None)
    with pytest.raises(InputError, match="finder gives points in the picture and no hand in space"):
        predict_dataset(truth, tmp_path / "q.parquet", options(tmp_path, "finder", with_=("3d",)))


def test_what_cannot_be_predicted_is_one_line(tmp_path, truth, photos):
    def refused(message, call, *arguments):
        with pytest.raises(InputError, match=message) as error:
            call(*arguments)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "p.json").exists()

    out, hands = tmp_path / "p.json", truth.hands
    refused("pictures have no boxes of their own", predict_images, [str(photos)], out, options(tmp_path))
    refused("no way 'corp'", predict_dataset, truth, out, options(tmp_path, way="corp"))
    refused("an overlay is made of pictures", predict_dataset, truth, out, options(tmp_path, overlay=tmp_path))
    refused("holds no hands", predict_dataset, replace(truth, hands=hands[:0]), out, options(tmp_path))
    small = replace(truth, hands=hands.replace(width=np.full(4, 320)))
    refused("is 640 x 480 pixels, the dataset says 320 x 480", predict_dataset, small, out, options(tmp_path))
    without = replace(truth, hands=hands.replace(image=["0.jpg", "", "1.jpg", "2.jpg"]))
    refused(r"no picture is named\) is not there", predict_dataset, without, out, options(tmp_path))
    refused("tiny finds no hands by itself", predict_images, [str(photos)], out,
            options(tmp_path, boxes="detector", box_detector=Recipe("tiny", {})))  # fmt: skip
    refused("tiny has no option crop; its options: pause, needs", predict_dataset, truth, out,
            options(tmp_path, given={"crop": "demo"}))  # fmt: skip
    (tmp_path / "boxes.csv").write_text("image,x1,y1,x2,y2\na.jpg,1,2,30,40\n")
    refused("1 of 1 boxes do not say left or right: a_h0", predict_images, [str(photos)], out,
            options(tmp_path, given={"needs": True}, boxes=tmp_path / "boxes.csv"))  # fmt: skip


def test_a_picture_that_breaks_in_the_middle_keeps_what_was_done(tmp_path, truth, monkeypatch):
    monkeypatch.setattr(prediction_parts, "PART_ROWS", 2)
    path = tmp_path / "gt/1.jpg"
    good = path.read_bytes()
    path.write_bytes(good[:300] + bytes(len(good) - 302) + good[-2:])  # size and end are there, the middle is not
    with pytest.raises(InputError, match=r"1\.jpg: is not a readable picture"):
        predict_dataset(truth, tmp_path / "p.json", options(tmp_path))
    path.write_bytes(good)
    Tiny.calls = 0
    report = predict_dataset(truth, tmp_path / "p.json", options(tmp_path))
    assert (report.resumed, report.hands, report.found, Tiny.calls) == (2, 4, 3, 2)


def test_a_picture_that_changed_since_is_looked_at_again(tmp_path, truth, monkeypatch):
    monkeypatch.setattr(prediction_parts, "PART_ROWS", 1)
    finish = prediction_parts.PredictionParts.finish
    monkeypatch.setattr(prediction_parts.PredictionParts, "finish", lambda self: None)
    predict_dataset(truth, tmp_path / "p.json", options(tmp_path))
    monkeypatch.setattr(prediction_parts.PredictionParts, "finish", finish)
    write_jpg(tmp_path / "gt/1.jpg", np.full((480, 640, 3), 91, np.uint8))
    report = predict_dataset(truth, tmp_path / "p.json", options(tmp_path))
    assert (report.resumed, report.hands, report.others) == (2, 4, False)


def test_a_run_that_ended_within_a_picture_goes_on_within_it(tmp_path, truth, monkeypatch):
    monkeypatch.setattr(prediction_parts, "PART_ROWS", 1)
    predict_dataset(truth, tmp_path / "whole.json", options(tmp_path))
    finish = prediction_parts.PredictionParts.finish
    monkeypatch.setattr(prediction_parts.PredictionParts, "finish", lambda self: None)
    predict_dataset(truth, tmp_path / "p.json", options(tmp_path))
    monkeypatch.setattr(prediction_parts.PredictionParts, "finish", finish)
    for part in sorted((tmp_path / "p.json.parts").glob("*/*.parquet"))[1:]:
        part.unlink()
    Tiny.calls = 0
    report = predict_dataset(truth, tmp_path / "p.json", options(tmp_path))
    assert (report.resumed, report.hands, report.found, Tiny.calls) == (1, 4, 3, 3)
    assert (tmp_path / "p.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_other_options_do_not_go_on_where_a_run_was(tmp_path, truth, monkeypatch):
    monkeypatch.setattr(prediction_parts, "PART_ROWS", 1)
    finish = prediction_parts.PredictionParts.finish
    monkeypatch.setattr(prediction_parts.PredictionParts, "finish", lambda self: None)
    predict_dataset(truth, tmp_path / "p.json", options(tmp_path))
    monkeypatch.setattr(prediction_parts.PredictionParts, "finish", finish)
    other = predict_dataset(truth, tmp_path / "p.json", options(tmp_path, enlarge=2))
    assert (other.resumed, other.others) == (0, True)
    assert predict_dataset(truth, tmp_path / "p.json", options(tmp_path)).resumed == 4


SLOW = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from hint_toolkit.flows.predict_file import PredictOptions, predict_images
from hint_toolkit.flows.prelabel_crew import Recipe
from hint_toolkit.io import prediction_parts
from hint_toolkit.prelabel import registry
registry.DETECTORS = {{"tiny": "tests.unit.flows.test_predict_file:Tiny"}}
if "--slow" in sys.argv:
    import time
    from hint_toolkit.prelabel.base import Ask
    image = Ask.image
    Ask.image = lambda self: time.sleep(0.1) or image(self)
prediction_parts.PART_ROWS = 4
folder = Path({folder!r})
options = PredictOptions(Recipe("tiny", {{"pause": {pause}}}), boxes=folder / "boxes.csv", with_=("3d", "vertices"))
report = predict_images([str(folder / "photos")], folder / sys.argv[1], options)
print(report.resumed)
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(tmp_path, photos, monkeypatch):
    lines = ["image,x1,y1,x2,y2,side"]
    for k in range(20):
        (photos / f"{k:02d}.jpg").write_bytes((photos / "a.jpg").read_bytes())
        lines += [f"{k:02d}.jpg,{k},{j},{k + 20},{j + 9},left" for j in range(3)]
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    script = SLOW.format(root=str(Path(__file__).parents[3]), folder=str(tmp_path), pause=0.0001)
    code = [sys.executable, "-c", script]
    run = subprocess.Popen([*code, "p.parquet", "--slow"])
    last = time.monotonic() + 60
    while time.monotonic() < last and len(list(tmp_path.glob("p.parquet.parts/*/[0-9]*.parquet"))) < 3:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert not (tmp_path / "p.parquet").exists()
    again = subprocess.run([*code, "p.parquet"], check=True, capture_output=True, text=True)
    resumed = int(again.stdout)
    assert 12 <= resumed < 60
    assert resumed % 4 == 0
    monkeypatch.setattr(prediction_parts, "PART_ROWS", 4)
    given = {"given": {"pause": 0.0001}, "boxes": tmp_path / "boxes.csv", "with_": ("3d", "vertices")}
    predict_images([str(photos)], tmp_path / "whole.parquet", options(tmp_path, **given))
    assert (tmp_path / "p.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not list(tmp_path.glob("*.parts"))


def test_workers_change_no_byte(tmp_path):
    for seed in range(3):
        write_jpg(tmp_path / f"photos/{seed}.jpg", render(seed, 640, 480, view="ego")[0])
    given = {"windows": "never"}
    results = []
    for workers in (0, 2):
        wanted = options(tmp_path, "mediapipe", given, boxes="detector", box_detector=Recipe("mediapipe", given))
        report = predict_images([str(tmp_path / "photos")], tmp_path / "p.json", replace(wanted, workers=workers))
        assert report.box_known == (3 if workers else 0)
        assert report.found > 1
        results.append((tmp_path / "p.json").read_bytes())
    assert results[0] == results[1]


def test_boxes_are_looked_for_in_other_processes_too(tmp_path, photos, monkeypatch):
    """Only pictures that are not known go there, and the answers of all come home."""
    jobs = []

    def crew_look(todo, recipe, workers):
        for job in todo:
            jobs.append([sight.path.name for sight in job.sights])
            yield list(look(job, registry.open_detector(recipe.name, **recipe.options)))

    monkeypatch.setattr(predict_boxes, "crew_look", crew_look)
    pictures = [photos / f"{stem}.jpg" for stem in "abc"]
    recipe = Recipe("finder", {})
    predict_boxes.find_boxes(pictures[1:2], recipe, folder=tmp_path / "cache")
    found = predict_boxes.find_boxes(pictures, recipe, folder=tmp_path / "cache", workers=2)
    assert jobs == [["a.jpg", "c.jpg"]]
    assert (found.calls, found.known) == (2, 1)
    alone = predict_boxes.find_boxes(pictures, recipe, folder=tmp_path / "other")
    assert {p: [b.box.tolist() for b in boxes] for p, boxes in found.boxes.items()} == {
        p: [b.box.tolist() for b in boxes] for p, boxes in alone.boxes.items()
    }
    assert predict_boxes.find_boxes(pictures, recipe, folder=tmp_path / "cache", workers=2).calls == 0


def test_two_runs_at_once_do_not_write_one_file_of_boxes(tmp_path, photos):
    pictures, recipe = [photos / "a.jpg"], Recipe("finder", {})
    with predict_boxes._held(tmp_path / "cache", "finder-1,side=right"):
        found = predict_boxes.find_boxes(pictures, recipe, folder=tmp_path / "cache")
    assert (found.calls, found.kept, len(found.boxes[pictures[0]])) == (1, False, 2)
    assert predict_boxes.find_boxes(pictures, recipe, folder=tmp_path / "cache").calls == 1


def test_the_crop_is_looked_at_in_other_processes_too(tmp_path, truth, monkeypatch):
    """Each worker gets pictures in order, and answers come in that order."""
    jobs = []

    def crew(task, todo, recipe, workers, *, in_order):
        assert in_order
        for job in todo:
            jobs.append([ask.picture.name for ask in job[1]])
            yield task(registry.open_detector(recipe.name), job)

    monkeypatch.setattr(predict_run, "crew", crew)
    one = predict_dataset(truth, tmp_path / "a.json", options(tmp_path))
    two = predict_dataset(truth, tmp_path / "b.json", options(tmp_path, workers=2))
    assert jobs == [["0.jpg", "1.jpg", "2.jpg"]]
    assert one.found == two.found
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
