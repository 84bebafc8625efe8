"""Diff, errata and patch over real folders: through Parquet, shards and HInt's own layout."""

import hashlib
import json

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows import publish as publish_module
from hint_toolkit.flows.release import convert
from hint_toolkit.flows.report.tables import score_table
from hint_toolkit.flows.score import score
from hint_toolkit.flows.versions import apply_errata, diff_datasets, make_errata
from hint_toolkit.io.errata import Entry, Errata, read_errata, write_errata
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.predictions import Predictions
from hint_toolkit.io.release import hand_digests, read_truth

FORMATS = ("parquet", "hint")


def stored(hands, folder):
    write_table(folder / "hands.parquet", hands_to_table(hands), {})
    return folder


@pytest.fixture
def base(tmp_path, make_hands, rng):
    """A dataset of 12 hands with pictures."""
    hands = make_hands(12).sorted()
    hands = hands.replace(image=[f"images/{frame}.jpg" for frame in hands.frame_id])
    for image in hands.image:
        write_jpg(tmp_path / "base" / image, rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    return stored(hands, tmp_path / "base")


def moved(folder, target, *cells, removed=(), by=1.0):
    """A copy in which joints (row, joint) are moved to the right and rows are removed."""
    hands = read_truth(folder).hands.sorted()
    points = hands.points.copy()
    for row, joint in cells:
        points[row, joint, 0] += by
    hands = hands.replace(points=points).take(np.setdiff1d(np.arange(len(hands)), removed))
    return stored(hands.replace(image=[""] * len(hands)), target)


def errata_file(old, new, path, **said):
    write_errata(path, make_errata(diff_datasets(old, new), **said))
    return path


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_least_change_is_another_version_and_formats_orders_and_shards_are_not(base, tmp_path, rng):
    version = read_truth(base).version
    near = moved(base, tmp_path / "near", (4, 7), by=1e-9)
    for name, start, same in (("a", base, True), ("b", near, False)):
        convert(start, tmp_path / name, formats=FORMATS)
        versions = {read_truth(tmp_path / name / inner).version for inner in ("", "HInt_annotation", "hands.parquet")}
        assert len(versions) == 1
        assert (versions == {version}) is same
    hands = read_truth(base).hands.take(rng.permutation(12))
    for k in range(3):
        write_table(tmp_path / f"shards/hands-{k}-of-3.parquet", hands_to_table(hands[4 * k : 4 * k + 4]), {})
    assert read_truth(tmp_path / "shards").version == version
    difference = diff_datasets(base, tmp_path / "a" / "HInt_annotation")
    assert difference.same
    assert difference.to_dict()["provenance"]["annotator"]["hands"] == 12
    (move,) = diff_datasets(tmp_path / "a/HInt_annotation", tmp_path / "b/HInt_annotation").to_dict()["moves"]
    assert 0 < move["px"] < 1.1e-9


def test_patch_gives_b_and_the_reverse_gives_a(base, tmp_path):
    other = moved(base, tmp_path / "other", (1, 3), (2, 5), removed=[7, 8])
    there = errata_file(base, other, tmp_path / "there.json", reason="thumb", who="ann", link="https://example.org/7")
    back = errata_file(other, base, tmp_path / "back.json")
    report = apply_errata(base, [there], tmp_path / "v2", formats=FORMATS)
    assert report.result == report.release.content == read_truth(tmp_path / "v2").version == read_truth(other).version
    assert read_truth(tmp_path / "v2/HInt_annotation").version == report.result
    assert (report.applied, report.release.hands) == (4, 10)
    assert len(list((tmp_path / "v2/images").iterdir())) == 10
    assert read_errata(there).reason == "thumb"
    again = apply_errata(tmp_path / "v2/hands.parquet", [back], tmp_path / "v1", formats=["parquet"])
    assert again.result == read_truth(base).version
    assert [str(i) for i in again.release.issues] == [
        f"2 hands of the errata have no picture here: {', '.join(read_truth(base).hands.sorted().id[7:9])}"
    ]


def test_the_manifest_names_the_base_and_every_file_of_errata(base, tmp_path):
    second = moved(base, tmp_path / "second", (1, 3))
    third = moved(second, tmp_path / "third", (1, 3), removed=[0])
    one, two = errata_file(base, second, tmp_path / "1.json"), errata_file(second, third, tmp_path / "2.json")
    apply_errata(base, [one, two], tmp_path / "both", formats=["parquet"])
    manifest = json.loads((tmp_path / "both/release.json").read_text())
    assert manifest["base"] == read_truth(base).version
    assert [e["sha256"] for e in manifest["errata"]] == [hashlib.sha256(p.read_bytes()).hexdigest() for p in (one, two)]
    assert [(e["name"], e["entries"]) for e in manifest["errata"]] == [("1.json", 1), ("2.json", 2)]
    assert manifest["content"] == manifest["errata"][1]["result"] == read_truth(third).version
    # One after the other names the same history, and so does the release written anew in another format.
    apply_errata(base, [one], tmp_path / "step", formats=["parquet"])
    apply_errata(tmp_path / "step", [two], tmp_path / "stepped", formats=["parquet"])
    convert(tmp_path / "stepped", tmp_path / "anew", formats=["hint"])
    for name in ("stepped", "anew"):
        other = json.loads((tmp_path / name / "release.json").read_text())
        assert (other["base"], other["errata"]) == (manifest["base"], manifest["errata"])
    assert str(tmp_path) not in json.dumps(manifest)


def test_twice_the_same_bytes(base, tmp_path):
    other = moved(base, tmp_path / "other", (1, 3))
    file = errata_file(base, other, tmp_path / "e.json", reason="x")
    before = file.read_bytes()
    assert errata_file(base, other, file, reason="x").read_bytes() == before
    texts = [json.dumps(diff_datasets(base, other).to_dict(), allow_nan=False) for _ in range(2)]
    assert texts[0] == texts[1]
    apply_errata(base, [file], tmp_path / "v2", formats=FORMATS)
    first = tree(tmp_path / "v2")
    apply_errata(base, [file], tmp_path / "v2", formats=FORMATS)
    assert tree(tmp_path / "v2") == first


def test_results_name_the_version_with_its_errata(base, tmp_path):
    file = errata_file(base, moved(base, tmp_path / "other", (1, 3)), tmp_path / "e.json")
    report = apply_errata(base, [file], tmp_path / "v2", formats=["parquet"])
    for folder, patched in ((base, False), (tmp_path / "v2", True)):
        truth = read_truth(folder)
        n, nothing = len(truth.hands), np.full((len(truth.hands), 21), np.nan)
        made = Predictions(truth.hands.id.tolist(), truth.hands.points, nothing, nothing, [""] * n, {"method": "m"})
        results = score(truth, made, resamples=1).results
        shown = f"v-{truth.version[:12]}" + (f" = v-{report.base[:12]} + 1 errata" if patched else "")
        line = next(line for line in score_table(results).splitlines() if line.startswith("version"))
        assert line.split(None, 1)[1] == shown
        assert results["truth"].get("base") == (report.base if patched else None)
        assert [e["name"] for e in results["truth"].get("errata", [])] == (["e.json"] if patched else [])


def test_patches_for_one_base_are_applied_together_or_conflict(base, tmp_path):
    files = [
        errata_file(base, moved(base, tmp_path / str(k), *cells, removed=gone), tmp_path / f"{k}.json")
        for k, (cells, gone) in enumerate(([[(1, 3), (2, 4)], []], [[(1, 5)], [9]], [[(2, 4)], []]))
    ]
    report = apply_errata(base, files[:2], tmp_path / "both", formats=["parquet"])
    assert report.result == read_truth(moved(base, tmp_path / "x", (1, 3), (2, 4), (1, 5), removed=[9])).version
    hand = read_truth(base).hands.sorted().id[2]
    with pytest.raises(InputError, match=f"^2.json: conflicts with 0.json in 1 hands: {hand}"):
        apply_errata(base, [files[0], files[1], files[2]], tmp_path / "all", formats=["parquet"])
    assert not (tmp_path / "all").exists()


def test_another_base_is_refused_with_both_versions_or_applied_where_it_fits(base, tmp_path):
    file = errata_file(base, moved(base, tmp_path / "o", (1, 3), (2, 5), removed=[7]), tmp_path / "e.json")
    here = moved(base, tmp_path / "here", (2, 5), by=3.0)
    versions = [read_truth(folder).version[:12] for folder in (base, here)]
    with pytest.raises(
        InputError, match=rf"^e.json: is for version {versions[0]}, not for {versions[1]}.*--force-base"
    ):
        apply_errata(here, [file], tmp_path / "v2", formats=["parquet"])
    report = apply_errata(here, [file], tmp_path / "v2", formats=["parquet"], force_base=True)
    ids = read_truth(base).hands.sorted().id
    assert report.applied == 2
    key = ("forefinger1", f"e.json > {ids[2]}")
    assert dict(report.skipped) == {key[1]: f"has another points of {key[0]} than the old value"}
    assert "this entry was not applied" in str(report.release.issues.errors[0])
    wanted = moved(here, tmp_path / "w", (1, 3), removed=[7])
    assert report.result == read_truth(tmp_path / "v2").version == read_truth(wanted).version
    assert json.loads((tmp_path / "v2/release.json").read_text())["errata_entries_skipped"] == 1


def damaged(base, tmp_path, change):
    errata = make_errata(diff_datasets(base, moved(base, tmp_path / "o", (1, 3), removed=[7])))
    value = {"base": errata.base, "result": errata.result, "entries": errata.entries}
    write_errata(tmp_path / "e.json", Errata(**(value | change(errata.entries))))
    return tmp_path / "e.json"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: {"entries": (*e, Entry("remove", "nobody", {"sha256": "0" * 64}))}, "e.json > nobody: is not there"),
        (lambda e: {"entries": (*e, Entry("change", "nobody", {"side": "left"}, {"side": "right"}))}, "nobody: is not"),
        (lambda e: {"entries": e[1:]}, "^e.json: promises version .{12}, but leads to .{12}; make it again"),
        (lambda e: {"result": "0" * 64}, "^e.json: promises version 000000000000, but leads to"),
        (
            lambda e: {"entries": tuple(Entry(x.action, x.id, {"points": {"thumb3": [1, 1]}}, x.new)
                                        if x.action == "change" else x for x in e)},
            "has another points of thumb3 than the old value; nothing was written",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_as_a_whole(base, tmp_path, change, said):
    before = sorted(p.name for p in tmp_path.iterdir())
    file = damaged(base, tmp_path, change)
    with pytest.raises(InputError, match=said):
        apply_errata(base, [file], tmp_path / "v2", formats=["parquet"])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*before, "o", "e.json"])


