"""The mistakes that predictions are known to come with, each as the step that undoes it.

Where they were met: joint orders (HO-3D), crop outputs in [-0.5, 0.5] and mirrored left hands (HaMeR's network
output before it is mapped back), fractions of the image (MediaPipe), 3D joints taken for pixels, y up (OpenGL).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.geometry import Floats, finite
from hint_toolkit.joints import FROM_HINT, TO_HINT

_FINGERS_BACK = (0, *(4 * f + k for f in (4, 3, 2, 1, 0) for k in (1, 2, 3, 4)))
_ALL_BACK = (0, *range(20, 0, -1))
_WRIST_LAST = (20, *range(20))
_PIXELS = "write pixels of the original image"


@dataclass(frozen=True)
class Scene:
    """Predictions beside their truth, the first axis N hands.

    Attributes:
        points: (N, 21, 2) as they came, NaN where missing.
        truth: (N, 21, 2) pixels.
        exists: (N, 21) joints that the truth has.
        box: (N, 4) pixels.
        side: (N,) "left" or "right" of the truth.
        size: (N, 2) width and height of the images, 0 where unknown.
        partner: (N,) position of the other hand of the same image, -1 without one.
    """

    points: Floats
    truth: Floats
    exists: NDArray[np.bool_]
    box: Floats
    side: NDArray[np.str_]
    size: Floats
    partner: NDArray[np.int64]


@dataclass(frozen=True)
class Candidate:
    """A mistake: its family (one of each is found), key, name, remedy, and how much it takes from the truth.

    `freedom` counts the numbers that are taken from the truth, those taken from every hand tenfold.
    """

    family: str
    cause: str
    what: str
    remedy: str
    freedom: int = 0


@dataclass(frozen=True)
class Hypothesis:
    """A mistake undone: (N, 21, 2) points, and (N,) the hands that it concerns."""

    candidate: Candidate
    points: Floats
    group: NDArray[np.bool_]


def orders() -> Iterator[tuple[Candidate, tuple[int, ...]]]:
    """Wrong joint orders, and the permutation that mends each: `right = wrong[permutation]`."""
    known: set[tuple[int, ...]] = {TO_HINT["hint"]}
    for name, permutation in TO_HINT.items():
        if permutation not in known:
            known.add(permutation)
            what = f"the joints stand in the order of {_names(permutation)}"
            remedy = f'put "joint_order": "{name}" into the header, or pass --joint-order {name}'
            yield Candidate("order", f"order:{name}", what, remedy), permutation
    for name, permutation in FROM_HINT.items():
        if permutation not in known:
            known.add(permutation)
            what = f"the joints were permuted to {name} from HInt's order, or twice"
            remedy = f"leave that permutation out ({name} is applied the wrong way round)"
            yield Candidate("order", f"order:{name}-inverse", what, remedy), permutation
    for cause, permutation, what in (
        ("reversed-fingers", _FINGERS_BACK, "the fingers stand in the reversed order, pinky first"),
        ("reversed", _ALL_BACK, "the joints behind the wrist stand in the reversed order"),
        ("wrist-last", _WRIST_LAST, "the wrist stands last"),
    ):
        remedy = "write wrist, thumb, index, middle, ring, pinky, each from its base to its tip"
        yield Candidate("order", f"order:{cause}", what, remedy), permutation


def _names(permutation: tuple[int, ...]) -> str:
    return " / ".join(name for name, other in TO_HINT.items() if other == permutation)


def candidates(scene: Scene) -> Iterator[Hypothesis]:
    """Every mistake undone, the simpler before the more daring."""
    everyone = np.ones(len(scene.points), bool)
    for candidate, permutation in orders():
        yield Hypothesis(candidate, scene.points[:, list(permutation)], everyone)
    what, remedy = "x and y are swapped", "write [x, y], x to the right (not [row, column])"
    yield Hypothesis(Candidate("axes", "axes:swapped", what, remedy), scene.points[:, :, ::-1], everyone)
    yield from _swapped_hands(scene)
    yield from _mirrored(scene)
    yield from _upside_down(scene)
    if len(scene.points):
        yield from _global_fits(scene, everyone)


def _swapped_hands(scene: Scene) -> Iterator[Hypothesis]:
    both = scene.partner >= 0
    what, remedy = "left and right of the same image are swapped", "give each id the hand of its own side"
    points = np.where(both[:, None, None], scene.points[scene.partner], scene.points)
    yield Hypothesis(Candidate("side", "side:hands-swapped", what, remedy), points, both)


def _flips(scene: Scene, axis: int) -> Iterator[tuple[str, int, Floats]]:
    """Points reflected in x (0) or y (1): about the box, about the image, and about what fits each hand best."""
    center = (scene.box[:, axis] + scene.box[:, axis + 2]) / 2
    along = scene.points[:, :, axis]
    gap = np.where(scene.exists, scene.truth[:, :, axis] + along, np.nan)
    known = np.isfinite(gap).any(axis=1)
    fitted = np.zeros(len(gap))
    fitted[known] = np.nanmedian(gap[known], axis=1)
    middles = [("in its crop", 0, 2 * center)]
    if (scene.size[:, axis] > 0).all():
        middles.append(("in the image", 0, scene.size[:, axis] - 1))
    middles.append(("in the image", 10, fitted))
    for where, freedom, middle in middles:
        points = scene.points.copy()
        points[:, :, axis] = middle[:, None] - along
        yield where, freedom, points


def _mirrored(scene: Scene) -> Iterator[Hypothesis]:
    remedy = "mirror them back (x of a crop of width w: w - 1 - x) before they are mapped to the image"
    for where, freedom, points in _flips(scene, 0):
        for group in ("all", "left", "right"):
            chosen = np.ones(len(points), bool) if group == "all" else scene.side == group
            if group != "all" and (chosen.all() or not chosen.any()):
                continue
            hands = "all hands are" if group == "all" else f"{group} hands are"
            key = f"mirrored:{group}"
            yield Hypothesis(Candidate("mirror", key, f"{hands} mirrored {where}", remedy, freedom), points, chosen)


def _upside_down(scene: Scene) -> Iterator[Hypothesis]:
    remedy = "write y downwards from the top of the image (y of an image of height h: h - 1 - y)"
    for where, freedom, points in _flips(scene, 1):
        candidate = Candidate("axes", "axes:y-up", f"y points up {where}", remedy, freedom)
        yield Hypothesis(candidate, points, np.ones(len(points), bool))


def _global_fits(scene: Scene, everyone: NDArray[np.bool_]) -> Iterator[Hypothesis]:
    """Units and shifts. They are fitted to centres and spreads only, which no joint order changes."""
    known = finite(scene.points) & scene.exists & finite(scene.truth)
    if not known.any(axis=1).all():
        return
    mine, theirs = _center(scene.points, known), _center(scene.truth, known)
    reach = float(np.quantile(np.abs(scene.points[known]), 0.95))
    if reach <= 1.5:
        yield from _fractions(scene, mine, theirs, everyone)
    else:
        yield from _resized(scene, mine, theirs, everyone)
    wide = np.maximum(_spread(scene.points, known, mine), 1e-12), _spread(scene.truth, known, theirs)
    yield from _crop(scene, mine, theirs, wide, everyone)
    yield _corner(scene, mine, theirs, everyone)
    shift = np.median(theirs - mine, axis=0)
    what = f"everything is shifted by {-shift[0]:.1f}, {-shift[1]:.1f} pixels"
    remedy = f"add {shift[0]:.1f}, {shift[1]:.1f} to every point (is it a crop's corner?)"
    yield Hypothesis(Candidate("shift", "shift", what, remedy, 1), scene.points + shift, everyone)
    yield from _own_frame(scene, mine, theirs, wide, everyone)


def _center(points: Floats, known: NDArray[np.bool_]) -> Floats:
    total = np.where(known[:, :, None], points, 0.0).sum(axis=1)
    return np.asarray(total / known.sum(axis=1)[:, None])


def _spread(points: Floats, known: NDArray[np.bool_], center: Floats) -> Floats:
    """(N,) root mean square distance from the centre."""
    square = np.where(known, ((points - center[:, None]) ** 2).sum(axis=2), 0.0)
    return np.asarray(np.sqrt(square.sum(axis=1) / known.sum(axis=1)))


def _fractions(scene: Scene, mine: Floats, theirs: Floats, everyone: NDArray[np.bool_]) -> Iterator[Hypothesis]:
    """0..1 of the image; its size is estimated from the hands where nobody says it."""
    known = (scene.size > 0).all()
    size = scene.size if known else theirs / np.where(np.abs(mine) > 1e-6, mine, 1.0)
    remedy = f"{_PIXELS}: multiply x by its width and y by its height"
    what = "coordinates are fractions (0..1) of the image"
    candidate = Candidate("unit", "unit:image-fraction", what, remedy, 0 if known else 2)
    yield Hypothesis(candidate, scene.points * size[:, None], everyone)


def _resized(scene: Scene, mine: Floats, theirs: Floats, everyone: NDArray[np.bool_]) -> Iterator[Hypothesis]:
    usable = (np.abs(mine) > 1e-6).all(axis=1)
    if not usable.any():
        return
    factor = np.median(theirs[usable] / mine[usable], axis=0)
    if (factor <= 0).any() or (np.abs(np.log(factor)) < 0.05).all():
        return
    what = "coordinates belong to a resized image"
    remedy = f"{_PIXELS}: multiply x by about {factor[0]:.3g} and y by about {factor[1]:.3g}"
    yield Hypothesis(Candidate("unit", "unit:resized", what, remedy, 1), scene.points * factor, everyone)


def _crop(
    scene: Scene, mine: Floats, theirs: Floats, wide: tuple[Floats, Floats], everyone: NDArray[np.bool_]
) -> Iterator[Hypothesis]:
    """Coordinates of a square crop around the box: one scale and one offset for all hands."""
    middle = (scene.box[:, :2] + scene.box[:, 2:]) / 2
    side = (scene.box[:, 2:] - scene.box[:, :2]).max(axis=1)
    scale = float(np.median(wide[1] / side / wide[0]))
    offset = np.median((theirs - middle) / side[:, None] - scale * mine, axis=0)
    at = -offset / scale  # where the crop's centre lies in its own coordinates
    reach = float(np.quantile(np.abs(scene.points[np.isfinite(scene.points)]), 0.95))
    if reach <= 1.5 and np.abs(at).max() < 0.2:
        key, what = "unit:crop-centred", "coordinates run over -0.5..0.5 of a crop"
    elif reach <= 1.5:
        key, what = "unit:crop-fraction", "coordinates are fractions (0..1) of a crop"
    else:
        key, what = "unit:crop-pixels", f"coordinates are pixels of a crop of about {2 * at.mean():.0f} pixels"
    factor = scale * (2 * float(at.mean()) if key == "unit:crop-pixels" else 1.0)
    remedy = f"{_PIXELS}: map them back by the crop's centre and size (about {factor:.2g} x box)"
    if scale <= 0 or (key == "unit:crop-pixels" and (at < 8).any()):
        return
    points = (scene.points * scale + offset) * side[:, None, None] + middle[:, None]
    yield Hypothesis(Candidate("unit", key, what, remedy, 1), points, everyone)


def _corner(scene: Scene, mine: Floats, theirs: Floats, everyone: NDArray[np.bool_]) -> Hypothesis:
    """Pixels counted from the corner of a crop that was cut out, but not resized."""
    side = (scene.box[:, 2:] - scene.box[:, :2]).max(axis=1)[:, None]
    middle = (scene.box[:, :2] + scene.box[:, 2:]) / 2
    corner = middle + np.median((theirs - mine - middle) / side, axis=0) * side
    what, remedy = "pixels are counted from the corner of each crop", "add the corner of its crop to every point"
    return Hypothesis(Candidate("unit", "unit:crop-corner", what, remedy, 1), scene.points + corner[:, None], everyone)


def _own_frame(
    scene: Scene, mine: Floats, theirs: Floats, wide: tuple[Floats, Floats], everyone: NDArray[np.bool_]
) -> Iterator[Hypothesis]:
    """3D joints whose x and y were taken for pixels: right shape, no relation to the place in the image."""
    side = (scene.box[:, 2:] - scene.box[:, :2]).max(axis=1)
    away = np.hypot(*(mine - theirs).T) / side
    # Hands that are merely found in the wrong place lie in the image; 3D joints lie around the origin.
    around_origin = float((scene.points[np.isfinite(scene.points)] < 0).mean()) > 0.25
    if np.median(away) < 1.0 or not around_origin:
        return
    unit = "metres" if np.median(wide[0]) < 1.0 else "millimetres"
    what = f"x and y are those of 3D joints in {unit}, not pixels"
    remedy = "project the joints to the image; 3D joints are scored with: hint-eval pose3d"
    points = (scene.points - mine[:, None]) * (wide[1] / wide[0])[:, None, None] + theirs[:, None]
    yield Hypothesis(Candidate("unit", f"unit:{unit}", what, remedy, 10), points, everyone)
