"""Training and measuring the occlusion head, on drawn hands behind a drawn box."""

import itertools
import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows import train_occlusion
from hint_toolkit.flows.evaluate_occlusion import best_threshold, evaluate, key_presses_saved
from hint_toolkit.flows.occlusion_examples import examples, moved
from hint_toolkit.flows.occlusion_points import Mirrored, detected_twice
from hint_toolkit.flows.occlusion_scenes import render_scenes, scene_of
from hint_toolkit.flows.train_occlusion import train, train_with_scenes
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions
from hint_toolkit.io.release import read_truth
from hint_toolkit.metrics.sizes import longer_side
from hint_toolkit.models.occlusion.weights import read_head
from hint_toolkit.prelabel.base import Detection, Prompt
from hint_toolkit.records import Hand, Hands

cv2 = pytest.importorskip("cv2")
pytest.importorskip("torch")


def a_hand(rng):
    """21 points of a flat hand about 60 pixels long, in a picture of 110 x 100."""
    angles = np.radians([-50, -20, 0, 18, 38])
    reach = np.array([0.45, 0.62, 0.8, 1.0])[None] * np.array([34, 52, 56, 52, 44])[:, None]
    fingers = np.stack([np.sin(angles)[:, None] * reach, -np.cos(angles)[:, None] * reach], axis=-1)
    points = np.concatenate([np.zeros((1, 2)), fingers.reshape(20, 2)])
    turn = rng.uniform(-0.4, 0.4)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return points @ matrix.T * rng.uniform(0.9, 1.1) + [55 + rng.uniform(-5, 5), 85]


def a_picture(rng, points, box):
    image = np.full((100, 110, 3), rng.integers(60, 110), np.uint8)
    for finger in range(5):
        chain = points[[0, *range(4 * finger + 1, 4 * finger + 5)]].round().astype(int)
        for a, b in itertools.pairwise(chain):
            cv2.line(image, tuple(map(int, a)), tuple(map(int, b)), (210, 160, 130), 6)
    low, high = box[:2].round().astype(int), box[2:].round().astype(int)
    cv2.rectangle(image, tuple(map(int, low)), tuple(map(int, high)), (20, 40, 200), -1)
    return image


def write_toy(folder, n, seed=0, splits=("TRAIN", "TRAIN", "TRAIN", "VAL")):
    """Hands of which a box hides what lies in it."""
    rng, rows = np.random.default_rng(seed), []
    for k in range(n):
        points = a_hand(rng)
        corner = points[rng.integers(1, 21)] + rng.uniform(-14, 4, 2)
        box = np.concatenate([corner, corner + rng.uniform(15, 40, 2)])
        occluded = ((points > box[:2]) & (points < box[2:])).all(axis=1)
        name = f"toy{seed}-{k:03d}"
        write_jpg(folder / f"{name}.jpg", a_picture(rng, points, box))
        tight = np.concatenate([points.min(axis=0) - 3, points.max(axis=0) + 3])
        rows.append(
            Hand(
                id=f"{name}_h0", frame_id=name, video_id=name, points=points, exists=np.ones(21, bool),
                occluded=occluded, box=tight, side="right", width=110, height=100, image=f"{name}.jpg",
                split=splits[k % len(splits)], state="submitted",
            )
        )  # fmt: skip
    write_table(folder / "hands.parquet", hands_to_table(Hands.of(rows)), {})
    return folder


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy(tmp_path_factory.mktemp("toy"), 120)


def write_answers(path, hands, points):
    blank = np.full((len(hands), 21), np.nan)
    write_predictions(path, Predictions(hands.id.tolist(), points, blank, blank, [""] * len(hands)))
    return path


@pytest.fixture(scope="module")
def learned(toy, tmp_path_factory):
    """A head of a detector that never errs: what remains is whether the network sees the box."""
    folder = tmp_path_factory.mktemp("head")
    hands = read_truth(toy).hands
    answers = write_answers(folder / "answers.json", hands, hands.points)
    return folder / "head.npz", train(folder / "head.npz", [(toy, [answers])], seed=0, epochs=20, note="toy")


