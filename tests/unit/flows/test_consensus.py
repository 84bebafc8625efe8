"""Consensus, decisions and gold in a workspace; scores that stand beside people's."""

import json

import numpy as np
import pytest

from hint_toolkit.cli import build, evaluate
from hint_toolkit.errors import InputError
from hint_toolkit.flows.agreement import agreement
from hint_toolkit.flows.consensus import make_consensus, open_disputes, read_consensus
from hint_toolkit.flows.gold import below, score_gold
from hint_toolkit.flows.people import read_people
from hint_toolkit.flows.release import export
from hint_toolkit.flows.report.tables import score_table
from hint_toolkit.flows.score import score
from hint_toolkit.io.answers import Answers, write_answers
from hint_toolkit.io.human import read_human
from hint_toolkit.io.parquet import hands_to_table, read_table, write_table
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import read_truth
from hint_toolkit.measures import parse_measures
from hint_toolkit.records import Hand, Hands
from hint_toolkit.workspace import Workspace

BOX = np.array([100.0, 100, 300, 300])


def hand(i, rng, **changes):
    facts = {"id": f"v{i}_frame00000001_h0", "frame_id": f"v{i}_frame00000001", "video_id": f"v{i}", "source": "folder"}
    values = {
        "points": rng.uniform(110, 290, (21, 2)),
        "exists": np.ones(21, bool),
        "occluded": rng.random(21) < 0.3,
        "box": BOX,
        "side": "right",
        "width": 640,
        "height": 480,
        "state": "submitted",
    }
    return Hand(**(facts | values | changes))


def answer(truth, who, rng, sigma=0.0, **changes):
    noise = rng.normal(0, sigma * 200, (21, 2))
    values = {name: getattr(truth, name) for name in Hand.__dataclass_fields__}
    return Hand(**(values | {"points": truth.points + noise, "annotator": who} | changes))


def table(hands, purposes):
    n = len(hands)
    numbers, nothing = np.arange(n), np.zeros(21, bool)
    blank = {"points": np.full((21, 2), np.nan), "exists": nothing, "occluded": nothing, "box": np.full(4, np.nan)}
    started = [Hand(id=one.id, frame_id=one.frame_id, side="right", state="empty", **blank) for one in hands]
    times = np.array([f"2026-01-01T00:00:{k:02d}" for k in range(n)], object)
    return Answers(
        Hands.of(hands),
        Hands.of(started),
        numbers,
        numbers,
        np.zeros(n, np.int64),
        times,
        times,
        np.array(purposes, object),
        np.array(["p"] * n, object),
        np.ones(n, bool),
    )


@pytest.fixture
def place(tmp_path):
    """Three hands: one by three people, one by one, one in dispute."""
    rng = np.random.default_rng(0)
    truth = [hand(i, rng) for i in range(3)]
    given = [answer(truth[0], who, rng, 0.01, seconds=10.0) for who in ("ann", "bob", "cem")]
    given.append(answer(truth[1], "ann", rng))
    given += [answer(truth[2], "ann", rng), answer(truth[2], "bob", rng, 0.005, side="left")]
    workspace = Workspace(tmp_path / "w")
    workspace.root.mkdir()
    write_answers(workspace.answers_file, table(given, ["label"] * 6), {})
    return workspace, truth, given, rng


def test_every_hand_is_there_once_with_where_it_comes_from(place):
    workspace, truth, given, _ = place
    report = make_consensus(workspace)
    assert report.origins == {"one answer": 1, "consensus": 2, "decision": 0}
    assert [one.hint_id for one in report.disputes] == [truth[2].id]
    hands = read_consensus(workspace)
    assert hands.id.tolist() == [one.id for one in truth]
    assert hands.annotator.tolist() == ["consensus", "ann", "consensus"]
    assert hands.seconds[0] == 30.0
    spread = np.stack([one.points for one in given[:3]])
    assert (hands.points[0] >= spread.min(axis=0) - 1e-9).all()
    assert (hands.points[0] <= spread.max(axis=0) + 1e-9).all()
    assert (hands.points[1] == given[3].points).all()
    stored, _ = read_table(workspace.consensus_file)
    assert stored.column("answers").to_pylist() == [3, 1, 2]
    assert np.isfinite(stored.column("error").to_pylist()[0]).all()
    assert np.isnan(stored.column("error").to_pylist()[1]).all()
    assert 0.002 < report.error < 0.01


