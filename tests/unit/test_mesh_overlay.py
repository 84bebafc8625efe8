"""Meshes on pictures: the right pixels, the nearer one on top, lit from one side whatever the hand."""

import numpy as np
import pytest

from hint_toolkit.mesh_overlay import SIDE_COLORS, Mesh, draw_meshes

WIDTH, HEIGHT = 320, 240
GREY = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)


def sphere(center, radius, rings=40):
    """A ball of triangles, seen from outside anticlockwise or not: it must not matter."""
    latitude, longitude = np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, 2 * rings, endpoint=False)
    a, b = np.meshgrid(latitude, longitude, indexing="ij")
    points = np.stack([np.sin(a) * np.cos(b), np.cos(a), np.sin(a) * np.sin(b)], axis=-1).reshape(-1, 3)
    n, faces = 2 * rings, []
    for i in range(rings - 1):
        for j in range(n):
            p, q = i * n + j, i * n + (j + 1) % n
            faces += [[p, q, p + n], [q, q + n, p + n]]
    return np.asarray(center, float) + radius * points, np.array(faces)


def covered(picture, before=GREY):
    return (picture != before).any(axis=2)


def test_a_ball_covers_its_disc():
    radius, distance, focal = 0.05, 1.0, 1500.0
    vertices, faces = sphere([0.02, -0.01, distance], radius)
    drawn = draw_meshes(GREY, [Mesh(vertices, faces, "right")], focal, alpha=1.0)
    # The outline of a ball that is seen from a point is an ellipse; so far away it is a disc of this radius.
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    seen = focal * radius / np.sqrt(distance**2 - radius**2)
    disc = np.hypot(x - (WIDTH / 2 + focal * 0.02), y - (HEIGHT / 2 - focal * 0.01)) <= seen
    both = covered(drawn)
    assert (both & disc).sum() / (both | disc).sum() > 0.98
    assert (GREY == 60).all()


def test_a_ball_that_reaches_over_the_border_is_cut_there():
    vertices, faces = sphere([-0.1, 0, 1.0], 0.05)
    drawn = covered(draw_meshes(GREY, [Mesh(vertices, faces)], 1500.0))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    disc = np.hypot(x - (WIDTH / 2 - 150), y - HEIGHT / 2) <= 75
    assert (drawn & disc).sum() / (drawn | disc).sum() > 0.97
    assert drawn[:, 0].any()


def triangle(depth, size=0.05):
    points = np.array([[-size, -size, depth], [size, -size, depth], [0, size, depth]])
    return points * [depth, depth, 1], np.array([[0, 1, 2]])  # equally large in the picture


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_triangle_wins_whatever_the_order(order):
    meshes = [Mesh(*triangle(0.5), "left"), Mesh(*triangle(0.9), "right")]
    drawn = draw_meshes(GREY, [meshes[k] for k in order], 1000.0, alpha=1.0)
    blue, orange = (np.array(SIDE_COLORS[side], float) for side in ("left", "right"))
    color = drawn[HEIGHT // 2, WIDTH // 2].astype(float)
    assert np.abs(color / color.max() - blue / blue.max()).max() < 0.02
    assert np.abs(color / color.max() - orange / orange.max()).max() > 0.2


def test_a_mirrored_hand_is_lit_from_the_same_side():
    vertices, faces = sphere([0, 0, 1.0], 0.05)
    # MANO's left hands are mirrored right ones with the right one's triangles, so theirs turn the other way round.
    turned = draw_meshes(GREY, [Mesh(vertices * [-1, 1, 1], faces)], 1500.0, alpha=1.0).astype(int)
    straight = draw_meshes(GREY, [Mesh(vertices, faces)], 1500.0, alpha=1.0).astype(int)
    for picture in (turned, straight):
        left, right = picture[100:140, 110:140].mean(), picture[100:140, 180:210].mean()
        top, bottom = picture[60:90, 140:180].mean(), picture[150:180, 140:180].mean()
        assert left > right + 20
        assert top > bottom + 20
    inner = np.s_[60:180, 100:220]
    assert np.abs(turned[inner] - straight[inner]).mean() < 3


def test_alpha_lets_the_picture_through():
    mesh = Mesh(*triangle(0.5), "right")
    full, half = (draw_meshes(GREY, [mesh], 1000.0, alpha=a)[120, 160].astype(float) for a in (1.0, 0.5))
    np.testing.assert_allclose(half, (full + 60) / 2, atol=1)
    np.testing.assert_array_equal(draw_meshes(GREY, [mesh], 1000.0, alpha=0.0), GREY)


def test_each_mesh_has_its_own_focal_length():
    small, large = (
        covered(draw_meshes(GREY, [Mesh(*triangle(0.5)), Mesh(*triangle(0.5))], [400.0, f])).sum() for f in (400, 900)
    )
    assert large > 4 * small


def test_what_is_not_before_the_camera_is_not_drawn():
    behind, beside = triangle(-0.5), (triangle(0.5)[0] + [9, 0, 0], np.array([[0, 1, 2]]))
    lost = (np.full((3, 3), np.nan), np.array([[0, 1, 2]]))
    through = (np.array([[0, 0, 1.0], [0.1, 0, 1.0], [0, 0.1, -1.0]]), np.array([[0, 1, 2]]))
    for vertices, faces in (behind, beside, lost, through, (np.zeros((0, 3)), np.zeros((0, 3), int))):
        np.testing.assert_array_equal(draw_meshes(GREY, [Mesh(vertices, faces)], 1000.0), GREY)
    np.testing.assert_array_equal(draw_meshes(GREY, [], 1000.0), GREY)


def test_a_mesh_that_is_nearly_at_the_camera_overflows_nothing():
    drawn = draw_meshes(
        GREY, [Mesh(*triangle(1e-4)), Mesh(triangle(1.0)[0] * [1e6, 1e6, 1], np.array([[0, 1, 2]]))], 1e6
    )
    assert drawn.shape == GREY.shape


@pytest.mark.parametrize(("focal", "alpha"), [(0.0, 0.5), (np.nan, 0.5), (900.0, 1.5), ([1.0, 2.0], 0.5)])
def test_nonsense_is_refused(focal, alpha):
    with pytest.raises(ValueError, match="cannot draw 1 meshes"):
        draw_meshes(GREY, [Mesh(*triangle(0.5))], focal, alpha=alpha)
