"""hamer.ckpt as it was downloaded: its tensors, and nothing that it might want to run.

A Lightning checkpoint is a pickle. torch reads it with `weights_only`, which knows tensors and plain containers and
refuses everything else. The hyper-parameters beside the tensors may be objects of yacs or omegaconf; their classes are
replaced by an empty table that ignores what it is given, so that nothing of theirs runs either. The file is mapped into
memory, not read: tensors come from the disk when they are used.
"""

import re
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError, shorten
from hint_toolkit.models._torchvision import import_torch
from hint_toolkit.models.hamer.backbones import shapes_of
from hint_toolkit.models.hamer.config import HamerConfig
from hint_toolkit.models.hamer.decoder import head_shapes
from hint_toolkit.models.hamer.mano import BUFFERS
from hint_toolkit.models.state import Shape, account

_WHAT: Final = "cannot be read as a checkpoint"
GET: Final = "hint-build weights says where to get it"
_PASSED_OVER: Final = ("discriminator.", "initialized", "mano.body_pose")
"""Of training only."""
_MANY: Final = 64
"""Names that a file may ask for; more is no checkpoint of ours."""
_LIBRARIES: Final = frozenset(
    {
        *("argparse", "collections", "hamer", "hydra", "numpy", "omegaconf", "pathlib", "torch", "typing", "yacs"),
        *("lightning", "lightning_fabric", "lightning_utilities", "pytorch_lightning", "torchmetrics"),
    }
)
_PLAIN_TYPES: Final = frozenset(
    {
        *("bool", "bytearray", "bytes", "complex", "float", "int", "object", "range", "slice", "str", "type"),
        *("dict", "frozenset", "list", "set", "tuple"),
    }
)


def read_checkpoint(path: Path, config: HamerConfig | None = None) -> dict[str, Any]:
    """The tensors that HaMeR needs, by their official names, weights in float32.

    `backbone.` and `mano_head.`; `mano.` where it is there.

    Args:
        path: of the file.
        config: of model_config.yaml, which names the backbone; None is HaMeR's own.

    Raises:
        MissingExtra: torch is not installed.
        InputError: no such file, none of torch's, half a file, one that wants to run something, or one whose tensors
            are not HaMeR's; names them.
    """
    found = {key: value for key, value in read_tensors(path).items() if not key.startswith(_PASSED_OVER)}
    shapes, optional = hamer_shapes(found, config or HamerConfig())
    account(found, shapes, where=str(path), optional=optional)
    # A copy in half precision runs as well; what is float32 already stays the file's own memory.
    return {key: value.float() if _is_weight(key, value) else value for key, value in found.items()}


def read_tensors(path: Path) -> dict[str, Any]:
    """All tensors of a file that torch wrote, by their names, as they are.

    Raises:
        MissingExtra: torch is not installed.
        InputError: as `read_checkpoint`, whatever network they are of.
    """
    content = _loaded(path)
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(hasattr(value, "shape") for value in state.values()):
        raise InputError("holds no table of tensors", where=str(path), next_step=GET)
    return {str(key): value for key, value in state.items()}


def _is_weight(key: str, value: Any) -> bool:
    return bool(value.is_floating_point()) and not key.startswith("mano.")


def hamer_shapes(state: Mapping[str, Any], config: HamerConfig) -> tuple[dict[str, Shape], set[str]]:
    """Key -> shape of a HaMeR of this depth and width, and which of the keys may be missing (MANO's own)."""
    backbone, width = shapes_of(config.backbone, state)
    mano = {f"mano.{name}": shape for name, shape in BUFFERS.items()}
    return backbone | head_shapes(width, config.head_depth) | mano, set(mano)


def _loaded(path: Path) -> Any:
    """What the file holds: tensors and plain values; settings of known libraries as empty tables.

    Raises:
        InputError: not there, none of torch's, damaged, or it asks to run something; the last is named.
    """
    torch = import_torch()
    if not path.is_file():
        raise InputError("no such checkpoint", where=str(path), next_step=GET)
    packed = zipfile.is_zipfile(path)  # what torch wrote before 1.6 is none, and cannot be mapped
    try:
        return _opened(torch, path, packed)
    except InputError:
        raise
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, ValueError and more
        raise InputError(_WHAT, where=str(path), why=_reason(error, packed), next_step=GET) from error


def _opened(torch: Any, path: Path, packed: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pickle protocols and sparse tensors, which nobody here chose
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=packed)
        except Exception:  # it may hold settings of other classes
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path) if packed else []
            if foreign := [name for name in names if not _of_settings(name)]:
                why = f"asks to run {shorten(foreign)}, which is not data"
                raise InputError(_WHAT, where=str(path), why=why, next_step=GET) from None
            if not names or len(names) > _MANY:
                raise
            with torch.serialization.safe_globals([(_stub(name), name) for name in names]):
                return torch.load(path, map_location="cpu", weights_only=True, mmap=packed)


def _reason(error: Exception, packed: bool) -> str:
    """The gist of torch's explanation, without its advice to load the file unsafely."""
    text = " ".join(str(error).split())
    if found := re.search(r"GLOBAL ([\w.]+)", text):
        return f"asks to run {found[1]}, which is not data"
    if not packed:
        return "no file that torch wrote, or half of one"
    if "Weights only load failed" in text or "Unsupported operand" in text:
        return "it holds more than tensors and plain values"
    return "a zip archive of something else, or damaged"


def _of_settings(name: str) -> bool:
    """Whether a class has any business beside the tensors; none of them is ever looked up, whatever this says."""
    module, _, attribute = name.partition(".")
    return attribute in _PLAIN_TYPES if module == "builtins" else module in _LIBRARIES


def _stub(name: str) -> type:
    """A class whose objects are empty, whatever they are made of and whatever is set on them.

    Tables can be filled only if they are an OrderedDict and nothing else; numpy's objects get a tuple as their state,
    which an OrderedDict does not take.
    """

    class Table(OrderedDict):  # type: ignore[type-arg]
        """Nothing."""

        def __new__(cls, *_: Any, **__: Any) -> Any:
            """An empty table."""
            return OrderedDict()

    class Nothing:
        """Nothing."""

        def __init__(self, *_: Any) -> None: ...

        def __setstate__(self, _: Any) -> None: ...

    return Nothing if name.startswith("numpy.") else Table
