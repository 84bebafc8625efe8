"""The order of work: on a workspace, and what it gains on a labelled set against random orders."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from hint_toolkit.cli.build import cli
from hint_toolkit.errors import InputError
from hint_toolkit.flows.next import next_hands
from hint_toolkit.flows.next_gain import gains, simulate_gain
from hint_toolkit.io.parquet import frames_to_table, hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions
from hint_toolkit.records import Frame, Hands
from hint_toolkit.sampling.value import Candidates
from hint_toolkit.video.likeness import fingerprint
from hint_toolkit.workspace import Workspace


def predictions(hands, points, path):
    n = len(hands)
    blank = np.full((n, 21), np.nan)
    write_predictions(path, Predictions(hands.id.tolist(), points, blank, blank, hands.side.tolist()))
    return path


@pytest.fixture
def labelled_set(tmp_path, make_hands):
    """Hands of unequal difficulty, two detectors whose errors grow with it, and a rare source."""
    rng = np.random.default_rng(5)
    hands = make_hands(400, clips=60)
    hands = hands.replace(
        source=np.where(rng.random(400) < 0.05, "rare", "common").astype(object),
        box=np.tile([0.0, 0, 200, 200], (400, 1)),
        exists=np.ones((400, 21), bool),
    )
    truth = tmp_path / "truth.parquet"
    write_table(truth, hands_to_table(hands), {})
    sigma = 2 + 14 * rng.random(400) ** 3
    files = [
        predictions(hands, hands.points + rng.normal(0, 1, (400, 21, 2)) * sigma[:, None, None], tmp_path / f"{k}.json")
        for k in range(2)
    ]
    return truth, files


def test_the_order_gains_over_random_on_a_labelled_set(labelled_set):
    truth, files = labelled_set
    found = {round(one.share, 2): one for one in simulate_gain(truth, files, rounds=100)}
    fifth = found[0.2]
    assert fifth.labelled == 80
    assert fifth.wrong > fifth.wrong_random[2] + 0.1  # far above the luckiest of 40 random orders
    assert fifth.error < fifth.error_random[0]
    assert fifth.wrong_random[0] == pytest.approx(0.2, abs=0.02)


def test_each_weight_does_what_it_is_for(labelled_set):
    truth, files = labelled_set
    doubt, rarity = (simulate_gain(truth, files, rounds=20, weight=w)[2] for w in (0.0, 1.0))
    assert doubt.wrong > rarity.wrong
    assert rarity.error < doubt.error


def test_without_any_signal_the_order_gains_nothing_and_does_not_pretend():
    rng = np.random.default_rng(0)
    n = 300
    wrong = rng.random((n, 21)) < 0.3
    blank = Candidates([f"h{i}" for i in range(n)], np.arange(n), {}, np.full(n, np.nan), {}, np.zeros(n, bool))
    point = gains(blank, wrong, np.ones((n, 21), bool), rounds=200, shares=(0.2,))[0]
    assert point.wrong_random[1] - 0.01 <= point.wrong <= point.wrong_random[2] + 0.01


def test_the_gain_wants_two_detectors(labelled_set):
    truth, files = labelled_set
    with pytest.raises(InputError, match="another detector|other detector"):
        simulate_gain(truth, files[:1])


@pytest.fixture
def workspace(tmp_path, make_hands):
    """Twelve pre-labels in twelve frames; frames 0 and 1 show the same, the last two hands are labelled."""
    rng = np.random.default_rng(1)
    place = Workspace(tmp_path / "hint")
    hands = make_hands(12, clips=4)
    ids = [f"v{i}_frame{i:08d}" for i in range(12)]
    hands = hands.replace(
        id=[f"{i}_h0" for i in ids],
        frame_id=ids,
        side=["left"] * 12,
        state=["prelabel"] * 12,
        annotator=[""] * 12,
        source=["folder"] * 12,
        box=np.tile([0.0, 0, 200, 200], (12, 1)),
        detector=["one"] * 12,
    )
    pictures = [rng.integers(0, 255, (24, 32, 3), np.uint8).repeat(8, 0).repeat(8, 1) for _ in ids]
    pictures[1] = pictures[0]
    frames = [
        Frame(
            id=name,
            source="folder",
            video_id=hands.video_id[i],
            video="v.mp4",
            frame_index=i,
            time=float(i),
            width=256,
            height=192,
            sha256=str(i),
            path=f"frames/{name}.jpg",
            reason="",
            split="TRAIN",
            licence="",
            sharpness=float(i),
            likeness=fingerprint(pictures[i]).tobytes(),
        )
        for i, name in enumerate(ids)
    ]
    write_table(place.frames_file, frames_to_table(frames), {})
    write_table(place.prelabels_file, hands_to_table(hands), {})
    done = hands.take(np.arange(10, 12)).replace(state=["submitted", "skipped"], annotator=["a", "a"])
    write_table(place.annotations_file, hands_to_table(done), {})
    return place, hands, frames


def test_a_workspace_is_ranked(workspace, tmp_path):
    place, hands, _ = workspace
    points = hands.points.copy()
    points[4] += 40  # the other detector sees hand 4 elsewhere
    other = predictions(hands, points, tmp_path / "other.json")
    report = next_hands(place, [other], out=tmp_path / "order.csv", weight=0.2)
    assert (report.candidates, report.labelled, report.repeats) == (10, 2, 1)
    assert report.rows[0]["hint_id"] == hands.id[4]
    assert report.doubt_from == "disagreement of detectors"
    assert {report.rows[-1]["hint_id"], report.rows[-1]["repeats"]} == {hands.id[0], hands.id[1]}
    assert not list(report.issues)
    with (tmp_path / "order.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["hint_id"] for row in rows] == [row["hint_id"] for row in report.rows]
    assert [int(row["rank"]) for row in rows] == list(range(10))
    json.dumps(report.to_dict(), allow_nan=False)


def test_where_the_doubt_comes_from(workspace):
    place, hands, frames = workspace
    assert next_hands(place).doubt_from.startswith("nothing: pass --predictions")
    presence = np.linspace(1, 0.1, 12)
    write_table(place.prelabels_file, hands_to_table(hands.replace(presence=presence)), {})
    report = next_hands(place, weight=0)
    assert report.doubt_from == "the detector's presence"
    assert report.rows[0]["hint_id"] == hands.id[9]
    score = np.full((12, 21), 0.9)
    score[5] = 0.1
    write_table(place.prelabels_file, hands_to_table(hands.replace(score=score)), {})
    assert next_hands(place, weight=0).rows[0]["hint_id"] == hands.id[5]
    write_table(place.frames_file, frames_to_table([replace(frame, likeness=b"") for frame in frames]), {})
    assert "no fingerprints" in str(next(iter(next_hands(place).issues)))


def test_a_frame_without_a_hand_is_doubted_fully(workspace, tmp_path):
    place, hands, _ = workspace
    empty = hands.replace(
        state=["empty", *hands.state[1:]], points=np.where(np.arange(12)[:, None, None] == 0, np.nan, hands.points)
    )
    empty = empty.replace(exists=np.isfinite(empty.points).all(axis=2), occluded=np.zeros((12, 21), bool))
    write_table(place.prelabels_file, hands_to_table(empty), {})
    report = next_hands(place, [predictions(hands, hands.points, tmp_path / "o.json")], weight=0)
    assert (report.rows[0]["hint_id"], report.rows[0]["doubt"]) == (hands.id[0], 1.0)


def test_bad_input_is_one_line(workspace, tmp_path, make_hands):
    place, _hands, _ = workspace
    foreign = make_hands(3)
    foreign = foreign.replace(id=[f"z{i}" for i in range(3)])
    with pytest.raises(InputError, match="none of these hands"):
        next_hands(place, [predictions(foreign, foreign.points, tmp_path / "f.json")])
    write_table(place.prelabels_file, hands_to_table(Hands.of([])), {})
    with pytest.raises(InputError, match="no hand to rank"):
        next_hands(place)


def test_the_command(workspace, labelled_set, tmp_path):
    place, _hands, _ = workspace
    run = CliRunner().invoke(cli, ["next", "--workspace", str(place.root), "--count", "3", "--quiet"])
    assert run.exit_code == 0, run.output
    assert "10 hands to label, 2 labelled" in run.stdout
    assert len(run.stdout.splitlines()) == 2 + 3 + 2
    truth, files = labelled_set
    options = [word for file in files for word in ("--predictions", str(file))]
    run = CliRunner().invoke(cli, ["next", "--simulate", str(truth), *options, "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["gain"][0]["labelled"] == 20
