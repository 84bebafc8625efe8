"""The patch file: exact numbers, the same bytes, and every wrong spelling named."""

import hashlib
import json

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.errata import PROVENANCE, Entry, Errata, lineage_of, read_errata, write_errata

A, B = "a" * 64, "b" * 64
ENTRIES = (
    Entry("add", "TEST_x_img/new_l", new={"side": "left", "box": [0.1, None, 3, 4e-300], "exists": {"wrist": True}}),
    Entry(
        "change",
        "b",
        {"points": {"wrist": [0.1 + 0.2, None]}, "time": None},
        {"points": {"wrist": [1, 2.5]}, "time": 3},
    ),
    Entry("remove", "c", {"sha256": A}, reason="no hand", who="ann", link="https://example.org/1"),
)


def written(tmp_path, value):
    path = tmp_path / "errata.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return path


def test_a_patch_comes_back_exactly_and_is_the_same_bytes(tmp_path):
    path, again = tmp_path / "errata.json", tmp_path / "again.json"
    write_errata(path, Errata(A, B, ENTRIES, "reason ä", "who", "link"))
    back = read_errata(path)
    assert back.entries == ENTRIES
    assert (back.base, back.result, back.reason, back.who, back.link) == (A, B, "reason ä", "who", "link")
    assert back.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert back.name == "errata.json"
    write_errata(again, Errata(A, B, ENTRIES[::-1], "reason ä", "who", "link"))
    assert again.read_bytes() == path.read_bytes()
    assert "0.30000000000000004" in path.read_text()


def test_a_patch_is_plain_json_with_one_line_an_entry(tmp_path):
    path = tmp_path / "errata.json"
    write_errata(path, Errata(A, B, ENTRIES))
    value = json.loads(path.read_text())
    assert value["schema"] == "hint-errata/1"
    assert set(value) == {"schema", "base", "result", "entries"}
    assert sum('"action"' in line for line in path.read_text().splitlines()) == 3
    write_errata(path, Errata(A, A, ()))
    assert read_errata(path).entries == ()


def test_nan_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_errata(tmp_path / "e.json", Errata(A, B, (Entry("change", "a", {}, {"time": float("nan")}),)))
    assert list(tmp_path.iterdir()) == []


def test_the_columns_of_provenance_are_single_values_of_a_hand():
    assert {"split", "licence", "redistributable", "time", "frame_index", "video_id"} <= set(PROVENANCE)
    assert set(PROVENANCE).isdisjoint(
        {"id", "side", "box", "points", "exists", "occluded", "image", "original", "annotator"}
    )


CHANGE = {"action": "change", "id": "h"}
WRONG_ENTRIES = {
    "h > action: must be one of add, change, remove, got 'move'": {"action": "move", "id": "h"},
    "entry 0: must be an object with the id": {"action": "remove"},
    "h > reasn: is no field of an entry": {"action": "remove", "id": "h", "old": {"sha256": A}, "reasn": ""},
    "h > reason: must be a text": {"action": "remove", "id": "h", "old": {"sha256": A}, "reason": 3},
    "h > old: must be {\"sha256\": ..} of the hand": {"action": "remove", "id": "h", "old": {"sha256": "12"}},
    "h > old: must be an object": CHANGE | {"old": [], "new": {}},
    "h > new: must be a whole hand with side and box": {"action": "add", "id": "h", "new": {"side": "left"}},
    "h > old and new: must name the same fields and joints, at least one": CHANGE,
    "must name the same fields and joints": CHANGE | {"old": {"side": "left"}, "new": {"box": [1, 2, 3, 4]}},
    "h > old and new: must name": CHANGE | {"old": {"exists": {"wrist": True}}, "new": {"exists": {"thumb1": True}}},
    "h > old > id: must be the id of the entry": CHANGE | {"old": {"id": "x"}, "new": {"id": "y"}},
    "h > new > side: must be one of left, right, got 'up'": CHANGE | {"old": {"side": "left"}, "new": {"side": "up"}},
    "h > new > side: must be one of left, right, got \\[1\\]": CHANGE | {"old": {"side": "left"}, "new": {"side": [1]}},
    "h > new: is no field of a hand: 'image'": CHANGE | {"old": {"side": "left"}, "new": {"image": "a.jpg"}},
    "h > new > points: is no joint: 'index'": CHANGE | {"old": {}, "new": {"points": {"index": [1, 2]}}},
    "points > wrist: must be \\[x, y\\], got \\[1\\]": CHANGE | {"old": {}, "new": {"points": {"wrist": [1]}}},
    "must be \\[x, y\\], got \\[True, 1\\]": CHANGE | {"old": {}, "new": {"points": {"wrist": [True, 1]}}},
    "h > new > points: must be an object keyed by joint": CHANGE | {"old": {}, "new": {"points": []}},
    "h > new > exists > wrist: must be true or false, got 1": CHANGE | {"old": {}, "new": {"exists": {"wrist": 1}}},
    "h > new > box: must be \\[x1, y1, x2, y2\\]": CHANGE | {"old": {}, "new": {"box": [1, 2, 3]}},
    "h > new > licence: must be a text, got None": CHANGE | {"old": {"licence": ""}, "new": {"licence": None}},
    "h > new > width: must be a whole number": CHANGE | {"old": {"width": 1}, "new": {"width": 1.5}},
    "h > new > width: must be a whole number, got 295": CHANGE | {"old": {"width": 1}, "new": {"width": 9**99}},
    "h > new > state: must be one of prelabel": CHANGE | {"old": {"state": "empty"}, "new": {"state": "done"}},
}  # fmt: skip


