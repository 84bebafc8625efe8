"""What is kept of a video's frames: detections and boxes as plain JSON and back, the hand in space included."""

import fcntl
import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.io.kept import Kept
from hint_toolkit.prelabel.base import Detection, Pose3D, Prompt

_FLAT: Final = ("points", "score", "box", "occlusion")
_SOLID: Final = tuple(one.name for one in fields(Pose3D) if one.name not in ("vertices", "focal"))


class Held:
    """A file of `io.kept`, or, while another process writes it, a table of this run's own that is lost with it."""

    def __init__(self, folder: Path, name: str) -> None:
        """Open it.

        Args:
            folder: made if there is none.
            name: as for `Kept`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock").open("w")
        self._own: dict[str, Any] = {}
        self._kept: Kept | None = None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        self._kept = Kept(folder, name)

    def __contains__(self, key: str) -> bool:
        return key in (self._own if self._kept is None else self._kept)

    def __getitem__(self, key: str) -> Any:
        return self._own[key] if self._kept is None else self._kept[key]

    def keep(self, key: str, value: Any) -> None:
        """Add a result."""
        if self._kept is None:
            self._own.setdefault(key, value)
        else:
            self._kept.keep(key, value)

    def close(self) -> None:
        """Let the file go."""
        if self._kept is not None:
            self._kept.close()
        self._lock.close()


def pack(found: Detection | None, *, vertices: bool = False) -> dict[str, Any] | None:
    """A detection as JSON; NaN becomes null there.

    Args:
        found: None where nothing was seen.
        vertices: whether the mesh is kept; to seven digits, as networks give it.
    """
    if found is None:
        return None
    value: dict[str, Any] = {name: _plain(getattr(found, name)) for name in _FLAT}
    value |= {"side": found.side, "presence": float(found.presence), "side_score": float(found.side_score)}
    if found.pose3d is not None:
        solid = {name: _plain(getattr(found.pose3d, name)) for name in _SOLID}
        mesh = np.ascontiguousarray(found.pose3d.vertices, np.float32) if vertices else np.zeros((0, 3), np.float32)
        value["pose3d"] = solid | {"vertices": mesh, "focal": float(found.pose3d.focal)}
    return value


def unpack(value: Mapping[str, Any] | None) -> Detection | None:
    """The detection again."""
    if value is None:
        return None
    solid = value.get("pose3d")
    return Detection(
        **{name: _numbers(value[name]) for name in _FLAT},
        side=value["side"],
        presence=_number(value["presence"]),
        side_score=_number(value["side_score"]),
        pose3d=None
        if solid is None
        else Pose3D(
            **{name: _numbers(solid[name]) for name in _SOLID},
            vertices=np.array(solid["vertices"], np.float32).astype(np.float64).reshape(-1, 3),
            focal=_number(solid["focal"]),
        ),
    )


def pack_prompt(prompt: Prompt | None) -> dict[str, Any] | None:
    """A box as JSON."""
    if prompt is None:
        return None
    return {
        "box": _plain(prompt.box),
        "side": prompt.side,
        "score": float(prompt.score),
        "origin": prompt.origin,
        "id": prompt.id,
    }


def unpack_prompt(value: Mapping[str, Any] | None) -> Prompt | None:
    """The box again."""
    if value is None:
        return None
    score = _number(value["score"])
    return Prompt(_numbers(value["box"]), value["side"], score, value["origin"], value["id"])


def _plain(value: Any) -> NDArray[np.float64]:
    """As the writer of JSON wants arrays: in one piece."""
    return np.ascontiguousarray(value, np.float64)


def _numbers(value: Any) -> NDArray[np.float64]:
    return np.array(value, dtype=np.float64)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
