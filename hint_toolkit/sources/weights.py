"""Weights that the toolkit may not ship: what there is, where it comes from, under which licence, and where it lies.

Each is looked for in this order: a path given, an environment variable of its own, the folder $HINT_WEIGHTS (the
cache if it is not set) in the layout of HaMeR's own download. A variable may name a file, or a folder of that layout.

Where the sha256 come from (docs/weights.md): public projects that pin the same downloads, or that quote the storage of
the HaMeR authors' demo space. None of them is a promise by the authors, so another hash is said and never refused.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.sources._download import cache_folder

ENVIRONMENT: Final = "HINT_WEIGHTS"


@dataclass(frozen=True)
class WeightFile:
    """One file.

    Attributes:
        path: below the weights folder, as the official download lays it out.
        sha256: known contents, any of which is right; empty if none is known.
    """

    path: str
    sha256: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weights:
    """What one model needs.

    Attributes:
        name: as `find` takes it.
        what: in a few words.
        files: the first is the one that `find` gives.
        variable: environment variable that names the first file, or a folder.
        how: what to do to get them, as the end of a sentence.
        url: the page to begin at.
        licence: of the weights.
        fetched: whether the toolkit fetches them by itself; then they lie in the cache and nowhere else.
    """

    name: str
    what: str
    files: tuple[WeightFile, ...]
    variable: str
    how: str
    url: str
    licence: str
    fetched: bool = False


_HAMER_ARCHIVE = "https://www.cs.utexas.edu/~pavlakos/hamer/data/hamer_demo_data.tar.gz"

WEIGHTS: Final = MappingProxyType(
    {
        weights.name: weights
        for weights in (
            Weights(
                name="hamer",
                what="HaMeR's checkpoint and its configuration",
                files=(
                    WeightFile(
                        "_DATA/hamer_ckpts/checkpoints/hamer.ckpt",
                        ("e5cc06f294d88a92dee24e603480aab04de532b49f0e08200804ee7d90e16f53",),
                    ),
                    WeightFile(
                        "_DATA/hamer_ckpts/model_config.yaml",
                        (
                            "0e5eeb82752e47dfd01db8e13ccc4c5eba9bf83f53da8285523b8d3e87247aa3",  # in the archive
                            "2217f6bcf27ae4c074e2a33a3409d822bbfd02931373deedb9f71287adeabe16",  # in the demo space
                        ),
                    ),
                ),
                variable="HINT_HAMER",
                how=f"download and unpack {_HAMER_ARCHIVE} (6 GB)",
                url="https://github.com/geopavlakos/hamer",
                licence="MIT for the code, none stated for the weights; of no use without MANO, whose licence binds",
            ),
            Weights(
                name="mano",
                what="the MANO hand model, right hand",
                files=(
                    WeightFile(
                        "_DATA/data/mano/MANO_RIGHT.pkl",
                        ("45d60aa3b27ef9107a7afd4e00808f307fd91111e1cfa35afd5c4a62de264767",),
                    ),
                ),
                variable="HINT_MANO",
                how="register at https://mano.is.tue.mpg.de, accept the licence and take it out of mano_v1_2.zip",
                url="https://mano.is.tue.mpg.de",
                licence="MANO's own: research only, not commercial, not to be passed on",
            ),
            Weights(
                name="vitpose",
                what="ViTPose+ huge, whole body (or another ViTPose checkpoint of 133 or 21 keypoints)",
                files=(
                    WeightFile(
                        "_DATA/vitpose_ckpts/vitpose+_huge/wholebody.pth",
                        ("b0555e1e2392e6a2be2d9265368f344d70ccbfd656ad480aa5c1de2e604519c9",),
                    ),
                ),
                variable="HINT_VITPOSE",
                how=f"download and unpack {_HAMER_ARCHIVE} (6 GB), which holds it",
                url="https://github.com/ViTAE-Transformer/ViTPose",
                licence="Apache-2.0",
            ),
            Weights(
                name="rtmpose",
                what="RTMPose-m hand5, ONNX",
                files=(
                    WeightFile(
                        "rtmpose/end2end.onnx",
                        ("39e858936bca0f94c09847d4e70b68a51d6c0adac61f36b457fcadb54621cd29",),
                    ),
                ),
                variable="HINT_RTMPOSE",
                how="download https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk/"
                "rtmpose-m_simcc-hand5_pt-aic-coco_210e-256x256-74fb594_20230320.zip and take out end2end.onnx",
                url="https://github.com/open-mmlab/mmpose/tree/main/projects/rtmpose",
                licence="Apache-2.0",
            ),
            Weights(
                name="mediapipe",
                what="MediaPipe's hand landmarker",
                files=(
                    WeightFile(
                        "hand_landmarker.task",
                        (
                            "fbc2a30080c3c557093b5ddfc334698132eb341044ccee322ccf8bcf3607cde1",  # the official bundle
                            "6ffb9f160c8d3071434d550320b86b373259438e1dca40e696b1e249f1ac9dd8",  # made from the wheel
                        ),
                    ),
                ),
                variable="HINT_MEDIAPIPE_MODEL",
                how="nothing to do, the detector fetches it when it is first used; where it cannot, download "
                "https://storage.googleapis.com/mediapipe-models/hand_landmarker/hand_landmarker/float16/1/"
                "hand_landmarker.task",
                url="https://ai.google.dev/edge/mediapipe/solutions/vision/hand_landmarker",
                licence="Apache-2.0",
                fetched=True,
            ),
        )
    }
)


@dataclass(frozen=True)
class State:
    """What is known about one file on this machine.

    Attributes:
        name: of the weights it belongs to.
        path: where it is, or where it is looked for.
        there: whether it is.
        bytes: its size, 0 if it is not there.
        sha256: of the file, "" if it was not asked for or the file is not there.
        check: "ok", "differs", "unknown" (nothing to compare with), or "" where nothing was computed.
    """

    name: str
    path: Path
    there: bool
    bytes: int
    sha256: str
    check: str


def weights_folder() -> Path:
    """$HINT_WEIGHTS, else the cache folder."""
    own = os.environ.get(ENVIRONMENT)
    return Path(own) if own else cache_folder()


def find(name: str, given: Path | None = None) -> Path:
    """The first file of these weights.

    Args:
        name: a key of `WEIGHTS`.
        given: a file, or a folder of the official layout; nothing else is then looked at.

    Raises:
        InputError: it is not there; says what to get, from where, under which licence, and where to put it.
    """
    weights = _known(name)
    path = _place(weights, weights.files[0], given)
    if path.is_file():
        return path
    if given is not None or os.environ.get(weights.variable):
        source = "" if given is not None else f"{weights.variable} names it; "
        raise InputError(
            f"no such file: {weights.what}",
            where=str(path),
            next_step=f"{source}{weights.how}; licence: {weights.licence}",
        )
    raise InputError(
        f"the weights of {name} are not here ({weights.what}; licence: {weights.licence})",
        next_step=f"{weights.how}, then put it at {path} or set {weights.variable}",
    )


def report(names: Iterable[str] = (), *, verify: bool = False) -> list[State]:
    """Every file of the weights: there or missing, and whether it is the known one.

    Args:
        names: which weights; all when empty.
        verify: read every file and compare its sha256.

    Raises:
        InputError: no weights of that name.
    """
    chosen = [_known(name) for name in names] or list(WEIGHTS.values())
    return [_state(weights, file, verify) for weights in chosen for file in weights.files]


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read piece by piece."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _known(name: str) -> Weights:
    if name not in WEIGHTS:
        raise InputError(f"no weights {name!r}", next_step=f"choose one of: {shorten(WEIGHTS, len(WEIGHTS))}")
    return WEIGHTS[name]


def _place(weights: Weights, file: WeightFile, given: Path | None = None) -> Path:
    """Where a file is looked for: beside the given one if it is a further file of the same weights."""
    own = given or (Path(os.environ[weights.variable]) if os.environ.get(weights.variable) else None)
    if own is None:
        return (cache_folder() if weights.fetched else weights_folder()) / file.path
    if own.is_dir():
        bare = own / Path(file.path).name
        return bare if bare.is_file() else own / file.path
    if file is weights.files[0]:
        return own
    # The official layout has the further files at fixed places relative to the first.
    steps = os.path.relpath(file.path, Path(weights.files[0].path).parent)
    return Path(os.path.normpath(own.parent / steps))


def _state(weights: Weights, file: WeightFile, verify: bool) -> State:
    path = _place(weights, file)
    there = path.is_file()
    if not there:
        return State(weights.name, path, there=False, bytes=0, sha256="", check="")
    size = path.stat().st_size
    if not verify:
        return State(weights.name, path, there=True, bytes=size, sha256="", check="")
    digest = sha256_of(path)
    check = "unknown" if not file.sha256 else "ok" if digest in file.sha256 else "differs"
    return State(weights.name, path, there=True, bytes=size, sha256=digest, check=check)
