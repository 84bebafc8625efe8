"""hamer.ckpt as it was downloaded: its tensors, and nothing that it might want to run.

A Lightning checkpoint is a pickle. torch reads it with `weights_only`, which knows tensors and plain containers and
refuses everything else. The hyper-parameters beside the tensors may be objects of yacs or omegaconf; their classes are
replaced by an empty table that ignores what it is given, so that nothing of theirs runs either. The file is mapped into
memory, not read: tensors come from the disk when they are used.
"""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.models._torchvision import import_torch
from hint_toolkit.models.hamer.decoder import DEPTH as HEAD_DEPTH
from hint_toolkit.models.hamer.decoder import head_shapes
from hint_toolkit.models.hamer.mano import BUFFERS
from hint_toolkit.models.state import Shape, account
from hint_toolkit.models.vit import backbone_shapes, backbone_size

GET: Final = "hint-build weights says where to get it"
_PASSED_OVER: Final = ("discriminator.", "initialized", "mano.body_pose")
"""Of training only."""
_MANY: Final = 64
"""Depth and names that a file may ask for; more is no checkpoint of ours."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The tensors that HaMeR needs, by their official names: `backbone.`, `mano_head.`, and `mano.` where it is there.

    Raises:
        MissingExtra: torch is not installed.
        InputError: no such file, none of torch's, half a file, one that wants to run something, or one whose tensors
            are not HaMeR's; names them.
    """
    content = _loaded(path)
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(hasattr(value, "shape") for value in state.values()):
        raise InputError("holds no table of tensors", where=str(path), next_step=GET)
    found = {str(key): value for key, value in state.items() if not str(key).startswith(_PASSED_OVER)}
    shapes, optional = hamer_shapes(found)
    account(found, shapes, where=str(path), optional=optional)
    return found


def hamer_shapes(state: Mapping[str, Any]) -> tuple[dict[str, Shape], set[str]]:
    """Key -> shape of a HaMeR of this depth and width, and which of the keys may be missing (MANO's own)."""
    depth, width = backbone_size(state)
    depth, width = min(max(depth, 1), _MANY), width or 1280
    mano = {f"mano.{name}": shape for name, shape in BUFFERS.items()}
    return backbone_shapes(depth, width) | head_shapes(width, HEAD_DEPTH) | mano, set(mano)


def _loaded(path: Path) -> Any:
    torch = import_torch()
    if not path.is_file():
        raise InputError("no such checkpoint", where=str(path), next_step=GET)
    try:
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except Exception:  # it may hold hyper-parameters of other classes
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
            if not names or len(names) > _MANY or not all(_harmless(name) for name in names):
                raise
            stubs = [(_stub(), name) for name in names]
            with torch.serialization.safe_globals(stubs):
                return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError and more
        text = " ".join(str(error).split())
        raise InputError("cannot be read as a checkpoint", where=str(path), why=text[:160], next_step=GET) from error


def _harmless(name: str) -> bool:
    """Whether a class is of a library of settings; anything else has no business in a checkpoint."""
    return name.split(".")[0] in ("omegaconf", "yacs", "typing", "collections", "hamer", "builtins")


def _stub() -> type:
    """A class whose objects are empty tables, whatever they are made of: weights_only then lets them be filled."""

    class Inert(OrderedDict):  # type: ignore[type-arg]
        """Nothing."""

        def __new__(cls, *_: Any, **__: Any) -> Any:
            """An empty table."""
            return OrderedDict()

    return Inert
