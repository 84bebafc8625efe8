"""A model's hands for FreiHAND or HO-3D, as the file that their servers took: `[xyz, verts]`.

A model speaks HInt's order, x right, y down, z away, about its own origin. The file has the benchmark's order and axes.
Where the hand stands before the camera is the model's word, too, with a camera of its own making; the benchmark knows
the real one, so the hand is put where the real camera sees it in the same place and of the same size.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit import __version__
from hint_toolkit.errors import InputError
from hint_toolkit.flows.pose3d import as_protocol
from hint_toolkit.io.atomic import write_json
from hint_toolkit.io.benchmarks3d.base import Benchmark3D
from hint_toolkit.io.benchmarks3d.boxes import HandBoxes
from hint_toolkit.io.benchmarks3d.freihand import read_freihand
from hint_toolkit.io.benchmarks3d.ho3d import read_ho3d
from hint_toolkit.io.npz import file_sha256
from hint_toolkit.io.picture_size import picture_facts
from hint_toolkit.io.pose3d import Hands3D
from hint_toolkit.io.pose3d_writer import N_VERTICES, Pose3DWriter
from hint_toolkit.joints import WRIST
from hint_toolkit.prelabel.base import Ask, Detection, Detector, Pose3D, Prompt, detect_all
from hint_toolkit.protocol import FREIHAND, POSE3D_PROTOCOLS

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]
PLACES: Final = {
    "camera": "before the benchmark's camera, by its intrinsics",
    "wrist": "about the wrist; only aligned scores count",
}
TIPS: Final = {"model": "the model's own fingertips", "benchmark": "the mesh vertices that the benchmark's truth takes"}
_TIP_JOINTS: Final = (4, 8, 12, 16, 20)


@dataclass(frozen=True)
class Pose3DReport:
    """What became of it.

    Attributes:
        out: the file.
        facts: what lies beside it: model, boxes, order, ..
        hands: how many.
        resumed: how many an earlier run had left.
        missing: names of pictures in which the model found no hand.
        packed: the zip, if one was wanted.
    """

    out: Path
    facts: Path
    hands: int
    resumed: int
    missing: tuple[str, ...]
    packed: Path | None = None


def open_benchmark(name: str, root: Path) -> Benchmark3D:
    """An evaluation set by the name of its protocol.

    Raises:
        InputError: there is no such benchmark, or it is not in this folder.
    """
    if name not in POSE3D_PROTOCOLS:
        raise InputError(f"no benchmark {name!r}", next_step=f"use one of: {', '.join(POSE3D_PROTOCOLS)}")
    return read_freihand(root) if name == FREIHAND.name else read_ho3d(root, POSE3D_PROTOCOLS[name])


def predict_pose3d(
    benchmark: Benchmark3D,
    boxes: HandBoxes,
    detector: Detector,
    out: Path,
    *,
    place: str = "camera",
    tips: str = "model",
    packed: bool = False,
    workers: int = 0,
    progress: Progress | None = None,
) -> Pose3DReport:
    """Ask the model about every picture and write its file, with a record of how it was made beside it.

    A killed run goes on where it was. A hand that is not found is written as zeros, which is the benchmarks' rule.

    Args:
        benchmark: of `open_benchmark`.
        boxes: of `io.benchmarks3d.boxes.hand_boxes`.
        detector: open; one that gives hands in space.
        out: the .json.
        place: a word of `PLACES`.
        tips: a word of `TIPS`.
        packed: also write a .zip of the same name, which holds it as pred.json.
        workers: processes that read pictures and cut crops, where the model can use them.
        progress: called with pictures done and their number.

    Raises:
        InputError: the model gives no hands in space, or a file of the benchmark is missing or not what it should be.
    """
    for word, known in ((place, PLACES), (tips, TIPS)):
        if word not in known:
            raise InputError(f"no {word!r}", next_step=f"use one of: {', '.join(known)}")
    if out.suffix != ".json":
        raise InputError("the file must end in .json", where=str(out))
    names, total = benchmark.names, len(benchmark.names)
    record = _record(benchmark, boxes, detector, place, tips)
    with Pose3DWriter(out, repr(sorted((record | {"root": str(benchmark.root.resolve())}).items()))) as writer:
        resumed = writer.done
        for k, found in enumerate(detect_all(detector, _asks(benchmark, boxes, resumed), workers=workers), resumed):
            writer.add(*_placed(benchmark, k, found[0], place, tips))
            if progress:
                progress(k + 1, total)
        archive = out.with_suffix(".zip") if packed else None
        writer.finish(packed=archive)
    missing = tuple(names[k] for k in writer.empty)
    facts = out.with_name(f"{out.stem}.facts.json")
    write_json(facts, record | {"pred_sha256": file_sha256(out), "not_found": list(missing)})
    return Pose3DReport(out, facts, total, resumed, missing, archive)


def _asks(benchmark: Benchmark3D, boxes: HandBoxes, first: int) -> Iterator[Ask]:
    for k in range(first, len(benchmark.names)):
        yield Ask(benchmark.pictures[k], (Prompt(boxes.of(k), "right", origin=boxes.source),))


def _placed(
    benchmark: Benchmark3D, k: int, found: Detection | None, place: str, tips: str
) -> tuple[Floats, Floats] | tuple[None, None]:
    """Joints and vertices as the file has them."""
    if found is None:
        return None, None
    pose = found.pose3d
    if pose is None or len(pose.vertices) != N_VERTICES:
        what = "gives no hands in space" if pose is None else f"gives meshes of {len(pose.vertices)} vertices"
        raise InputError(f"the model {what}, and joints with MANO's {N_VERTICES} vertices are wanted",
                         next_step="use --model hamer")  # fmt: skip
    joints = pose.joints.copy()
    if tips == "benchmark":
        joints[list(_TIP_JOINTS)] = pose.vertices[list(benchmark.tips)]
    moved = -joints[WRIST] if place == "wrist" else before_camera(pose, benchmark.camera(k), benchmark.pictures[k])
    hand = Hands3D((joints + moved)[None], (pose.vertices + moved)[None])
    turned = as_protocol(hand, benchmark.protocol, joint_order="hint", axes="opencv")
    return turned.joints[0], turned.vertices[0]


def before_camera(pose: Pose3D, camera: Floats, picture: Path) -> Floats:
    """(3,) metres: where a camera of these intrinsics sees the hand's origin in its pixel, and the hand of its size.

    Args:
        pose: with a translation before a camera of its own focal length, in the middle of the picture.
        camera: (3, 3) pixels.
        picture: the file, for its size.
    """
    size = picture_facts(picture)
    x, y, z = pose.translation
    focal = np.array([camera[0, 0], camera[1, 1]])
    # A hand is small against its distance, so its size in pixels is focal length over depth.
    depth = z * float(focal.mean()) / pose.focal
    pixel = pose.focal * np.array([x, y]) / z + np.array([size.width, size.height]) / 2
    return np.append((pixel - camera[:2, 2]) * depth / focal, depth)


def _record(benchmark: Benchmark3D, boxes: HandBoxes, detector: Detector, place: str, tips: str) -> dict[str, Any]:
    """How the file was made; plain JSON."""
    rules = benchmark.protocol
    return {
        "schema": "hint-pose3d-predictions/1",
        "toolkit": __version__,
        "benchmark": rules.name,
        "images": len(benchmark.names),
        "official_images": rules.images,
        "method": detector.name,
        "model": dict(getattr(detector, "facts", {})),
        **boxes.facts,
        "side": "right, as in all of the benchmark",
        "joint_order": rules.joint_order,
        "axes": rules.axes,
        "unit": "m",
        "place": f"{place}: {PLACES[place]}",
        "tips": f"{tips}: {TIPS[tips]}",
    }
