from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows.push_plan import Shares, drawn, planned, project_title, ranked
from hint_toolkit.io.assignments import Assignment

N = 2000


def hands(ids: Sequence[int], state: str = "prelabel") -> list[Any]:
    """All that the plan looks at."""
    return [SimpleNamespace(id=f"clip_frame{i:08d}_h0", state=state) for i in ids]


def purposes(rows: Sequence[Assignment], project: str = "hands") -> dict[str, str]:
    return {one.hint_id: one.purpose for one in rows if one.project == project}


WISH = Shares(seed=3, overlap=3, overlap_share=0.2, blind_share=0.1)


def test_a_share_is_a_share_and_the_seed_decides_which() -> None:
    ids = [f"h{i}" for i in range(N)]
    chosen = {s: {i for i in ids if drawn(s, "blind", i, 0.25)} for s in (0, 1)}
    # Binomial: 500 with a standard deviation of 19.4; five of them.
    assert all(abs(len(one) - 500) < 97 for one in chosen.values())
    assert abs(len(chosen[0] & chosen[1]) - 125) < 60
    assert chosen[0] != {i for i in ids if drawn(0, "overlap", i, 0.25)}
    assert [drawn(0, "x", "h", share) for share in (0.0, 1.0)] == [False, True]
    assert chosen[0] <= {i for i in ids if drawn(0, "blind", i, 0.3)}  # a larger share adds to it


def test_purposes_do_not_mix_and_overlap_has_a_project_of_its_own() -> None:
    rows = planned(hands(range(N)), "hands", [], WISH)
    main, second = purposes(rows), purposes(rows, "hands (overlap)")
    assert set(main.values()) == {"label", "blind"}
    assert set(second.values()) == {"overlap"}
    assert len(main) == N
    assert all(main[i] == "label" for i in second)
    assert abs(len(second) - 0.9 * 0.2 * N) < 90
    assert {(one.purpose, one.wanted, one.shown) for one in rows} == {
        ("label", 1, True), ("blind", 1, False), ("overlap", 3, True),
    }  # fmt: skip


def test_the_order_of_hands_and_their_company_change_nothing() -> None:
    everything = purposes(planned(hands(range(N)), "hands", [], WISH))
    some = purposes(planned(hands(range(N - 1, 0, -7)), "hands", [], WISH))
    assert some.items() <= everything.items()


def test_later_pushes_keep_what_was_chosen() -> None:
    first = planned(hands(range(100)), "hands", [], Shares())
    second = planned(hands(range(200)), "hands", first, WISH)
    old = {f"clip_frame{i:08d}_h0" for i in range(100)}
    main = purposes(second)
    assert {main[i] for i in old} == {"label"}
    assert "blind" in {main[i] for i in main.keys() - old}
    assert old & purposes(second, "hands (overlap)").keys()  # overlap is asked besides, so it can come later
    third = planned(hands(range(200)), "hands", second, Shares(seed=9, blind_share=0.9))
    assert sorted(third, key=str) == sorted(second, key=str)
    more = planned(hands(range(200)), "hands", second, Shares(seed=3, overlap=5, overlap_share=0.2))
    assert {one.wanted for one in more if one.purpose == "overlap"} == {5}
    assert purposes(more, "hands (overlap)") == purposes(second, "hands (overlap)")


def test_projects_of_another_title_are_left_alone() -> None:
    other = [Assignment("clip_frame00000001_h0", "faces", "blind", shown=False, rank=4)]
    rows = planned(hands(range(3)), "hands", other, WISH, {"clip_frame00000001_h0": 0})
    assert other[0] in rows
    assert len(purposes(rows)) == 3


def test_gold_hands_are_those_whose_truth_is_known() -> None:
    known = frozenset(f"clip_frame{i:08d}_h0" for i in range(0, N, 2)) | {"not here"}
    main = purposes(planned(hands(range(N)), "hands", [], Shares(gold=known, gold_share=0.3, blind_share=0.5)))
    gold = {i for i, purpose in main.items() if purpose == "gold"}
    assert gold < known
    assert abs(len(gold) - 300) < 75
    assert {purpose for i, purpose in main.items() if i not in known} == {"label", "blind"}


def test_a_frame_without_a_hand_is_neither_blind_nor_gold_nor_overlap() -> None:
    row = hands([1], "empty")
    wish = Shares(overlap=2, overlap_share=1.0, blind_share=1.0, gold=frozenset([row[0].id]))
    assert planned(row, "hands", [], wish) == [Assignment(row[0].id, "hands", "label", 1, False)]


def test_a_hand_that_was_found_later_is_shown() -> None:
    rows = planned(hands([1], "empty"), "hands", [], Shares())
    assert planned(hands([1]), "hands", rows, Shares()) == [Assignment("clip_frame00000001_h0", "hands")]


def test_ranks_are_kept_until_there_is_another_order() -> None:
    these = hands(range(4))
    ids = [hand.id for hand in these]
    rows = planned(these, "hands", [], Shares(), {ids[2]: 0, ids[1]: 1})
    assert {one.hint_id: one.rank for one in rows} == {ids[0]: -1, ids[1]: 1, ids[2]: 0, ids[3]: -1}
    again = planned(these, "hands", rows, Shares())
    assert again == rows
    assert [hand.id for hand in ranked(these, {one.hint_id: one for one in again})] == [ids[i] for i in (2, 1, 0, 3)]
    assert [hand.id for hand in ranked(these, {})] == ids


@pytest.mark.parametrize(("title", "purpose"), [("x", "label"), ("x" * 51, "label"), ("x" * 42, "overlap")])
def test_a_title_that_the_server_would_not_take(title: str, purpose: str) -> None:
    with pytest.raises(InputError, match="3 to 50"):
        project_title(title, purpose)
    if purpose == "overlap":
        with pytest.raises(InputError, match="overlap"):
            planned(hands([1]), title, [], WISH)
        assert project_title(title, "blind") == title
