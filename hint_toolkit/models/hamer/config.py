"""model_config.yaml beside HaMeR's checkpoint: the few numbers of it that change an answer."""

import re
from dataclasses import dataclass
from pathlib import Path

from hint_toolkit.errors import InputError
from hint_toolkit.models.hamer.backbones import VIT, own_size
from hint_toolkit.models.hamer.camera import FOCAL, IMAGE_SIZE
from hint_toolkit.models.hamer.decoder import DEPTH as HEAD_DEPTH

_HEAD = "MODEL.MANO_HEAD"
_FORM = {
    f"{_HEAD}.TYPE": "transformer_decoder",
    f"{_HEAD}.IEF_ITERS": "1",
    f"{_HEAD}.JOINT_REP": "6d",
    f"{_HEAD}.TRANSFORMER_INPUT": "zero",
    f"{_HEAD}.TRANSFORMER_DECODER.heads": "8",
    f"{_HEAD}.TRANSFORMER_DECODER.dim_head": "64",
    f"{_HEAD}.TRANSFORMER_DECODER.norm": "layer",
}
"""What the tensors' shapes do not say and what changes the numbers; other values are another network."""
_MOST_LAYERS = 64
_LINE = re.compile(r"^(?P<indent>\s*)(?P<key>[A-Za-z_][\w.]*):\s*(?P<value>[^#\n]*?)\s*(#.*)?$")


@dataclass(frozen=True)
class HamerConfig:
    """What the network is used with.

    Attributes:
        focal: pixels, of the crop's camera.
        image_size: pixels of the square crop.
        backbone: "vit", or a name of timm (`backbones`).
        head_depth: layers of the decoder.
    """

    focal: float = FOCAL
    image_size: int = IMAGE_SIZE
    backbone: str = VIT
    head_depth: int = HEAD_DEPTH


def read_config(path: Path) -> HamerConfig:
    """Read the file; what it does not name keeps the published value.

    Raises:
        InputError: no such file, a number that is none, or a backbone or crop that this network is not.
    """
    try:
        leaves = _leaves(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", where=str(path), why=str(error)) from error
    for key, value in _FORM.items():
        if key in leaves and leaves[key] != value:
            raise InputError(f"{key} is {leaves[key]!r}, this network is {value!r}", where=str(path))
    focal = _number(leaves, "EXTRA.FOCAL_LENGTH", FOCAL, path)
    size = _number(leaves, "MODEL.IMAGE_SIZE", IMAGE_SIZE, path)
    if size != IMAGE_SIZE or focal <= 0:
        raise InputError(f"wants crops of {size:g} pixels and a focal length of {focal:g}", where=str(path))
    depth = _number(leaves, f"{_HEAD}.TRANSFORMER_DECODER.depth", HEAD_DEPTH, path)
    if not (depth.is_integer() and 0 < depth <= _MOST_LAYERS):
        raise InputError(f"wants a head of {depth:g} layers", where=str(path))
    return HamerConfig(focal, int(size), _backbone(leaves, path), int(depth))


def _backbone(leaves: dict[str, str], path: Path) -> str:
    """What this toolkit writes for a backbone of timm: `TYPE: timm` and its `NAME`."""
    kind = leaves.get("MODEL.BACKBONE.TYPE", VIT)
    if kind == VIT:
        return VIT
    name = leaves.get("MODEL.BACKBONE.NAME", "")
    if kind != "timm" or not name or own_size(name):
        raise InputError(
            f"MODEL.BACKBONE.TYPE is {kind!r}, this network is 'vit', or 'timm' with a NAME", where=str(path)
        )
    return name


def _number(leaves: dict[str, str], key: str, otherwise: float, path: Path) -> float:
    try:
        return float(leaves.get(key, otherwise))
    except ValueError as error:
        raise InputError(f"{key} is {leaves[key]!r}, no number", where=str(path)) from error


def _leaves(text: str) -> dict[str, str]:
    """`A.B.C` -> text of every `key: value`; lists and everything else of YAML is passed over."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        indent = len(match["indent"])
        while path and path[-1][0] >= indent:
            path.pop()
        path.append((indent, match["key"]))
        if match["value"]:
            found[".".join(key for _, key in path)] = match["value"].strip("'\"")
    return found
