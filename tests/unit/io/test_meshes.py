"""Meshes as files: read back by trimesh, left hands with their skin outside, and no way out of the folder."""

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.meshes import FORMATS, mesh_path, write_mesh

trimesh = pytest.importorskip("trimesh")
AWAY = np.array([0.3, -0.2, 45.123456789])


@pytest.fixture
def hand():
    """A closed body without symmetry whose normals point outwards."""
    body = trimesh.creation.icosphere(subdivisions=3)
    x, y, z = body.vertices.T
    return np.stack([0.04 * x + 0.02 * y * y, 0.09 * y, 0.02 * z + 0.01 * x], axis=1), np.asarray(body.faces)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_hand_comes_back(tmp_path, hand, kind):
    vertices, faces = hand
    path = write_mesh(tmp_path, "TEST_newdays_img/a_r", vertices + AWAY, faces, "right", kind)
    assert path == tmp_path / f"TEST_newdays_img/a_r.{kind}"
    mesh = trimesh.load(path, process=False)
    np.testing.assert_array_equal(mesh.faces, faces)
    np.testing.assert_allclose(mesh.vertices, vertices + AWAY, atol=2e-9 if kind == "obj" else 4e-6)
    assert path.read_bytes() == write_mesh(tmp_path, "again", vertices + AWAY, faces, "right", kind).read_bytes()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_left_hand_is_a_mirrored_right_one_with_its_skin_outside(tmp_path, hand, kind):
    """The signed volume (divergence theorem) is positive where normals point outwards."""
    vertices, faces = hand
    right = trimesh.load(write_mesh(tmp_path, "r", vertices, faces, "right", kind), process=False)
    left = trimesh.load(write_mesh(tmp_path, "l", vertices * [-1, 1, 1], faces, "left", kind), process=False)
    np.testing.assert_allclose(left.vertices, right.vertices * [-1, 1, 1], atol=1e-8)
    assert right.volume > 1e-4
    assert left.volume == pytest.approx(right.volume, rel=1e-6)
    np.testing.assert_allclose(left.face_normals, right.face_normals * [-1, 1, 1], atol=1e-4)


def test_ids_do_not_lead_out_of_the_folder_nor_onto_each_other(tmp_path):
    for name in ("../../etc/x", "/etc/x", "a/../b", "..", "a\\..\\..\\b", "", "a/.", "a:b", "a?b"):
        assert mesh_path(tmp_path, name, "obj").resolve().is_relative_to(tmp_path.resolve()), name
    assert mesh_path(tmp_path, "a:b", "obj") != mesh_path(tmp_path, "a?b", "obj")
    assert mesh_path(tmp_path, "TEST_x_img/EK_1_r", "ply") == tmp_path / "TEST_x_img/EK_1_r.ply"


def test_another_format_is_one_line(tmp_path, hand):
    with pytest.raises(InputError, match="no format 'stl' of meshes; use one of: obj, ply"):
        write_mesh(tmp_path, "a", *hand, "right", "stl")