def test_it_learns_what_a_box_hides(learned, tmp_path):
    out, report = learned
    assert report.average_precision > 0.95
    assert (report.trained, report.held_out) == (90, 30)
    assert report.saves
    folder = write_toy(tmp_path / "fresh", 30, seed=1)
    hands = read_truth(folder).hands
    points = hands.points.copy()
    points[0] = np.nan
    fresh = evaluate(folder, read_head(out), [write_answers(tmp_path / "fresh.json", hands, points)])
    rows = {row.method: row for row in fresh.rows}
    assert rows["head, all signs"].average_precision > 0.9
    assert rows["prior of the joint"].average_precision < 0.5
    assert rows["always visible"].precision is None
    assert rows["always visible"].saved[0] == 0
    assert rows["head, all signs"].saved[1] > 0
    assert (fresh.hands, fresh.points, fresh.missed) == (29, "detector", 1)


def test_the_same_call_gives_the_same_bytes_and_another_seed_others(toy, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tmp_path / f"{name}.npz", [(toy, [])], seed=seed, epochs=2)
    a, b, c = ((tmp_path / f"{name}.npz").read_bytes() for name in "abc")
    assert a == b
    assert a != c


class Killed(Exception):
    pass


def test_a_killed_run_ends_with_the_same_bytes(toy, tmp_path):
    train(tmp_path / "whole.npz", [(toy, [])], epochs=4)
    out = tmp_path / "killed.npz"
    seen = []
    for kill_after in (1, 3):

        def progress(done, _, kill_after=kill_after):
            seen.append(done)
            if done == kill_after:
                raise Killed

        with pytest.raises(Killed):
            train(out, [(toy, [])], epochs=4, progress=progress)
        assert not out.exists()
    train(out, [(toy, [])], epochs=4, progress=lambda done, _: seen.append(done))
    assert seen == [1, 2, 3, 4]  # no epoch twice
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["killed.npz", "whole.npz"]


def test_a_checkpoint_of_another_run_is_not_used(toy, tmp_path):
    def kill(done, _):
        raise Killed

    out = tmp_path / "head.npz"
    with pytest.raises(Killed):
        train(out, [(toy, [])], seed=1, epochs=2, progress=kill)
    train(out, [(toy, [])], seed=0, epochs=2)
    train(tmp_path / "clean.npz", [(toy, [])], seed=0, epochs=2)
    assert out.read_bytes() == (tmp_path / "clean.npz").read_bytes()


