"""Overlap, blind, gold, order and decisions on a real server: people get what was planned, and cannot see why."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.build import cli
from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push, push_hands
from hint_toolkit.flows.push_plan import Shares
from hint_toolkit.io.assignments import read_assignments
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.records import Hands

pytestmark = pytest.mark.server


def tasks_of(client: Any, title: str) -> dict[str, dict[str, Any]]:
    """Tasks as the server stores them, by hand, in the order in which annotators get them."""
    found = (client.get_task(ref.id) for ref in client.list_tasks(client.find_project(title).id))
    return {task["data"]["hint_id"]: task for task in found}


def test_overlap_blind_and_gold(service: Any, client: Any, drawn_workspace: Callable[..., Any], tmp_path: Path) -> None:
    drawn = drawn_workspace(service.root / "purposes", hands=(2,) * 20)
    ids = [str(hand_id) for hand_id in drawn.prelabels.id]
    wish = Shares(
        seed=5, overlap=3, overlap_share=0.3, blind_share=0.3, gold=frozenset(ids[:10]), gold_share=0.5
    )  # fmt: skip
    options: dict[str, Any] = {"title": "purposes", "document_root": service.root, "shares": wish}
    first = push(drawn.workspace, client, **options)
    rows = read_assignments(drawn.workspace.assignments_file)
    of = {purpose: {one.hint_id for one in rows if one.purpose == purpose} for purpose in ("gold", "blind", "overlap")}
    assert all(of.values())
    assert of["gold"] <= set(ids[:10])
    assert first.new == 40 + len(of["overlap"])
    assert client.project_facts(first.project_id)["maximum_annotations"] == 1
    second = client.find_project("purposes (overlap)")
    assert client.project_facts(second.id)["maximum_annotations"] == 3
    main, overlap = tasks_of(client, "purposes"), tasks_of(client, "purposes (overlap)")
    assert set(overlap) == of["overlap"]
    assert {name for name, task in main.items() if not task["predictions"]} == of["blind"]
    truth = {hand.id: hand for hand in drawn.truth}
    for name, task in main.items():
        said = json.dumps(task["data"])
        for word in ("gold", "blind", "overlap", "truth", "purpose"):
            assert word not in said.replace(name, "").replace("purposes/", "")
        assert set(task["data"]) == set(main[ids[0]]["data"])
        # The task's first point is the detector's, not the truth's.
        if task["predictions"]:
            x = task["predictions"][0]["result"][0]["value"]["x"]
            pixel = x / 100 * task["data"]["window_width"] + task["data"]["window_x"] - 0.5
            assert abs(pixel - truth[name].points[0, 0]) > 1e-3

    # The same again, without any wish and with another seed: nothing changes.
    for shares in (wish, None, Shares(seed=6, blind_share=0.9)):
        again = push(drawn.workspace, client, **(options | {"shares": shares}))
        assert (again.new, again.updated, again.there) == (0, 0, first.new)
        assert read_assignments(drawn.workspace.assignments_file) == rows

    # What people said comes back with its purpose, a blind answer with nothing to start from.
    users = [client.ensure_user(f"{name}@example.org") for name in ("ann", "ben", "cem")]
    blind, gold, both = (sorted(of[name])[0] for name in ("blind", "gold", "overlap"))
    for task, user, shown in (
        (main[blind], users[0], next(iter(main.values()))),
        (main[gold], users[0], main[gold]),
        *((overlap[both], user, overlap[both]) for user in users),
    ):
        prediction = (shown["predictions"] or main[gold]["predictions"])[0]
        result = [
            region | {"original_width": task["data"]["window_width"], "original_height": task["data"]["window_height"]}
            for region in prediction["result"]
        ]
        parent = prediction["id"] if task["predictions"] else None
        client.create_annotation(task["id"], result, user_id=user, seconds=1.0, parent_prediction=parent)
    assert client.get_task(overlap[both]["id"])["is_labeled"] is True
    pull(drawn.workspace, client, title="purposes")
    answers = drawn.workspace.read_answers()
    assert sorted(zip(answers.hands.id, answers.purpose, answers.started.state, strict=True)) == sorted(
        [(blind, "blind", "empty"), (gold, "gold", "prelabel"), *([(both, "overlap", "prelabel")] * 3)]
    )


def test_more_hands_come_later_and_an_older_push_is_understood(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "later", hands=(2,) * 20)
    everything = drawn.prelabels
    write_table(drawn.workspace.prelabels_file, hands_to_table(everything.take(np.arange(12))), {})
    options: dict[str, Any] = {"title": "later", "document_root": service.root}
    push(drawn.workspace, client, **options)
    drawn.workspace.assignments_file.unlink()  # as if pushed before purposes were written down
    write_table(drawn.workspace.prelabels_file, hands_to_table(everything), {})
    report = push(drawn.workspace, client, **options, shares=Shares(blind_share=0.5))
    assert (report.new, report.updated) == (28, 0)
    rows = {one.hint_id: one for one in read_assignments(drawn.workspace.assignments_file)}
    assert {rows[str(i)].purpose for i in everything.id[:12]} == {"label"}
    assert 5 <= sum(one.purpose == "blind" for one in rows.values()) <= 23


def test_the_command_with_an_order_and_gold(
    service: Any,
    client: Any,
    drawn_workspace: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = drawn_workspace(service.root / "order" / "hint", hands=(2, 2, 0))
    ids = [str(hand_id) for hand_id in drawn.prelabels.id]
    order = tmp_path / "order.csv"
    order.write_text(f"rank,hint_id,value\n2,{ids[0]},0.1\n0,{ids[3]},0.9\n1,{ids[4]},0.8\n", "utf-8")
    gold = tmp_path / "gold.parquet"
    write_table(gold, hands_to_table(drawn.truth.take(np.array([1]))), {})
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", service.server.account.token)
    monkeypatch.setenv("LABEL_STUDIO_URL", service.server.url)
    arguments = ["push", "--project", "ordered", "--workspace", str(drawn.workspace.root), "--quiet", "--json"]
    assert run(cli, "hint-build", [*arguments, "--order", str(order), "--gold", str(gold), "--pictures", "upload"]) == 0
    assert json.loads(capsys.readouterr().out)["purposes"] == {"label": 4, "gold": 1}
    tasks = tasks_of(client, "ordered")
    assert list(tasks) == [ids[k] for k in (3, 4, 0, 1, 2)]
    ranks = {one.hint_id: one.rank for one in read_assignments(drawn.workspace.assignments_file)}
    assert [ranks[i] for i in ids] == [2, -1, -1, 0, 1]
    assert run(cli, "hint-build", [*arguments, "--order", str(gold)]) == 2
    assert run(cli, "hint-build", [*arguments, "--gold", str(order)]) == 2
    assert run(cli, "hint-build", ["push", "--project", "x" * 51, "--workspace", str(drawn.workspace.root)]) == 2
    said = capsys.readouterr().err
    assert "51 characters" in said.splitlines()[-1]
    assert client.find_project("x" * 50) is None


def decision(drawn: Any, k: int) -> tuple[Any, list[tuple[str, Any]]]:
    hand = drawn.prelabels[k]
    rng = np.random.default_rng(k)
    answers = [
        (name, replace(drawn.truth[k], points=drawn.truth[k].points + rng.normal(0, 4, (21, 2)))) for name in "AB"
    ]
    return hand, answers


def test_decisions_are_shown_side_by_side_and_come_back(
    service: Any, client: Any, drawn_workspace: Callable[..., Any]
) -> None:
    drawn = drawn_workspace(service.root / "decide", hands=(2, 2))
    push(drawn.workspace, client, title="decide", document_root=service.root)
    pairs = [decision(drawn, k) for k in (0, 3)]
    call: dict[str, Any] = {
        "others": {hand.id: answers for hand, answers in pairs},
        "notes": {pairs[0][0].id: "Two people differ here."},
        "document_root": service.root,
    }
    hands = [hand for hand, _ in pairs]
    report = push_hands(drawn.workspace, client, hands, "decide", "adjudicate", **call)
    assert (report.new, report.purposes) == (2, {"adjudicate": 2})
    assert push_hands(drawn.workspace, client, hands, "decide", "adjudicate", **call).there == 2
    tasks = tasks_of(client, "decide (adjudicate)")
    task = tasks[hands[0].id]
    assert [one["model_version"] for one in task["predictions"]] == ["drawn-1", "A", "B"]
    assert client.find_project("decide (adjudicate)").model_version == "drawn-1"
    kind, data = client.fetch("show the answers", task["data"]["others"])
    assert kind == "image/jpeg"
    assert len(data) > 10_000
    chosen = task["predictions"][2]
    client.create_annotation(
        task["id"],
        chosen["result"],
        user_id=client.ensure_user("eva@example.org"),
        seconds=1.0,
        parent_prediction=chosen["id"],
    )
    pull(drawn.workspace, client, title="decide")
    (row,) = drawn.workspace.read_annotations()
    np.testing.assert_allclose(row.points, pairs[0][1][1][1].points, atol=1e-9)
    assert drawn.workspace.read_answers().purpose.tolist() == ["adjudicate"]
    # Another alternative: the open task is brought up to date, the one that was decided stays.
    changed = {
        hand.id: [("A", replace(first, points=first.points + 1)), ("B", second)]
        for hand, ((_, first), (_, second)) in pairs
    }
    report = push_hands(drawn.workspace, client, hands, "decide", "adjudicate", **(call | {"others": changed}))
    assert (report.updated, report.begun) == (1, 1)


def test_pushing_no_hand_is_an_error(client: Any, drawn_workspace: Callable[..., Any], tmp_path: Path) -> None:
    drawn = drawn_workspace(tmp_path / "none", hands=(1,))
    for hands, says in ((Hands.of([]), "nothing to push"), ([drawn.prelabels[0]] * 2, "more than once")):
        with pytest.raises(Exception, match=says):
            push_hands(drawn.workspace, client, hands, "nobody", "review")
    with pytest.raises(Exception, match="unknown purpose"):
        push_hands(drawn.workspace, client, [drawn.prelabels[0]], "nobody", "fun")
    assert client.find_project("nobody (review)") is None
