"""3D scoring from file to table: official numbers on synthetic truth, the zero predictor, wrong files."""

import json
import os
from pathlib import Path

import click
import numpy as np
import pytest

from hint_toolkit.cli._main import run
from hint_toolkit.cli._protocols import add_protocol_commands
from hint_toolkit.errors import InputError
from hint_toolkit.flows.pose3d import as_protocol, score_pose3d
from hint_toolkit.io.pose3d import Hands3D, read_hands3d, read_truth3d
from hint_toolkit.joints import FROM_HINT
from hint_toolkit.protocol import FREIHAND, HO3D_V2, HO3D_V3

official = pytest.importorskip("tests.reference.official3d", reason="needs scipy", exc_type=ImportError)
PROTOCOLS_3D = [FREIHAND, HO3D_V2, HO3D_V3]


@pytest.fixture
def truth(rng):
    base = rng.normal(0, 0.04, (9, 1 + 120, 3)) + rng.normal(0, 0.5, (9, 1, 3))
    return Hands3D(base[:, :21].copy(), base.copy(), "t")


@pytest.fixture
def noisy(truth, rng):
    def wobble(points):
        return points * 1.1 + rng.normal(0, 0.02, (len(points), 1, 3)) + rng.normal(0, 0.006, points.shape)

    return Hands3D(wobble(truth.joints), wobble(truth.vertices), "p")


def rows_of(results):
    return {(row["what"], row["measure"], row["alignment"]): row for row in results["rows"]}


@pytest.mark.parametrize("protocol", PROTOCOLS_3D, ids=lambda p: p.name)
def test_every_number_equals_an_independent_implementation(truth, noisy, protocol):
    results = score_pose3d(truth, noisy, protocol)
    rows = rows_of(results)
    fits = {
        "none": lambda t, p: p,
        "procrustes": lambda t, p: official.fit(t, p)[0],
        "similarity": official.hamer_fit,
        "scale-translation": official.scale_translate,
    }
    checked = 0
    for (what, _, alignment), row in rows.items():
        if "cm" not in row:
            continue
        pairs = zip(getattr(truth, what), getattr(noisy, what), strict=True)
        mean, area = official.summary([(t, fits[alignment](t, p)) for t, p in pairs])
        assert row["cm"] == pytest.approx(mean * 100, abs=1e-9)
        assert row["mm"] == pytest.approx(mean * 1000, abs=1e-9)
        assert row["auc"] == pytest.approx(area, abs=1e-9)
        checked += 1
    assert checked == (7 if protocol.scale_translation else 6)
    for mm in (5, 15):
        for alignment in ("none", "procrustes"):
            pairs = list(zip(truth.vertices, noisy.vertices, strict=True))
            wanted = np.mean([official.f_score(t, fits[alignment](t, p), mm / 1000) for t, p in pairs])
            assert rows["vertices", f"F@{mm}", alignment]["value"] == pytest.approx(wanted, abs=1e-9)


def test_the_official_names_of_scores_txt(truth, noisy):
    freihand, ho3d = (score_pose3d(truth, noisy, protocol)["scores_txt"] for protocol in (FREIHAND, HO3D_V2))
    ends = ("mean3d", "auc3d")
    both = {f"{n}_{e}" for n in ("xyz", "mesh", "mesh_al") for e in ends}
    both |= {"f_score_5", "f_score_15", "f_al_score_5", "f_al_score_15"}
    assert set(freihand) == both | {"xyz_al_mean3d", "xyz_al_auc3d"}
    assert set(ho3d) == both | {f"xyz_{n}_al_{e}" for n in ("procrustes", "scale_trans") for e in ends}
    assert freihand["xyz_mean3d"] == rows_of(score_pose3d(truth, noisy, FREIHAND))["joints", "MPJPE", "none"]["cm"]


def test_the_zero_predictor(truth):
    """The READMEs' regression test; HO-3D's prints NaN for scale-translation, which is n/a here."""
    zero = Hands3D(np.zeros_like(truth.joints), np.zeros_like(truth.vertices))
    results = score_pose3d(truth, zero, HO3D_V2)
    rows = rows_of(results)
    assert rows["joints", "MPJPE", "none"]["cm"] == pytest.approx(
        100 * np.linalg.norm(truth.joints, axis=2).mean(), abs=1e-9
    )
    spread = np.linalg.norm(truth.joints - truth.joints.mean(axis=1, keepdims=True), axis=2).mean()
    assert rows["joints", "PA-MPJPE", "procrustes"]["cm"] == pytest.approx(100 * spread, abs=1e-9)
    for measure, alignment in (("ST-MPJPE", "scale-translation"), ("PA-MPJPE", "similarity")):
        row = rows["joints", measure, alignment]
        assert (row["cm"], row["auc"], row["curve"]) == (None, None, None)
    assert results["scores_txt"]["xyz_scale_trans_al_mean3d"] is None
    assert any("9 of 9 predictions are a single point" in note for note in results["notes"])
    json.dumps(results, allow_nan=False)


