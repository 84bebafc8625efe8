"""`import timm` where torchvision's compiled part does not fit the installed torch.

timm imports torchvision, and torchvision declares two of its operators for export when it is imported. The wheel of
some registries is built for CUDA; beside a CPU build of torch its compiled part does not load, and the import ends
with "operator torchvision::nms does not exist". Nothing here runs these operators, so declaring their signatures is
enough to get on. That is done only where the plain import fails, and only for operators that are missing.
"""

from typing import Any

from hint_toolkit.errors import MissingExtra

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")
_kept: list[Any] = []  # an operator library takes its declarations back when it is freed


def import_timm() -> Any:
    """The module `timm`.

    Raises:
        MissingExtra: torch, torchvision or timm is not installed.
    """
    import_torch()
    try:
        import timm
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declare_operators()
        import timm
    except ImportError as error:
        raise MissingExtra("timm", "models") from error
    return timm


def import_torch() -> Any:
    """The module `torch`.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", "models") from error
    return torch


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}{_SIGNATURE}")
    _kept.append(library)
