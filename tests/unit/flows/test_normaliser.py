"""npz made by each rule are recognised, and one that was made by none is not."""

import json
from pathlib import Path

import click
import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli._protocols import add_protocol_commands
from hint_toolkit.errors import InputError
from hint_toolkit.flows.normaliser import CANDIDATES, compare_normalisers, growth
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import Truth, content_hash
from hint_toolkit.metrics.sizes import hand_sizes
from hint_toolkit.records import Hands


def truth_of(hands, scale=None):
    return Truth(hands, Path("somewhere"), Path(), content_hash(hands), scale=scale)


@pytest.fixture
def hands(make_hands, rng):
    both = Hands.concat([make_hands(60, source="newdays"), make_hands(50, source="visor")])
    # Boxes of every shape, so that growing to 3:4 changes some of them and not others.
    corner, size = rng.uniform(50, 100, (110, 2)), rng.uniform(60, 200, (110, 2))
    return both.replace(box=np.concatenate([corner, corner + size], axis=1))


def npz_of(hands, name, factor=1.0, center="bbox", noise=0.0, seed=0):
    """What a reader of HaMeR's npz gives: scale, and a square box of that side around center."""
    scale = factor * hand_sizes(name, hands.box, hands.points, hands.exists)
    scale = scale * (1 + np.random.default_rng(seed).normal(0, noise, len(hands)))
    middle = (hands.box[:, :2] + hands.box[:, 2:]) / 2 if center == "bbox" else hands.points.mean(axis=1)
    half = scale[:, None] / 2
    return truth_of(hands.replace(box=np.concatenate([middle - half, middle + half], axis=1)), scale)


def overall(result):
    return {row["candidate"]: row for row in result["candidates"] if not row["source"]}


@pytest.mark.parametrize("factor", [1.0, 1.2])
@pytest.mark.parametrize("name", CANDIDATES)
def test_the_rule_that_made_the_npz_is_found(hands, name, factor):
    result = compare_normalisers(truth_of(hands), npz_of(hands, name, factor))
    assert result["verdict"].startswith(f"scale is {factor:.4g} x {name}: 100.0 % of the hands within 1 %")
    assert result["verdict"].endswith("center is the middle of bbox")
    row = overall(result)[name]
    assert row["median"] == pytest.approx(factor, abs=1e-9)
    assert row["spread"] == pytest.approx(0, abs=1e-9)
    assert row["within_1_of_median"] == 1.0
    assert row["within_1"] == float(factor == 1.0)
    assert all(other["within_1_of_median"] < 0.99 for key, other in overall(result).items() if key != name)


def test_a_scale_that_no_rule_gives_fits_none(hands):
    result = compare_normalisers(truth_of(hands), npz_of(hands, "bbox-max", noise=0.2, center="points"))
    assert result["verdict"].startswith("none fits: the nearest is ")
    assert result["verdict"].endswith("center fits neither box")


def test_candidates_that_cannot_be_told_apart_are_both_named(hands):
    box = hands.box.copy()
    box[:, 3] = box[:, 1] + 3 * (box[:, 2] - box[:, 0])  # tall boxes do not grow
    tall = hands.replace(box=box)
    verdict = compare_normalisers(truth_of(tall), npz_of(tall, "bbox-max"))["verdict"]
    assert verdict.startswith("scale is 1 x bbox-max and 1 x bbox-34 (alike on these hands)")


def test_hands_are_joined_by_id_or_stem_and_the_others_counted(hands):
    npz = npz_of(hands[:80], "bbox-34")
    stems = [f"{i.rsplit('/', 1)[-1]}" for i in npz.hands.id]
    order = np.random.default_rng(1).permutation(80)
    renamed = truth_of(npz.hands.replace(id=["gone", *npz.hands.id[1:]]).take(order), npz.scale[order])
    result = compare_normalisers(truth_of(hands), renamed)
    assert result["counts"] == {"matched": 79, "json_only": 31, "npz_only": 1}
    assert result["verdict"].startswith("scale is 1 x bbox-34")
    one_source = hands.take(hands.source == "newdays")
    bare = truth_of(npz.hands[:60].replace(id=stems[:60]), npz.scale[:60])
    assert compare_normalisers(truth_of(one_source), bare)["counts"]["matched"] == 60
    strangers = truth_of(npz.hands.replace(id=[f"x{k}" for k in range(80)]), npz.scale)
    with pytest.raises(InputError, match="no hand of the npz is in the json .*json has ids like TEST_newdays_img/clip"):
        compare_normalisers(truth_of(hands), strangers)
    with pytest.raises(InputError, match="has no scale column"):
        compare_normalisers(truth_of(hands), truth_of(hands))


def test_growth_by_hand_and_its_verdict(hands):
    box = hands.box.copy()
    box[:, 2:] = box[:, :2] + [100, 100]
    assert growth(hands.replace(box=box)) == pytest.approx(np.full(110, 4 / 3))
    box[:, 2:] = box[:, :2] + [60, 100]
    assert growth(hands.replace(box=box)) == pytest.approx(np.ones(110))
    against = compare_normalisers(truth_of(hands.replace(box=box)), None)
    assert against["verdict"].startswith("growth speaks against bbox-max: newdays 1.000 (wanted 1.266), visor 1.000")
    wide = np.where(hands.source == "visor", 1.165, 1.266) * 75
    box[:, 2:] = box[:, :2] + np.stack([wide, np.full(110, 100.0)], axis=1)
    agrees = compare_normalisers(truth_of(hands.replace(box=box)), None)
    assert agrees["verdict"].startswith("growth agrees with bbox-max: newdays 1.266")
    unknown = hands.replace(source=["folder"] * 110)
    assert compare_normalisers(truth_of(unknown), None)["verdict"].startswith("undecided")


def test_the_command_reads_json_and_npz(hands, tmp_path, capsys):
    newdays = hands.take(hands.source == "newdays")
    write_table(tmp_path / "release/hands.parquet", hands_to_table(newdays), {})
    scale = 1.5 * hand_sizes("kp-extent-max", newdays.box, newdays.points, newdays.exists)
    (tmp_path / "npz").mkdir()
    for subset, flags in (
        ("all", newdays.exists),
        ("vis", newdays.exists & ~newdays.occluded),
        ("occ", newdays.occluded),
    ):
        np.savez(
            tmp_path / f"npz/TEST_newdays_img_{subset}.npz",
            imgname=np.array([f"{i}.jpg" for i in newdays.id]),
            center=(newdays.box[:, :2] + newdays.box[:, 2:]) / 2,
            scale=np.stack([scale, scale], axis=1),
            right=(newdays.side == "right").astype(float),
            hand_keypoints_2d=np.concatenate([newdays.points, flags[..., None]], axis=2),
        )
    group = click.Group()
    add_protocol_commands(group)
    call = ["normaliser", "--gt", str(tmp_path / "release")]
    assert run(group, "hint-eval", [*call, "--npz", str(tmp_path / "npz")]) == 0
    shown = capsys.readouterr().out
    assert (
        "verdict: scale is 1.5 x kp-extent-max: 100.0 % of the hands within 1 %; center is the middle of bbox" in shown
    )
    assert "60 hands (json only 0, npz only 0)" in shown
    assert run(group, "hint-eval", [*call, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["candidates"] == []