def test_a_decision_stands_and_ends_the_dispute(place):
    workspace, truth, given, rng = place
    decision = answer(truth[2], "judge", rng, 0.02)
    alone = hand(7, rng, annotator="judge")
    purposes = ["label"] * 6 + ["adjudicate", "review"]
    write_answers(workspace.answers_file, table([*given, decision, alone], purposes), {})
    report = make_consensus(workspace)
    assert report.origins == {"one answer": 1, "consensus": 1, "decision": 2}
    assert report.disputes == open_disputes(workspace) == []
    hands = read_consensus(workspace)
    assert (hands.points[2] == decision.points).all()
    assert hands.id[3] == alone.id
    assert hands.annotator.tolist()[2:] == ["judge", "judge"]


def test_a_consensus_of_other_answers_is_refused_and_a_release_takes_a_fresh_one(place):
    workspace, truth, given, rng = place
    with pytest.raises(InputError, match="no consensus has been made"):
        read_consensus(workspace)
    make_consensus(workspace)
    (workspace.root / "frames").mkdir()
    report = export(workspace, formats=["parquet"], labels="consensus")
    assert report.hands == 3
    names = set(read_truth(report.path).hands.annotator)
    assert "consensus" in names
    assert "ann" not in names  # a person goes by a pseudonym
    write_answers(workspace.answers_file, table([*given, answer(truth[1], "bob", rng)], ["label"] * 7), {})
    with pytest.raises(InputError, match="other answers"):
        read_consensus(workspace)


def test_gold_by_hand(tmp_path):
    rng = np.random.default_rng(1)
    truth = [hand(i, rng, occluded=np.zeros(21, bool)) for i in range(4)]
    moved = truth[0].points.copy()
    moved[:7] += [20.0, 0.0]  # a tenth of the hand's size: wrong
    given = [
        answer(truth[0], "ann", rng, points=moved),
        *(answer(truth[k], "ann", rng) for k in (1, 2, 3)),
        answer(truth[0], "bob", rng, occluded=np.arange(21) < 3, side="left"),
        answer(truth[1], "bob", rng, state="skipped"),
    ]
    workspace = Workspace(tmp_path / "w")
    workspace.root.mkdir()
    write_answers(workspace.answers_file, table(given, ["gold"] * 6), {})
    write_table(tmp_path / "gold.parquet", hands_to_table(Hands.of(truth[:3])), {})
    result = score_gold(workspace, tmp_path / "gold.parquet", resamples=50)
    rows = {(row["name"], row["measure"]): row for row in result["rows"]}
    assert rows["ann", "PCK@0.05[all]"]["value"] == pytest.approx((14 + 7 * 2 / 3) / 21)
    assert rows["ann", "distance / hand size"]["value"] == pytest.approx(0.1 * 7 / 63)
    assert rows["ann", "PCK@0.05[all]"]["interval"][0] < 0.9
    assert rows["ann", "occlusion kappa"]["value"] is None  # nobody and nothing says occluded
    assert rows["bob", "occlusion agreement"]["value"] == pytest.approx(18 / 21)
    assert rows["bob", "side agreement"]["value"] == 0
    assert (rows["bob", "PCK@0.05[all]"]["hands"], rows["bob", "PCK@0.05[all]"]["skipped"]) == (1, 1)
    assert result["unknown"] == [truth[3].id]
    assert below(result, 0.95) == [("ann", pytest.approx(8 / 9))]
    json.dumps(result, allow_nan=False)
    write_table(tmp_path / "other.parquet", hands_to_table(Hands.of([hand(9, rng)])), {})
    with pytest.raises(InputError, match="none of the gold hands"):
        score_gold(workspace, tmp_path / "other.parquet")