def test_a_kill_leaves_nothing_and_the_next_run_does_it(base, tmp_path, monkeypatch):
    file = errata_file(base, moved(base, tmp_path / "o", (1, 3)), tmp_path / "e.json")

    def torn(dataset, target, options):
        (target / "half").write_text("x")
        raise KeyboardInterrupt

    monkeypatch.setattr(publish_module, "open_format", lambda name: torn)
    with pytest.raises(KeyboardInterrupt):
        apply_errata(base, [file], tmp_path / "v2", formats=["parquet"])
    assert not (tmp_path / "v2").exists()
    monkeypatch.undo()
    assert apply_errata(base, [file], tmp_path / "v2", formats=["parquet"]).applied == 1


def test_the_base_is_never_overwritten(base, tmp_path):
    file = errata_file(base, moved(base, tmp_path / "o", (1, 3)), tmp_path / "e.json")
    for out in (base, base / "in", tmp_path):
        with pytest.raises(InputError, match="overlaps with the dataset"):
            apply_errata(base, [file], out, formats=["parquet"], force=True)
    with pytest.raises(InputError, match="no errata to apply"):
        apply_errata(base, [], tmp_path / "v2", formats=["parquet"])


def test_a_name_that_ends_in_the_other_side_is_warned_of(base, tmp_path):
    hands = read_truth(base).hands.sorted()
    sides = hands.side.copy()
    sides[0] = "right" if sides[0] == "left" else "left"
    file = errata_file(base, stored(hands.replace(side=sides), tmp_path / "o"), tmp_path / "e.json")
    report = apply_errata(base, [file], tmp_path / "v2", formats=["parquet"])
    said = f"1 hands have a name that ends in the other side: {hands.id[0]}"
    assert said in [issue.text for issue in report.release.issues.warnings]


