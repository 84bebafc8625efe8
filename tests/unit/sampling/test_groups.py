import pytest

from hint_toolkit.sampling.groups import assign, group_of, parted


def test_what_the_group_of_a_video_is():
    assert group_of("visor", "P03_10") == "visor:P03_10"
    assert group_of("visor", "P03_10", "participant") == group_of("visor", "P03_2", "participant") == "visor:P03"
    assert group_of("newdays", "P0_-x", "participant") == "newdays:P0_-x"
    assert group_of("ego4d", "clip1", known={"clip1": "video9"}) == "ego4d:video9"
    assert group_of("visor", "") == ""


def test_only_groups_in_two_splits_are_named_and_nobody_is_no_group():
    found = parted(["a", "b", "a", "", "", "b", "a"], ["TRAIN", "TEST", "VAL", "TRAIN", "TEST", "TEST", "VAL"])
    assert [(one.group, one.splits) for one in found] == [("a", {"TRAIN": 1, "VAL": 2})]


def test_whole_groups_near_the_wanted_shares_whatever_their_order():
    sizes = {f"v{i}": 1 + (i * 7) % 23 for i in range(200)}
    shares = {"TRAIN": 70, "VAL": 10, "TEST": 20}
    made = assign(sizes, shares, seed=3)
    assert assign(dict(reversed(sizes.items())), shares, seed=3) == made
    assert assign(sizes, shares, seed=4) != made
    total = sum(sizes.values())
    for split, share in shares.items():
        got = sum(n for name, n in sizes.items() if made[name] == split)
        assert abs(got / total - share / 100) < 0.01


def test_few_groups_and_empty_shares():
    assert assign({}, {"TRAIN": 1}, 0) == {}
    assert assign({"only": 5}, {"TRAIN": 0.8, "TEST": 0.2}, 0) == {"only": "TRAIN"}
    assert set(assign({"a": 1, "b": 1}, {"TRAIN": 0, "TEST": 1}, 0).values()) == {"TEST"}
    for shares in ({"TRAIN": 0.0}, {"TRAIN": 2, "TEST": -1}):
        with pytest.raises(ValueError, match="shares"):
            assign({"a": 1}, shares, 0)


def test_the_largest_group_is_dealt_first():
    sizes = {f"v{i}": 1 for i in range(50)} | {"large": 50}
    for seed in range(5):
        made = assign(sizes, {"TRAIN": 1, "TEST": 1}, seed)
        assert sum(n for name, n in sizes.items() if made[name] == "TRAIN") == 50
