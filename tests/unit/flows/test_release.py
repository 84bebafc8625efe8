import json
import os
import re
import shutil

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.flows import publish as publish_module
from hint_toolkit.flows.release import export
from hint_toolkit.io.images import write_jpg
from hint_toolkit.io.parquet import hands_to_table, write_table
from hint_toolkit.io.release import latest_release, read_truth
from hint_toolkit.records import Hands
from hint_toolkit.workspace import Workspace


@pytest.fixture
def workspace(tmp_path, make_hands, rng):
    made = Workspace(tmp_path / "ws")
    hands = make_hands(6)
    keys = [f"{frame}_h0" for frame in hands.frame_id]
    images = [f"frames/{frame}.jpg" for frame in hands.frame_id]
    hands = hands.replace(id=keys, image=images)
    for image in images:
        write_jpg(made.root / image, rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    write_table(made.annotations_file, hands_to_table(hands), {})
    return made


def change(workspace, **columns):
    hands = workspace.read_annotations().replace(**columns)
    write_table(workspace.annotations_file, hands_to_table(hands), {})


def test_both_formats_hold_the_same_hands_and_read_as_truth(workspace):
    report = export(workspace, formats=["parquet", "hint"])
    annotations = workspace.read_annotations()
    parquet, hint = read_truth(report.path), read_truth(report.path / "HInt_annotation")
    assert parquet.version == hint.version == report.content
    assert report.version == f"v-{report.content[:12]}"
    assert latest_release(workspace.releases_folder) == report.path
    hands = parquet.hands.sorted()
    np.testing.assert_array_equal(hands.points, annotations.sorted().points)
    assert hands.id[0] == "TEST_folder_img/clip0_frame00000000_h0_l"
    for truth in (parquet, hint):
        for hand in truth.hands:
            picture = truth.image_root / hand.image
            assert (
                picture.read_bytes()
                == (workspace.root / f"frames/{hand.frame_id.removesuffix('_h0')}.jpg").read_bytes()
            )


def test_the_manifest_counts_and_holds_no_place_or_time(workspace, tmp_path):
    report = export(workspace, formats=["parquet"])
    text = (report.path / "release.json").read_text()
    manifest = json.loads(text)
    assert manifest["hands"] == 6
    assert manifest["sides"] == {"left": 3, "right": 3}
    (name,) = manifest["annotators"]
    assert re.fullmatch("annotator-[0-9a-f]{8}", name)
    assert b"example.org" not in b"".join(p.read_bytes() for p in report.path.rglob("*") if p.is_file())
    assert set(read_truth(report.path).hands.annotator) == {name}
    # The same person keeps the pseudonym in the next release, and elsewhere nobody can tell who it is.
    again = export(workspace, formats=["parquet"], version="again")
    assert set(read_truth(again.path).hands.annotator) == {name}
    other = Workspace(tmp_path / "other")
    shutil.copytree(workspace.root / "frames", other.root / "frames")
    shutil.copy(workspace.annotations_file, other.annotations_file)
    assert set(read_truth(export(other, formats=["parquet"]).path).hands.annotator) != {name}
    assert str(tmp_path) not in text


def test_twice_the_same_is_the_same_and_another_content_needs_force(workspace):
    first = export(workspace, formats=["parquet"], version="v1")
    before = {p.name: p.read_bytes() for p in first.path.rglob("*") if p.is_file()}
    export(workspace, formats=["parquet"], version="v1")
    assert {p.name: p.read_bytes() for p in first.path.rglob("*") if p.is_file()} == before
    points = workspace.read_annotations().points.copy()
    points[0, 0] += 1
    change(workspace, points=points)
    with pytest.raises(InputError, match="a release of this name holds something else.*--force"):
        export(workspace, formats=["parquet"], version="v1")
    assert export(workspace, formats=["parquet"], version="v1", force=True).content != first.content


def test_skipped_hands_stay_out_and_are_counted(workspace):
    state = workspace.read_annotations().state.copy()
    state[2] = "skipped"
    change(workspace, state=state)
    report = export(workspace, formats=["parquet"])
    assert (report.hands, report.skipped) == (5, 1)


def test_rows_that_cannot_be_released_are_named_and_left_out(workspace):
    hands = workspace.read_annotations()
    points, box = hands.points.copy(), hands.box.copy()
    points[0, 1], box[1] = np.nan, np.nan
    change(workspace, points=points, box=box)
    report = export(workspace, formats=["parquet"])
    assert report.hands == 4
    assert [str(i) for i in report.issues.errors] == [
        f"{hands.id[0]} > points: has a joint that exists without coordinates",
        f"{hands.id[1]} > box: has no box, or one without area",
    ]


def test_of_several_annotations_the_last_is_used_and_it_is_said(workspace):
    hands = workspace.read_annotations()
    again = hands[:1].replace(points=hands.points[:1] + 5, annotator=["bob@example.org"])
    write_table(workspace.annotations_file, hands_to_table(Hands.concat([hands, again])), {})
    report = export(workspace, formats=["parquet"])
    assert report.hands == 6
    assert "1 hands have several annotations" in str(report.issues.warnings[0])
    released = read_truth(report.path).hands
    np.testing.assert_array_equal(released.points[released.frame_id == hands.frame_id[0]][0], hands.points[0] + 5)


def test_a_torn_build_is_never_visible_and_is_cleaned_up(workspace, monkeypatch):
    def torn(dataset, target, options):
        target.mkdir(parents=True, exist_ok=True)
        (target / "half").write_text("x")
        raise KeyboardInterrupt

    monkeypatch.setattr(publish_module, "open_format", lambda name: torn)
    with pytest.raises(KeyboardInterrupt):
        export(workspace, formats=["parquet"], version="v1")
    assert latest_release(workspace.releases_folder) is None
    assert [p for p in os.listdir(workspace.releases_folder) if not p.startswith(".")] == []
    monkeypatch.undo()
    export(workspace, formats=["parquet"], version="v1")
    assert sorted(os.listdir(workspace.releases_folder)) == ["latest", "v1"]


def test_a_missing_picture_an_unknown_format_and_a_name_that_is_a_path(workspace):
    with pytest.raises(InputError, match="no format 'xml'; choose from: parquet, hint"):
        export(workspace, formats=["xml"])
    with pytest.raises(InputError, match="cannot name a release"):
        export(workspace, formats=["parquet"], version="../v1")
    next((workspace.root / "frames").glob("*.jpg")).unlink()
    with pytest.raises(InputError, match=r"\.jpg: the picture is missing"):
        export(workspace, formats=["parquet"])


def test_nothing_submitted(workspace, tmp_path):
    change(workspace, state=["skipped"] * 6)
    with pytest.raises(InputError, match="no submitted hand to release.*hint-build pull"):
        export(workspace, formats=["parquet"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no annotations have been pulled"):
        export(Workspace(tmp_path / "empty"), formats=["parquet"])