def test_an_endless_coordinate_is_refused(base, tmp_path):
    endless = moved(base, tmp_path / "o", (3, 3), by=np.inf)
    with pytest.raises(InputError, match=f"an infinite coordinate in {read_truth(base).hands.sorted().id[3]}"):
        diff_datasets(base, endless)


def test_removed_hands_stay_out_of_the_patch_but_for_their_digest(base, tmp_path):
    file = errata_file(base, moved(base, tmp_path / "o", removed=[5]), tmp_path / "e.json")
    (entry,) = read_errata(file).entries
    assert entry.old == {"sha256": hand_digests(read_truth(base).hands.sorted()[5:6])[0].hex()}


def test_every_hand_changed(tmp_path, make_hands):
    hands = make_hands(2000)
    old = stored(hands, tmp_path / "old")
    new = stored(hands.replace(points=hands.points + 0.1), tmp_path / "new")
    file = errata_file(old, new, tmp_path / "e.json")
    report = apply_errata(old, [file], tmp_path / "v2", formats=["parquet"])
    assert report.applied == 2000
    assert report.result == read_truth(new).version


def test_neither_a_patch_nor_what_it_makes_names_an_annotator(base, tmp_path):
    hands = read_truth(base).hands
    assert "ann@example.org" in set(hands.annotator)
    new = moved(base, tmp_path / "new", (0, 0), removed=(3,))
    held = read_truth(new).hands
    stored(held.replace(annotator=["eve@example.org"] * len(held)), tmp_path / "new")
    patch = errata_file(tmp_path / "new", base, tmp_path / "e.json", provenance=True)
    assert b"example.org" not in patch.read_bytes()
    apply_errata(tmp_path / "new", [patch], tmp_path / "out", formats=["parquet", "hint", "webdataset"])
    assert all(b"example.org" not in data for data in tree(tmp_path / "out").values())
    assert not any("@" in name for name in read_truth(tmp_path / "out").hands.annotator)
