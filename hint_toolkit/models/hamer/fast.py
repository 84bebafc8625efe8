"""The backbone in half precision, and compiled. Both on request: neither gives the same digits, nor pays on a CPU.

Half precision is that of the matrix products alone. Their weights are kept in it, once; what runs between the blocks,
the norms and the softmax stay in float32, which costs little time and most of the error (residuals of 32 blocks add
up). The head, MANO and the camera are always float32.

CUDA graphs are left out: with 64 hands the network is a few hundred kernels in tens of milliseconds, so the processor
is far ahead of the GPU without them.
"""

from typing import Any, Final, Literal

from hint_toolkit.errors import InputError

Precision = Literal["float32", "bf16", "fp16"]
PRECISIONS: Final[tuple[Precision, ...]] = ("float32", "bf16", "fp16")
_NAMES: Final = {"bf16": "bfloat16", "fp16": "float16"}


def hasten(network: Any, *, precision: Precision = "float32", compiled: bool = False, backend: Any = "inductor") -> Any:
    """Change a HaMeR of `network.build_hamer` for the better of its speed; gives it back.

    Args:
        network: on its device; its weights are replaced, so it is not for training afterwards.
        precision: of the backbone's matrix products.
        compiled: compile the backbone's blocks with torch.compile (without blocks, the whole). All blocks run the same
            code, which is compiled once, at the first call (about a minute), for the batch size of that call.
        backend: that compiles; for tests.

    Raises:
        InputError: there is no such precision.
    """
    import torch

    if precision not in PRECISIONS:
        raise InputError(f"precision={precision}", next_step=f"use one of: {', '.join(PRECISIONS)}")
    if precision != "float32":
        network.half = getattr(torch, _NAMES[precision])
        for module in network.backbone.modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
                module.to(network.half)
    if compiled:
        for block in getattr(network.backbone, "blocks", [network.backbone]):
            block.compile(dynamic=False, backend=backend)
    return network


def fused_attention(network: Any) -> bool:
    """Whether all blocks use torch's fused attention, which never writes the attention matrix out."""
    return all(module.fused_attn for module in network.backbone.modules() if hasattr(module, "fused_attn"))
