"""Hands to train on: one folder holds one seed, one choice of views and one number of them, and says so."""

import json

import numpy as np
import pytest

pytest.importorskip("cv2")

from hint_toolkit.errors import InputError
from hint_toolkit.flows.training_hands import FOLDER, HANDS_FILE, hand_of, write_training_hands


def shards(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.tar")}


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr("hint_toolkit.flows.training_hands.SHARD", 2)
    monkeypatch.setattr("hint_toolkit.flows.training_hands._MOCAP_POSES", 4)
    return write_training_hands(tmp_path / "hands", 4, 1, views=("ego", "front"))


def test_views_are_taken_in_turn():
    first = [hand_of("train", 0, k, ("ego", "front"))[0] for k in range(2)]
    assert np.array_equal(first[0], hand_of("train", 0, 0, ("ego",))[0])
    assert np.array_equal(first[1], hand_of("train", 0, 1, ("front",))[0])
    assert not np.array_equal(first[1], hand_of("train", 0, 1, ("ego",))[0])


def test_a_lost_shard_is_written_again_and_more_hands_keep_the_others(small):
    before = shards(small)
    assert json.loads((small / HANDS_FILE).read_text()) == {"seed": 0, "views": ["ego", "front"]}
    (small / FOLDER / "train/000001-2.tar").unlink()
    write_training_hands(small, 4, 1, views=("ego", "front"))
    assert shards(small) == before
    write_training_hands(small, 5, 1, views=("ego", "front"))
    assert sorted(set(shards(small)) - set(before)) == [f"{FOLDER}/train/000002-1.tar"]


@pytest.mark.parametrize(
    ("train", "seed", "views", "why"),
    [
        (4, 1, ("ego", "front"), "seed 0, views"),
        (4, 0, ("ego",), "seed 0, views"),
        (3, 0, ("ego", "front"), "000001-2.tar is of another number of hands"),
    ],
)
def test_other_hands_in_the_folder_are_refused(small, train, seed, views, why):
    before = shards(small)
    with pytest.raises(InputError, match="holds other hands") as error:
        write_training_hands(small, train, 1, seed, views=views)
    assert why in str(error.value)
    assert "\n" not in str(error.value)
    assert shards(small) == before


@pytest.mark.parametrize("noted", [None, "{", "[]"])
def test_hands_that_nobody_noted_are_refused(small, noted):
    (small / HANDS_FILE).unlink()
    if noted:
        (small / HANDS_FILE).write_text(noted)
    with pytest.raises(InputError, match=f"no readable {HANDS_FILE}"):
        write_training_hands(small, 4, 1, views=("ego", "front"))
