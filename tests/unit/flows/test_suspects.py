"""From a dataset with planted errors to errata: found, staged for review, decided, patched."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from hint_toolkit.cli.build import cli
from hint_toolkit.errors import InputError
from hint_toolkit.flows.suspects import find_suspects, review_errata
from hint_toolkit.flows.versions import apply_errata
from hint_toolkit.io.answers import Answers, write_answers
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions, write_predictions
from hint_toolkit.io.release import content_hash, read_truth
from hint_toolkit.workspace import Workspace


@pytest.fixture
def case(tmp_path, make_hands):
    """A dataset of 40 hands with pictures, of which two labels are wrong, and two methods that know better."""
    rng = np.random.default_rng(3)
    hands = make_hands(40, clips=10)
    base = rng.uniform(30, 60, (40, 1, 2))
    truth = base + np.array([[(j % 5) * 20.0, (j // 5) * 20.0] for j in range(21)])
    points = truth.copy()
    points[4, 8] += 50
    points[9, 20] -= 30
    ids = [f"TRAIN_x_img/n{i:02d}_{side[0]}" for i, side in enumerate(hands.side)]
    hands = hands.replace(
        id=ids,
        points=points,
        exists=np.ones((40, 21), bool),
        occluded=np.zeros((40, 21), bool),
        box=np.concatenate([base[:, 0] - 5, base[:, 0] + 95], axis=1),
        width=np.full(40, 200),
        height=np.full(40, 180),
        state=["submitted"] * 40,
        image=[f"images/{i}.jpg" for i in range(40)],
    )
    folder = tmp_path / "data"
    for i in range(40):
        write_jpg(folder / f"images/{i}.jpg", np.full((180, 200, 3), i, np.uint8))
    write_table(folder / "hands.parquet", hands_to_table(hands), {})
    files = []
    for k in range(2):
        blank = np.full((40, 21), np.nan)
        file = tmp_path / f"method{k}.json"
        write_predictions(
            file,
            Predictions(
                ids, truth + rng.normal(0, 1, truth.shape), blank, blank, hands.side.tolist(), {"method": f"m{k}"}
            ),
        )
        files.append(file)
    return folder / "hands.parquet", hands, truth, files


def answer(review, hands, truth, chosen, *, annotators=("eva@x.org",)):
    """What pull leaves after people have put the staged labels right."""
    note = json.loads((review.root / "review.json").read_text("utf-8"))
    place = {hand_id: i for i, hand_id in enumerate(hands.id)}
    staged = review.read_prelabels()
    kept = np.array([note["hands"][name] in {hands.id[i] for i in chosen} for name in staged.id])
    started = staged.take(np.flatnonzero(kept))
    right = np.stack([truth[place[note["hands"][name]]] for name in started.id])
    parts = [
        started.replace(points=right, state=["submitted"] * len(started), annotator=[a] * len(started))
        for a in annotators
    ]
    rows = type(started).concat(parts)
    n = len(rows)
    texts = lambda value: np.array([value] * n, object)  # noqa: E731
    write_answers(
        review.answers_file,
        Answers(
            rows,
            type(started).concat([started] * len(annotators)),
            np.arange(n),
            np.arange(n),
            np.zeros(n, int),
            texts("2026-01-01T00:00:00Z"),
            texts("2026-01-01T00:00:00Z"),
            texts("review"),
            texts("second look"),
            np.ones(n, bool),
        ),
        {},
    )


def test_from_suspects_to_a_patched_dataset(case, tmp_path):
    path, hands, truth, files = case
    review = Workspace(tmp_path / "review")
    report = find_suspects(path, files, most=2, review=review)
    assert {row["id"] for row in report.rows} == {hands.id[4], hands.id[9]}
    assert (report.staged, report.methods, report.hands) == (2, ["m0", "m1"], 40)
    staged = review.read_prelabels()
    assert set(staged.state) == {"prelabel"}
    frames = {frame.id: frame for frame in review.read_frames()}
    assert all((review.root / frames[f].path).is_file() for f in staged.frame_id)
    before = {p: p.read_bytes() for p in review.root.rglob("*") if p.is_file()}
    find_suspects(path, files, most=2, review=review)
    assert {p: p.read_bytes() for p in review.root.rglob("*") if p.is_file()} == before

    answer(review, hands, truth, [4, 9])
    out = tmp_path / "errata.json"
    done = review_errata(path, review, out, reason="looked at again", who="Eva")
    assert (done.reviewed, done.changed, done.open) == (2, 2, 0)
    patched = apply_errata(path, [out], tmp_path / "new", formats=("parquet",))
    assert content_hash(read_truth(tmp_path / "new").hands) == done.result == patched.result
    mended = {hand.id: hand for hand in read_truth(tmp_path / "new").hands}
    np.testing.assert_array_equal(mended[hands.id[4]].points, truth[4])
    np.testing.assert_array_equal(mended[hands.id[0]].points, hands.points[0])
    text = out.read_text("utf-8")
    assert "looked at again" in text
    assert "eva@x.org" not in text


def test_what_is_open_and_what_people_differ_about(case, tmp_path):
    path, hands, truth, files = case
    review = Workspace(tmp_path / "review")
    find_suspects(path, files, most=2, review=review)
    answer(review, hands, truth, [4])
    assert review_errata(path, review, tmp_path / "e.json").open == 1
    answer(review, hands, truth, [4], annotators=("a@x.org", "b@x.org"))
    with pytest.raises(InputError, match="answers of several people"):
        review_errata(path, review, tmp_path / "e.json")
    answer(review, hands, hands.points, [4])
    with pytest.raises(InputError, match="confirmed every label"):
        review_errata(path, review, tmp_path / "e.json")


def test_bad_input_is_one_line(case, tmp_path, make_hands):
    path, hands, _, files = case
    with pytest.raises(InputError, match="no review of a dataset"):
        review_errata(path, Workspace(tmp_path / "nothing"), tmp_path / "e.json")
    review = Workspace(tmp_path / "review")
    find_suspects(path, files, most=1, review=review)
    other = tmp_path / "other.parquet"
    write_table(other, hands_to_table(hands.replace(box=hands.box + 1)), {})
    with pytest.raises(InputError, match="the review is about"):
        review_errata(other, review, tmp_path / "e.json")
    with pytest.raises(InputError, match="review of another dataset|has no picture"):
        find_suspects(other, files, most=1, review=review)
    (path.parent / "images/4.jpg").unlink()
    with pytest.raises(InputError, match="has no picture to look at"):
        find_suspects(path, files, most=2, review=Workspace(tmp_path / "second"))
    foreign = make_hands(2)
    blank = np.full((2, 21), np.nan)
    write_predictions(tmp_path / "f.json", Predictions(["q", "r"], foreign.points, blank, blank, ["", ""]))
    with pytest.raises(InputError, match="none of these hands"):
        find_suspects(path, [*files, tmp_path / "f.json"])


def test_the_commands(case, tmp_path):
    path, hands, truth, files = case
    options = [word for file in files for word in ("--predictions", str(file))]
    place = tmp_path / "review"
    run = CliRunner().invoke(cli, ["suspects", str(path), *options, "--count", "2", "--review", str(place)])
    assert run.exit_code == 0, run.output
    assert hands.id[4] in run.stdout
    assert "2 of 40 labels are suspicious" in run.stdout
    answer(Workspace(place), hands, truth, [4])
    out = tmp_path / "errata.json"
    run = CliRunner().invoke(
        cli, ["review-errata", str(path), "--review", str(place), "--out", str(out), "--json"], standalone_mode=False
    )
    assert run.return_value == 3  # one suspect has not been looked at
    assert json.loads(run.stdout)["changed"] == 1
    run = CliRunner().invoke(cli, ["suspects", str(path), "--json"])
    assert "fewer than two methods" in run.stdout
