"""Three people and a judge on a real server: overlap, blind, gold; agreement, disputes, a decision, a release."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hint_toolkit.flows.adjudicate import adjudicate
from hint_toolkit.flows.agreement import agreement
from hint_toolkit.flows.anchoring import anchoring
from hint_toolkit.flows.consensus import make_consensus, read_consensus
from hint_toolkit.flows.gold import score_gold
from hint_toolkit.flows.people import read_people
from hint_toolkit.flows.pull import pull
from hint_toolkit.flows.push import push
from hint_toolkit.flows.push_plan import Shares
from hint_toolkit.flows.release import export
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import read_truth
from hint_toolkit.labelstudio.decode import window_of_task
from hint_toolkit.labelstudio.tasks import regions
from hint_toolkit.quality.simulated import simulate_correction

pytestmark = pytest.mark.server

PEOPLE = {"ann": {"sigma": 0.01}, "bob": {"sigma": 0.02}, "lou": {"lazy": 1.0}}


def answer(client: Any, title: str, truth: dict[str, Any], shown: dict[str, Any], people: dict[str, Any]) -> int:
    """Everybody answers every task of a project that is still open for them, as the page would send it."""
    project = client.find_project(title)
    done = 0
    for ref in client.list_tasks(project.id):
        task = client.get_task(ref.id)
        start = shown[ref.hint_id] if task["predictions"] else None
        for k, (name, habit) in enumerate(people.items()):
            rng = np.random.default_rng([k, *ref.hint_id.encode()])
            given = simulate_correction(truth[ref.hint_id], start, rng, **({"tolerance": 0.0} | habit))
            client.create_annotation(
                ref.id,
                regions(replace(given, id=ref.hint_id), window_of_task(task["data"])),
                user_id=client.ensure_user(f"{name}@example.org"),
                seconds=5.0,
                parent_prediction=task["predictions"][0]["id"] if task["predictions"] else None,
            )
            done += 1
    return done


def test_from_overlap_to_a_decided_release(service: Any, client: Any, drawn_workspace: Callable[..., Any]) -> None:
    drawn = drawn_workspace(service.root / "quality" / "hint", hands=(2,) * 21)
    work, truth = drawn.workspace, {hand.id: hand for hand in drawn.truth}
    shown = {hand.id: hand for hand in drawn.prelabels}
    gold = service.root / "quality" / "gold.parquet"
    write_table(gold, hands_to_table(drawn.truth.take(np.arange(4))), {})
    shares = Shares(overlap=3, overlap_share=1.0, blind_share=0.3, gold=frozenset(drawn.truth.id[:4]))
    report = push(work, client, title="team", shares=shares, document_root=service.root)
    assert report.purposes["overlap"] >= 20
    assert report.purposes["gold"] == 4
    answer(client, "team", truth, shown, {"ann": PEOPLE["ann"]})
    n = answer(client, "team (overlap)", truth, shown, PEOPLE)
    assert n == 3 * report.purposes["overlap"]
    pull(work, client, title="team")

    found = agreement(read_people(work, None), resamples=100)
    assert found["hands"] == report.purposes["overlap"]
    scatter = {row["name"]: row["sigma"] for row in found["people"]}
    assert scatter["ann@example.org"] < scatter["bob@example.org"] < scatter["lou@example.org"]

    audit = anchoring(work, resamples=100)
    assert audit["named"] == ["lou@example.org"]
    assert audit["hands"]["blind"] == report.purposes["blind"]
    assert audit["effect"]

    rows = {(r["name"], r["measure"]): r["value"] for r in score_gold(work, gold, resamples=50)["rows"]}
    assert set(name for name, _ in rows) == {"ann@example.org"}
    assert rows["ann@example.org", "PCK@0.05[all]"] > 0.95

    before = make_consensus(work, far=0.08)
    assert before.disputes
    sent = adjudicate(work, client, title="team", far=0.08, most=2, document_root=service.root)
    assert sent.pushed == sent.push.new == 2
    assert adjudicate(work, client, title="team", far=0.08, most=2, document_root=service.root).push.there == 2
    judge = {"judge": {"sigma": 0.001, "flip": 0.0}}
    answer(client, "team (adjudicate)", truth, {one.hint_id: None for one in before.disputes}, judge)
    pull(work, client, title="team")
    after = make_consensus(work, far=0.08)
    assert len(after.disputes) == len(before.disputes) - 2
    assert after.origins["decision"] == 2
    decided = [hand for hand in read_consensus(work) if hand.annotator == "judge@example.org"]
    for hand in decided:
        right = truth[hand.id]
        assert np.abs(hand.points - right.points)[right.exists].max() < 0.01 * 200
        assert (hand.occluded == right.occluded).all()
    again = anchoring(work, resamples=50)
    assert again["people"] == audit["people"]  # the judge is no annotator
    released = read_truth(export(work, formats=["parquet"], labels="consensus").path).hands
    assert len(released) == len(set(work.read_answers().hands.id.tolist()))
    assert "consensus" in set(released.annotator)