def run(main, monkeypatch, capsys, *words):
    monkeypatch.setattr("sys.argv", ["hint", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code, *capsys.readouterr()


def test_the_commands_print_tables_and_draw(place, tmp_path, monkeypatch, capsys):
    workspace, _, _, _ = place
    out = tmp_path / "agreement.json"
    words = ["agreement", "--workspace", workspace.root, "--per-joint", "--out", out, "--figure", tmp_path / "a.png"]
    code, text, _ = run(build.main, monkeypatch, capsys, *words)
    assert code == 0
    assert "94.6" in text  # the paper's own
    assert "nan" not in text.lower()
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    code, text, _ = run(build.main, monkeypatch, capsys, "consensus", "--workspace", workspace.root)
    assert code == 0
    assert "1 hands in dispute" in text
    code, _, error = run(build.main, monkeypatch, capsys, *words[:3], "--figure", tmp_path / "a.doc")
    assert code == 2
    assert error.count("\n") == 1
    assert ".doc is no figure" in error
    code, _, error = run(build.main, monkeypatch, capsys, "anchoring", "--workspace", workspace.root)
    assert code == 2
    assert error.count("\n") == 1


def scored(tmp_path, truth, points, **options):
    nothing = np.full((len(truth), 21), np.nan)
    sides = ["right"] * len(truth)
    predictions = Predictions([one.id for one in truth], points, nothing, nothing, sides, {"method": "m"})
    return score(read_truth(tmp_path / "truth.parquet"), predictions, **options).results


def test_people_stand_beside_a_score_and_give_oks_their_sigmas(place, tmp_path):
    workspace, truth, _, rng = place
    people = agreement(read_people(workspace, None))
    file = tmp_path / "agreement.json"
    file.write_text(json.dumps(people))
    human = read_human(file)
    write_table(tmp_path / "truth.parquet", hands_to_table(Hands.of(truth)), {})
    points = np.stack([one.points for one in truth]) + rng.normal(0, 3, (3, 21, 2))
    asked = parse_measures(["OKS-AP[all]", "PCK@0.05[all]"])
    plain = scored(tmp_path, truth, points, measures=asked)
    beside = scored(tmp_path, truth, points, measures=asked, human=human)
    assert plain["rows"][0]["value"] != beside["rows"][0]["value"]
    assert "sigmas of people" in " ".join(beside["notes"])
    assert [row["measure"] for row in beside["human"]["rows"]] == ["PCK@0.05[all]"]
    assert "two people" in score_table(beside)
    assert "two people" not in score_table(plain)
    other = scored(tmp_path, truth, points, normaliser="kp-extent-max", human=human)
    assert other["human"]["rows"] == []
    assert "not shown" in score_table(other)
    people["sigmas"]["wrist"] = None
    file.write_text(json.dumps(people))
    with pytest.raises(InputError, match="no sigma for 1 joints: wrist"):
        scored(tmp_path, truth, points, measures=asked, human=read_human(file))
    file.write_text("{}")
    with pytest.raises(InputError, match="is no agreement of people"):
        read_human(file)


def test_hint_eval_takes_the_file(place, tmp_path, monkeypatch, capsys):
    workspace, truth, _, _ = place
    run(build.main, monkeypatch, capsys, "agreement", "--workspace", workspace.root, "--out", tmp_path / "a.json")
    write_table(tmp_path / "truth.parquet", hands_to_table(Hands.of(truth)), {})
    record = [{"id": one.id, "keypoints": one.points.tolist()} for one in truth]
    (tmp_path / "p.json").write_text(json.dumps({"method": "m", "predictions": record}))
    words = ["--pred", tmp_path / "p.json", "--gt", tmp_path / "truth.parquet", "--out", tmp_path / "r", "--no-report"]
    code, text, error = run(evaluate.main, monkeypatch, capsys, *words, "--human", tmp_path / "a.json")
    assert code == 0, error
    assert "two people" in text