def test_training_ends_when_nothing_gets_better(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(train_occlusion.Run, "_score", lambda self, parameters: 0.5)
    report = train(tmp_path / "head.npz", [(toy, [])], epochs=40)
    assert (report.best_epoch, report.epochs) == (1, 1 + train_occlusion.PATIENCE)


def test_hands_of_the_test_split_are_never_looked_at(tmp_path):
    folder = write_toy(tmp_path / "toy", 24, splits=("TRAIN", "TEST", "VAL"))
    report = train(tmp_path / "a.npz", [(folder, [])], epochs=1)
    assert (report.trained, report.held_out) == (8, 8)
    only = write_toy(tmp_path / "only", 6, splits=("TEST",))
    with pytest.raises(InputError, match="split TRAIN"):
        train(tmp_path / "b.npz", [(only, [])], epochs=1)


def test_without_a_val_split_whole_clips_are_held_out(tmp_path):
    folder = write_toy(tmp_path / "toy", 40, splits=("TRAIN",))
    truth = read_truth(folder)
    hands = truth.hands.replace(video_id=[f"clip{k % 8}" for k in range(40)])
    role = train_occlusion._role(hands)
    assert set(role) == {"TRAIN", "VAL"}
    for clip in set(hands.video_id):
        assert len(set(role[hands.video_id == clip])) == 1


def test_measures_are_those_of_scikit_learn(toy, learned):
    metrics = pytest.importorskip("sklearn.metrics")
    from hint_toolkit.flows import evaluate_occlusion as module

    head = read_head(learned[0])
    found = examples(read_truth(toy))
    points = found.points(5)
    logit, cues = module.network_logits(found, points, head), found.cues(points)
    counted = found.counted & np.isfinite(logit)
    row = module.measure(found, logit, cues, counted, head)[0]
    value = head.combination.probability(logit, cues)[counted]
    truth = found.hands.occluded[counted]
    called = value >= head.threshold
    assert row.average_precision == pytest.approx(metrics.average_precision_score(truth, value), abs=1e-9)
    assert row.precision == pytest.approx(metrics.precision_score(truth, called), abs=1e-9)
    assert row.recall == pytest.approx(metrics.recall_score(truth, called), abs=1e-9)
    assert row.f1 == pytest.approx(metrics.f1_score(truth, called), abs=1e-9)
    wanted = 0.0
    for k in range(10):
        inside = (value >= k / 10) & ((value < (k + 1) / 10) | (k == 9))
        if inside.any():
            wanted += abs(value[inside].mean() - truth[inside].mean()) * inside.mean()
    assert row.ece == pytest.approx(wanted, abs=1e-9)
    saved = (truth & called).sum() - (~truth & called).sum()
    assert row.saved[0] == pytest.approx(saved / len(found.hands), abs=1e-12)


def test_key_presses_by_hand():
    truth, called = np.zeros((3, 21), bool), np.zeros((3, 21), bool)
    truth[0, :4] = True  # four keys without suggestions
    called[0, :3] = True  # three right: one key left
    called[1, :2] = True  # two wrong: two keys more
    saved, low, high = key_presses_saved(truth, called, np.array(["a", "b", "c"]))
    assert saved == pytest.approx(1 / 3)
    assert low < 0 < high
    assert key_presses_saved(truth, called, np.array(["a", "a", "a"]))[1:] == (None, None)
    assert key_presses_saved(truth[:0], called[:0], np.array([]))[0] == 0


def test_the_threshold_with_the_fewest_keys():
    truth = np.array([True, True, False, False])
    assert 0.3 < best_threshold(truth, np.array([0.9, 0.6, 0.3, 0.1])) <= 0.6
    assert best_threshold(np.zeros(3, bool), np.array([0.5, 0.7, 0.9])) > 0.9


def test_moved_points_err_as_a_detector_and_more_where_hidden(toy):
    hands = read_truth(toy).hands
    error = np.concatenate(
        [
            np.linalg.norm(moved(hands, np.random.default_rng(s)) - hands.points, axis=2)
            / longer_side(hands.box)[:, None]
            for s in range(20)
        ]
    )
    hidden = np.concatenate([hands.occluded] * 20)
    assert 0.025 < np.median(error[~hidden]) < 0.06
    assert 0.055 < np.median(error[hidden]) < 0.12


def test_points_of_detectors_are_used_where_they_found_the_hand(toy, tmp_path):
    hands = read_truth(toy).hands
    points = hands.points + 2.0
    points[0] += 500  # on something else
    points[1] = np.nan
    write_answers(tmp_path / "a.json", hands, points)
    found = examples(read_truth(toy), [tmp_path / "a.json", tmp_path / "a.json"])
    used = found.points(0)
    np.testing.assert_allclose(used[2:], points[2:], atol=1e-3)
    assert np.abs(used[:2] - hands.points[:2]).max() < 60  # simulated instead
    assert found.missed == 2
    assert np.nanmax(found.cues(used).disagreement) < 1e-3


def test_a_patch_shows_the_same_place(tmp_path):
    image = np.zeros((900, 1200, 3), np.uint8)
    image[500:520, 700:720] = 255
    write_jpg(tmp_path / "a.jpg", image)
    points = np.full((21, 2), 500.0) + np.arange(21)[:, None] * [20, 5]
    hand = Hand(id="a", frame_id="a", points=points, exists=np.ones(21, bool), occluded=np.zeros(21, bool),
                box=np.array([450.0, 400, 950, 700]), side="right", image="a.jpg", width=1200, height=900,
                state="submitted")  # fmt: skip
    write_table(tmp_path / "hands.parquet", hands_to_table(Hands.of([hand])), {})
    found = examples(read_truth(tmp_path))
    patch = found.patches[0].astype(float)[..., 0]
    assert max(patch.shape) <= 160
    y, x = (patch[..., None] * np.moveaxis(np.indices(patch.shape), 0, -1)).sum(axis=(0, 1)) / patch.sum()
    assert found.in_patch(0, np.array([[709.5, 509.5]]))[0] == pytest.approx([x, y], abs=0.15)


def test_scenes_go_on_where_they_were_and_stay_the_same(tmp_path):
    render_scenes(tmp_path / "a", 3, 4)
    picture = tmp_path / "a" / "scenes" / "scene4-000001.jpg"
    stamp = picture.stat().st_mtime_ns
    (tmp_path / "a" / "scenes" / "scene4-000002.json").unlink()  # as a kill leaves it
    render_scenes(tmp_path / "a", 4, 4)
    assert picture.stat().st_mtime_ns == stamp
    render_scenes(tmp_path / "b", 4, 4)
    for name in ("hands.parquet", "objects.json", "scenes/scene4-000002.jpg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    hands = read_truth(tmp_path / "a").hands
    assert len(set(hands.video_id)) == 4
    _, truth, objects = scene_of(4, 0)
    assert hands.occluded[0].tolist() == truth[0]["occluded"]
    assert json.loads((tmp_path / "a" / "objects.json").read_text())["scene4-000000"] == objects


def test_scenes_and_a_labelled_dataset_together(toy, tmp_path):
    report = train_with_scenes(tmp_path / "head.npz", [toy], scenes=6, epochs=1)
    assert (tmp_path / "head-scenes" / "hands.parquet").is_file()
    assert report.trained > 90
    assert "object" in read_head(tmp_path / "head.npz").combination.models  # learned where the scenes have things
    with pytest.raises(InputError, match="nothing to learn from"):
        train_with_scenes(tmp_path / "none.npz", [], scenes=0)


class Seeing:
    """Finds one hand where the picture is red, and calls it right."""

    name, finds_boxes = "seeing", True

    def detect(self, image):
        rows, columns = np.nonzero(image[..., 0] > 128)
        if not len(rows):
            return []
        box = np.array([columns.min(), rows.min(), columns.max(), rows.max()], float)
        points = np.linspace(box[:2], box[2:], 21)
        return [Detection(points, np.full(21, np.nan), box, "right", 0.9, 0.8)]

    def detect_in(self, image, prompts):
        return [self.detect(image)[0] for _ in prompts]


def test_a_mirrored_detector_answers_for_the_picture_as_it_is():
    image = np.zeros((40, 60, 3), np.uint8)
    image[5:20, 10:30] = 255
    straight, mirrored = Seeing().detect(image)[0], Mirrored(Seeing()).detect(image)[0]
    np.testing.assert_allclose(mirrored.box, straight.box)
    np.testing.assert_allclose(np.sort(mirrored.points, axis=0), np.sort(straight.points, axis=0))
    assert (straight.side, mirrored.side) == ("right", "left")
    prompt = Prompt(straight.box, "right")
    np.testing.assert_allclose(Mirrored(Seeing()).detect_in(image, [prompt])[0].points, mirrored.points)


def test_an_unknown_detector_is_one_line(toy, tmp_path):
    with pytest.raises(InputError, match="no detector 'nobody'"):
        detected_twice(toy, "nobody", tmp_path, "k")


def test_the_commands_render_train_and_measure(tmp_path):
    from click.testing import CliRunner

    from hint_toolkit.cli._occlusion import occlusion

    def run(*words):
        result = CliRunner().invoke(occlusion, [*map(str, words), "--json", "--quiet"], catch_exceptions=False)
        return json.loads(result.stdout)

    assert run("scenes", "--out", tmp_path / "s", "--scenes", 6, "--seed", 3)["scenes"] == 6
    made = run("train", "--out", tmp_path / "head.npz", "--gt", tmp_path / "s", "--epochs", 1)
    assert made["path"] == str(tmp_path / "head.npz")
    found = run("evaluate", "--gt", tmp_path / "s", "--head", tmp_path / "head.npz", "--split", "VAL")
    assert [row["method"] for row in found["methods"]][-1] == "always visible"
    assert found["hands"] == made["held_out"]
    assert len(run("evaluate", "--gt", tmp_path / "s")["methods"]) == 4
    shown = CliRunner().invoke(occlusion, ["evaluate", "--gt", str(tmp_path / "s"), "--quiet"]).stdout
    assert "keys saved a hand" in shown
    assert "n/a" in shown
    assert "nan" not in shown
