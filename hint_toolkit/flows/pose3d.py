"""3D predictions against FreiHAND or HO-3D: every number of the official scripts, and HaMeR's alignment beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError
from hint_toolkit.io.pose3d import Hands3D
from hint_toolkit.joints import FROM_HINT, TO_HINT
from hint_toolkit.metrics.align import follow, procrustes, scale_translation, similarity
from hint_toolkit.metrics.pose3d import ErrorSums, error_sums, f_scores
from hint_toolkit.protocol import Pose3DProtocol

Floats = NDArray[np.float64]
UNITS: Final = {"m": 1.0, "cm": 0.01, "mm": 0.001}
ALIGNMENTS: Final = {
    "none": "as predicted",
    "procrustes": "orthogonal Procrustes with scale, reflections allowed (official)",
    "similarity": "rotation, scale and translation, no reflection (HaMeR)",
    "scale-translation": "scale by |joint 4 - wrist|, wrist on the truth's (HO-3D official)",
}
_CHUNK: Final = 256  # images at once: 778 vertices of them and their copies stay below 50 MB
_OFFICIAL: Final = {
    ("joints", "none"): "xyz",
    ("joints", "procrustes"): "xyz_al",
    ("joints", "scale-translation"): "xyz_scale_trans_al",
    ("vertices", "none"): "mesh",
    ("vertices", "procrustes"): "mesh_al",
}
Progress = Callable[[int, int], None]


@dataclass
class _Sums:
    """What grows from chunk to chunk."""

    errors: dict[tuple[str, str], ErrorSums]
    f: dict[str, list[Floats]]
    collapsed: dict[str, int]

    def add(self, what: str, alignment: str, errors: ErrorSums) -> None:
        key = (what, alignment)
        self.errors[key] = self.errors[key] + errors if key in self.errors else errors


def as_protocol(
    hands: Hands3D,
    protocol: Pose3DProtocol,
    *,
    unit: str = "m",
    joint_order: str | None = None,
    axes: str | None = None,
) -> Hands3D:
    """Predictions in the protocol's unit, joint order and axes.

    Args:
        hands: as read.
        protocol: where they go.
        unit: of the file, a key of `UNITS`.
        joint_order: of the file, a key of `joints.TO_HINT`; None when it is the protocol's.
        axes: of the file, "opencv" or "opengl"; None when they are the protocol's.
    """
    joints, vertices = hands.joints * UNITS[unit], hands.vertices * UNITS[unit]
    if joint_order is not None:
        joints = joints[:, TO_HINT[joint_order]][:, FROM_HINT[protocol.joint_order]]
    if axes is not None and axes != protocol.axes:
        turn = np.array([1.0, -1.0, -1.0])
        joints, vertices = joints * turn, vertices * turn
    return Hands3D(joints, vertices, hands.sha256)


def score_pose3d(
    truth: Hands3D, predicted: Hands3D, protocol: Pose3DProtocol, *, progress: Progress | None = None
) -> dict[str, Any]:
    """All numbers of a protocol, as plain JSON; see docs/results.md.

    Args:
        truth: in the protocol's joint order and axes, metres.
        predicted: likewise (`as_protocol`), image by image in the same order.
        protocol: the rules.
        progress: called with (images done, images).

    Raises:
        InputError: no image, or another number of images.
    """
    n = len(truth.joints)
    if not n or len(predicted.joints) != n:
        raise InputError(
            f"the truth has {n} images and the predictions {len(predicted.joints)}",
            why="they are matched by position",
            next_step="write one entry an image, in the order of the evaluation set",
        )
    sums = _Sums({}, {"none": [], "procrustes": []}, {"similarity": 0, "scale-translation": 0})
    for first in range(0, n, _CHUNK):
        part = slice(first, first + _CHUNK)
        _add_chunk(sums, _images(truth, part), _images(predicted, part), protocol)
        if progress:
            progress(min(first + _CHUNK, n), n)
    rows = [_error_row(what, alignment, one, sums, n) for (what, alignment), one in sums.errors.items()]
    f_rows = _f_rows(sums, protocol)
    return {
        "schema": "hint-pose3d/1",
        "protocol": protocol.name,
        "protocol_source": protocol.source,
        "toolkit": __version__,
        "images": n,
        "truth": {"sha256": truth.sha256},
        "predictions": {"sha256": predicted.sha256},
        "alignments": {name: text for name, text in ALIGNMENTS.items() if any(r["alignment"] == name for r in rows)},
        "rows": rows + f_rows,
        "scores_txt": _scores_txt(rows, f_rows, protocol),
        "notes": [*_notes(truth, predicted, protocol), *_collapsed_notes(sums, n)],
    }


def _images(hands: Hands3D, part: slice) -> tuple[Floats, Floats]:
    return hands.joints[part], hands.vertices[part]


def _add_chunk(sums: _Sums, truth: tuple[Floats, Floats], predicted: tuple[Floats, Floats], p: Pose3DProtocol) -> None:
    (joints, verts), (p_joints, p_verts) = truth, predicted
    steps: Floats = np.linspace(0.0, p.auc_to, p.auc_steps, dtype=np.float64)
    limits = np.array(p.f_thresholds)
    moved, transform = procrustes(joints, p_joints)
    turned, flat = similarity(joints, p_joints)
    sums.collapsed["similarity"] += int(flat.sum())
    sums.add("joints", "none", error_sums(joints, p_joints, steps))
    sums.add("joints", "procrustes", error_sums(joints, moved, steps))
    sums.add("joints", "similarity", error_sums(joints, turned, steps))
    if p.scale_translation:
        scaled, flat = scale_translation(joints, p_joints)
        sums.collapsed["scale-translation"] += int(flat.sum())
        sums.add("joints", "scale-translation", error_sums(joints, scaled, steps))
    if p_verts.shape == verts.shape:
        moved_verts, _ = procrustes(verts, p_verts)
        sums.add("vertices", "none", error_sums(verts, p_verts, steps))
        sums.add("vertices", "procrustes", error_sums(verts, moved_verts, steps))
        sums.add("vertices", "similarity", error_sums(verts, similarity(verts, p_verts)[0], steps))
    else:
        moved_verts = follow(p_verts, transform)
    sums.f["none"].append(f_scores(verts, p_verts, limits))
    sums.f["procrustes"].append(f_scores(verts, moved_verts, limits))


def _error_row(what: str, alignment: str, errors: ErrorSums, sums: _Sums, n: int) -> dict[str, Any]:
    """MPJPE or MPVPE, its AUC and its curve. Not defined when no prediction has an extent to be scaled."""
    defined = sums.collapsed.get(alignment, 0) < n and errors.mean is not None
    name = ("PA-" if alignment in ("procrustes", "similarity") else "ST-" if alignment != "none" else "") + (
        "MPJPE" if what == "joints" else "MPVPE"
    )
    mean = errors.mean if defined else None
    return {
        "measure": name,
        "what": what,
        "alignment": alignment,
        "cm": None if mean is None else mean * 100,
        "mm": None if mean is None else mean * 1000,
        "auc": errors.auc if defined else None,
        "curve": {"thresholds_mm": (errors.thresholds * 1000).tolist(), "values": errors.curve.tolist()}
        if defined
        else None,
    }


def _f_rows(sums: _Sums, protocol: Pose3DProtocol) -> list[dict[str, Any]]:
    rows = []
    for alignment, parts in sums.f.items():
        values = np.concatenate(parts).mean(axis=0)
        for threshold, value in zip(protocol.f_thresholds, values.tolist(), strict=True):
            mm = round(threshold * 1000)
            rows.append(
                {"measure": f"F@{mm}", "what": "vertices", "alignment": alignment, "value": value, "threshold_mm": mm}
            )
    return rows


def _scores_txt(rows: list[dict[str, Any]], f_rows: list[dict[str, Any]], protocol: Pose3DProtocol) -> dict[str, Any]:
    """The same numbers under the names of the official scores.txt; means in cm."""
    found: dict[str, Any] = {}
    for row in rows:
        name = _OFFICIAL.get((row["what"], row["alignment"]))
        if name:
            name = "xyz_procrustes_al" if name == "xyz_al" and protocol.scale_translation else name
            found |= {f"{name}_mean3d": row["cm"], f"{name}_auc3d": row["auc"]}
    for row in f_rows:
        prefix = "f_score" if row["alignment"] == "none" else "f_al_score"
        found[f"{prefix}_{row['threshold_mm']}"] = row["value"]
    return found


def _collapsed_notes(sums: _Sums, n: int) -> list[str]:
    return [
        f"{count} of {n} predictions are a single point, which {name} cannot scale"
        + ("; n/a" if count == n else "; they are moved and not scaled")
        for name, count in sums.collapsed.items()
        if count
    ]


def _notes(truth: Hands3D, predicted: Hands3D, protocol: Pose3DProtocol) -> list[str]:
    """What a reader should know, and what looks like a wrong unit, joint order or axes. Nothing is corrected."""
    notes = []
    n = len(truth.joints)
    if n != protocol.images:
        notes.append(f"{n} images; the official test set of {protocol.name} has {protocol.images}")
    if predicted.vertices.shape[1] != truth.vertices.shape[1]:
        notes.append(
            f"{predicted.vertices.shape[1]} vertices are predicted, the truth has {truth.vertices.shape[1]}: no MPVPE, "
            "and aligned F-scores use the joints' transform, as the official code does"
        )
    if not np.abs(predicted.joints).any():
        return notes
    if (predicted.joints[:, 0] == 0).all():
        notes.append(
            "predicted joints are relative to the wrist (HaMeR's eval.py writes such): only aligned scores count"
        )
    return notes + _suspicions(truth.joints, predicted.joints, protocol)


def _suspicions(truth: Floats, predicted: Floats, protocol: Pose3DProtocol) -> list[str]:
    """Which option would make the wrist-relative error at least three times smaller."""

    def error(points: Floats) -> float:
        offset = (points - points[:, :1]) - (truth - truth[:, :1])
        return float(np.sqrt((offset**2).sum(axis=2)).mean())

    other = "hint" if protocol.joint_order == "ho3d" else "mano"
    swapped = predicted[:, TO_HINT[other]][:, FROM_HINT[protocol.joint_order]]
    axes = "opencv" if protocol.axes == "opengl" else "opengl"
    turn = np.array([1.0, -1.0, -1.0])
    tries = {
        "--unit mm": predicted * 0.001,
        "--unit cm": predicted * 0.01,
        f"--joint-order {other}": swapped,
        f"--axes {axes}": predicted * turn,
        f"--joint-order {other} --axes {axes}": swapped * turn,
    }
    now = error(predicted)
    best = min(tries, key=lambda name: error(tries[name]))
    if error(tries[best]) * 3 > now:
        return []
    return [
        f"with {best} the wrist-relative error would be {error(tries[best]) * 1000:.1f} mm, not {now * 1000:.1f} mm"
    ]