@pytest.mark.parametrize("said", WRONG_ENTRIES)
def test_a_wrong_entry_is_named(tmp_path, said):
    path = written(tmp_path, {"schema": "hint-errata/1", "base": A, "result": B, "entries": [WRONG_ENTRIES[said]]})
    with pytest.raises(InputError, match=f"^errata.json > .*{said}.*see docs/versions.md"):
        read_errata(path)


HEAD = {"schema": "hint-errata/1", "base": A, "result": B, "entries": []}
WRONG_FILES = {
    "schema: must be 'hint-errata/1', got 'hint-results/1'": HEAD | {"schema": "hint-results/1"},
    "schema: must be 'hint-errata/1', got None": {},
    "base: must be a version of 64 hex digits": HEAD | {"base": "v-12"},
    "result: must be a version": {k: v for k, v in HEAD.items() if k != "result"},
    "entries: is missing": {k: v for k, v in HEAD.items() if k != "entries"},
    "'more': is no field of errata": HEAD | {"more": 1},
    "who: must be a text": HEAD | {"who": None},
    "has two entries": HEAD | {"entries": [{"action": "remove", "id": "h", "old": {"sha256": A}}] * 2},
    "is not JSON of errata .'\\[' is wanted": HEAD | {"entries": {}},
    "is not JSON of errata .'{' is wanted": [],
    "'base' stands there twice": '{"base": 1, "base": 2}',
    "is not JSON of errata": '{"schema": "hint-errata/1", ',
    "there is more text after the end": json.dumps(HEAD) + "x",
    "is nested too deeply": '{"schema": ' + "[" * 100_000,
    "got inf": json.dumps(HEAD).replace("[]", '[{"action": "change", "id": "h", "old": {"time": 1e999}}]'),
    "got nan": json.dumps(HEAD).replace("[]", '[{"action": "change", "id": "h", "old": {"time": NaN}}]'),
}  # fmt: skip


@pytest.mark.parametrize("said", WRONG_FILES)
def test_a_wrong_file_is_named(tmp_path, said):
    with pytest.raises(InputError, match=f"errata.json.*{said}"):
        read_errata(written(tmp_path, WRONG_FILES[said]))


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="none.json: cannot be read .No such file"):
        read_errata(tmp_path / "none.json")


def test_the_lineage_is_believed_only_for_the_content_that_it_was_written_for(tmp_path):
    errata = [{"name": "e.json", "sha256": B}]
    (tmp_path / "release.json").write_text(json.dumps({"content": A, "base": B, "errata": errata}))
    assert lineage_of(tmp_path, A) == {"base": B, "errata": errata}
    assert lineage_of(tmp_path / "hands.parquet", A) == {"base": B, "errata": errata}
    assert lineage_of(tmp_path, B) == {}
    for other in ('{"content": "%s"}' % A, "[]", "x", '{"content": "%s", "base": 1, "errata": 2}' % A):  # noqa: UP031
        (tmp_path / "release.json").write_text(other)
        assert lineage_of(tmp_path, A) == {}
