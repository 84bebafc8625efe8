from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli.build import cli
from hint_toolkit.errors import InputError
from hint_toolkit.flows.adjudicate import AdjudicateReport
from hint_toolkit.flows.push import note_of
from hint_toolkit.flows.push_options import gold_ids, pictures_of, read_order
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.labelstudio.pictures import LocalPictures, UploadedPictures
from hint_toolkit.records import Hands
from hint_toolkit.workspace import Workspace


def written(folder: Path, text: str) -> Path:
    path = folder / "order.csv"
    path.write_bytes(text.encode("utf-8"))
    return path


def test_an_order_is_read_by_rank(tmp_path: Path) -> None:
    text = "\ufeffrank,hint_id,value\n10,c,0\n2,b,0\n2.5,a,1\n"
    assert read_order(written(tmp_path, text)) == ["b", "a", "c"]
    assert read_order(written(tmp_path, "hint_id,rank\n")) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rank,hand\n1,a\n", "no column hint_id"),
        ("", "no column hint_id and rank"),
        ("hint_id,rank\na,1\na,2\n", "> a: stands there twice"),
        ("hint_id,rank\n,1\n", "line 2: has no hint_id"),
        ("hint_id,rank\na,first\n", "rank must be a number, got 'first'"),
        ("hint_id,rank\na\n", "rank must be a number, got None"),
    ],
)
def test_an_order_that_cannot_be_read_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_order(written(tmp_path, text))


def test_an_order_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.csv", tmp_path, tmp_path / "b.csv"):
        with pytest.raises(InputError, match="cannot be read.*hint-build next"):
            read_order(path)


def test_gold_is_what_both_know(tmp_path: Path, make_hands: Callable[..., Hands]) -> None:
    path = tmp_path / "gold.parquet"
    hands = make_hands(3)
    write_table(path, hands_to_table(hands), {})
    assert gold_ids(path, [hands[1].id, "another"]) == {hands[1].id}
    with pytest.raises(InputError, match=f"the truth of none of these hands.*{hands[0].id}.*another"):
        gold_ids(path, ["another"])


def test_places_for_pictures(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert isinstance(pictures_of("local", workspace), LocalPictures)
    assert isinstance(pictures_of("upload", workspace), UploadedPictures)
    for kind, place in (("local", {"s3": "s3://a/b"}), ("s3", {}), ("upload", {"server_folder": "/x"})):
        with pytest.raises(InputError, match="--pictures"):
            pictures_of(kind, workspace, **place)
    assert pictures_of("local", workspace).url("a b.jpg") == "/data/local-files/?d=crops/a%20b.jpg"


def hand(**changes: Any) -> Any:
    no = np.zeros(21, bool)
    facts = {"state": "prelabel", "presence": 0.95, "occluded": no, "exists": ~no, "box": np.full(4, np.nan)}
    return SimpleNamespace(**facts | changes)


def test_notes_say_what_deserves_a_look() -> None:
    one = np.arange(21) == 3
    assert note_of(hand()) == ""
    assert note_of(hand(presence=float("nan"))) == ""
    assert note_of(hand(presence=0.9)) == ""
    assert "this is a hand, and which side" in note_of(hand(presence=0.89))
    assert note_of(hand(occluded=one)) == "The ticks under occluded are suggested: check them."
    assert note_of(hand(exists=~one)) == "The ticks under absent are suggested: check them."
    assert "occluded and absent are suggested" in note_of(hand(occluded=one, exists=np.arange(21) != 4))
    # A blind task tells nothing of what the detector thought.
    blind = [note_of(hand(presence=p, occluded=o), shown=False) for p, o in ((0.1, one), (0.99, ~one))]
    assert blind[0] == blind[1]
    assert "Nothing was found" in note_of(hand(state="empty"), shown=False)
    assert note_of(hand(state="empty", box=np.array([1.0, 2.0, 30.0, 40.0]))).startswith("A hand should be here")


@pytest.mark.parametrize(
    ("options", "kind"),
    [((), LocalPictures), (("--pictures", "upload"), UploadedPictures), (("--server-folder", "/srv/x"), LocalPictures)],
)
def test_decisions_find_their_pictures_where_push_put_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], kind: type
) -> None:
    seen: dict[str, Any] = {}

    def adjudicate(*_: Any, **given: Any) -> AdjudicateReport:
        seen.update(given)
        return AdjudicateReport([], 0, None)

    monkeypatch.setattr("hint_toolkit.flows.adjudicate.adjudicate", adjudicate)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "a" * 40)
    call = ["adjudicate", "--workspace", str(tmp_path), "--url", "http://127.0.0.1:9", "--quiet", *options]
    assert run(cli, "hint-build", call) == 0
    assert isinstance(seen["pictures"], kind)
    if "--server-folder" in options:
        assert "/srv/x" in repr(vars(seen["pictures"]))