README_ZERO = {  # cm and shares, as the two READMEs print them for all-zero joints and vertices
    "freihand": {"xyz_mean3d": 70.79, "xyz_al_mean3d": 4.73, "mesh_mean3d": 70.84, "mesh_al_mean3d": 5.07},
    "ho3d-v2": {"xyz_mean3d": 56.87, "xyz_procrustes_al_mean3d": 5.19, "mesh_mean3d": 57.12, "mesh_al_mean3d": 5.47},
}


@pytest.mark.parametrize("protocol", [FREIHAND, HO3D_V2], ids=lambda p: p.name)
def test_the_zero_predictor_gives_the_readmes_figures(protocol):
    place = os.environ.get(f"HINT_{protocol.name.upper().replace('-', '_')}_EVAL")
    if not place:
        pytest.skip(f"the evaluation truth of {protocol.name} is not at hand (HINT_..._EVAL names no folder)")
    truth = read_truth3d(Path(place))
    zero = Hands3D(np.zeros_like(truth.joints), np.zeros_like(truth.vertices))
    got = score_pose3d(truth, zero, protocol)["scores_txt"]
    assert {name: round(got[name], 2) for name in README_ZERO[protocol.name]} == README_ZERO[protocol.name]


def test_chunks_change_nothing(truth, noisy, monkeypatch):
    whole = score_pose3d(truth, noisy, HO3D_V2)
    monkeypatch.setattr("hint_toolkit.flows.pose3d._CHUNK", 4)
    for one, other in zip(whole["rows"], score_pose3d(truth, noisy, HO3D_V2)["rows"], strict=True):
        assert one.get("cm", one.get("value")) == pytest.approx(other.get("cm", other.get("value")), abs=1e-12)


def test_unit_joint_order_and_axes_of_a_file_are_brought_to_the_protocols(truth):
    turn = np.array([1, -1, -1])
    hint_order = np.empty_like(truth.joints)
    hint_order[:, list(range(21))] = truth.joints[
        :, [0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20]
    ]
    file = Hands3D(hint_order * turn * 1000, truth.vertices * turn * 1000)
    got = as_protocol(file, HO3D_V2, unit="mm", joint_order="hint", axes="opencv")
    np.testing.assert_allclose(got.joints, truth.joints, atol=1e-12)
    np.testing.assert_allclose(got.vertices, truth.vertices, atol=1e-12)
    same = as_protocol(truth, HO3D_V2, joint_order="mano", axes="opengl")
    np.testing.assert_array_equal(same.joints, truth.joints)
    np.testing.assert_array_equal(as_protocol(truth, FREIHAND, joint_order="hint").joints, truth.joints)


@pytest.mark.parametrize(
    ("spoil", "option"),
    [
        (lambda p: p * 1000, "--unit mm"),
        (lambda p: p * 100, "--unit cm"),
        (lambda p: p[:, FROM_HINT["mano"]], "--joint-order mano"),
        (lambda p: p * [1, -1, -1], "--axes opengl"),
    ],
)
def test_a_wrong_convention_is_named_and_not_mended(truth, spoil, option):
    spoilt = Hands3D(spoil(truth.joints), truth.vertices)
    results = score_pose3d(truth, spoilt, FREIHAND)
    assert any(f"with {option} the wrist-relative error would be 0.0 mm" in note for note in results["notes"])
    assert rows_of(results)["joints", "MPJPE", "none"]["cm"] > 1


def test_a_good_file_raises_no_suspicion(truth, noisy):
    notes = score_pose3d(truth, noisy, FREIHAND)["notes"]
    assert notes == ["9 images; the official test set of freihand has 3960"]
    relative = Hands3D(noisy.joints - noisy.joints[:, :1], noisy.vertices)
    assert any("relative to the wrist" in note for note in score_pose3d(truth, relative, FREIHAND)["notes"])


def test_another_number_of_vertices_has_no_mesh_error_and_an_f_score_all_the_same(truth, noisy):
    fewer = Hands3D(noisy.joints, noisy.vertices[:, :100])
    results = score_pose3d(truth, fewer, FREIHAND)
    rows = rows_of(results)
    assert not any(measure.endswith("MPVPE") for _, measure, _ in rows)
    wanted = []
    for k in range(9):
        carry = official.fit(truth.joints[k], noisy.joints[k])[1]
        wanted.append(official.f_score(truth.vertices[k], carry(fewer.vertices[k]), 0.015))
    assert rows["vertices", "F@15", "procrustes"]["value"] == pytest.approx(np.mean(wanted), abs=1e-9)
    assert any("no MPVPE" in note for note in results["notes"])


def test_images_are_matched_by_position_so_their_number_must_agree(truth, noisy):
    fewer = Hands3D(noisy.joints[:8], noisy.vertices[:8])
    with pytest.raises(InputError, match="truth has 9 images and the predictions 8"):
        score_pose3d(truth, fewer, FREIHAND)
    nothing = Hands3D(np.zeros((0, 21, 3)), np.zeros((0, 778, 3)))
    with pytest.raises(InputError, match="0 images"):
        score_pose3d(nothing, nothing, FREIHAND)


def test_files_are_read_as_they_are(tmp_path, truth):
    (tmp_path / "pred.json").write_text(json.dumps([truth.joints.tolist(), truth.vertices.tolist()]))
    (tmp_path / "evaluation_xyz.json").write_text(json.dumps(truth.joints.tolist()))
    (tmp_path / "evaluation_verts.json").write_text(json.dumps(truth.vertices.tolist()))
    for got in (read_hands3d(tmp_path / "pred.json"), read_truth3d(tmp_path), read_truth3d(tmp_path / "pred.json")):
        np.testing.assert_array_equal(got.joints, truth.joints)
        np.testing.assert_array_equal(got.vertices, truth.vertices)
        assert len(got.sha256) >= 64


P = [[[0.0, 0.0, 1.0]] * 21]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is wanted"),
        ("[", "is wanted"),
        ("[]", "two lists of the same length"),
        (json.dumps([P]), "two lists of the same length"),
        (json.dumps([P, P * 2]), "holds 1 and 2"),
        (json.dumps([P, P, P]), "there are more"),
        (json.dumps([[P[0][:20]], P]), r"xyz of image 0 must have shape (21, 3), got (20, 3)"),
        (json.dumps([P, [[[1, 2]]]]), "verts of image 0 must have shape"),
        (json.dumps([P, [P[0], P[0][:3]]]), "verts of image 1 must have shape (21, 3), got (3, 3)"),
        (json.dumps([[["x"]], P]), "xyz of image 0 must be numbers"),
        (json.dumps([[[[None, 0, 1]] * 21], P]), "1 images have a coordinate that is no number: 0"),
        (json.dumps([[None], P]), "xyz of image 0 must"),
        (json.dumps([P, P]) + "]", "more text after the end"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, content, said):
    (tmp_path / "pred.json").write_text(content)
    with pytest.raises(InputError) as caught:
        read_hands3d(tmp_path / "pred.json")
    assert said in str(caught.value)
    assert "pred.json" in str(caught.value)


def test_truth_that_is_not_there_says_where_it_comes_from(tmp_path):
    with pytest.raises(InputError, match=r"evaluation_xyz.json: no such file; FreiHAND and HO-3D publish it"):
        read_truth3d(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_hands3d(tmp_path / "none.json")


def test_the_command_states_unit_alignment_and_source(tmp_path, truth, noisy, capsys):
    (tmp_path / "pred.json").write_text(json.dumps([(noisy.joints * 1000).tolist(), (noisy.vertices * 1000).tolist()]))
    (tmp_path / "evaluation_xyz.json").write_text(json.dumps(truth.joints.tolist()))
    (tmp_path / "evaluation_verts.json").write_text(json.dumps(truth.vertices.tolist()))
    group = click.Group()
    add_protocol_commands(group)
    call = ["pose3d", "--protocol", "ho3d-v2", "--pred", str(tmp_path / "pred.json"), "--gt", str(tmp_path)]
    assert run(group, "hint-eval", [*call, "--unit", "mm", "--out", str(tmp_path / "out.json"), "--quiet"]) == 0
    shown = capsys.readouterr().out
    for text in ("cm", "mm", "ST-MPJPE", "reflections allowed", "no reflection (HaMeR)", "F@15 mm", "has 11524"):
        assert text in shown
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["rows"][0]["mm"] == pytest.approx(score_pose3d(truth, noisy, HO3D_V2)["rows"][0]["mm"], abs=1e-9)
    assert len(written["rows"][0]["curve"]["values"]) == 100
    assert run(group, "hint-eval", [*call, "--quiet"]) == 0
    assert "note: with --unit mm the wrist-relative error would be" in capsys.readouterr().out
    assert (
        run(group, "hint-eval", ["pose3d", "--protocol", "freihand", "--pred", "x", "--gt", str(tmp_path / "no")]) == 2
    )
