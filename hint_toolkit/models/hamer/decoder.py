"""HaMeR's head: one token looks at the backbone's features and reads out pose, shape and camera.

A transformer decoder with a single query, which makes four things simpler than they look in the checkpoint:

- The query's input is a zero, so the token begins as a constant: the embedding's bias plus its position.
- Self-attention over one token is W_out W_v LN(x) + b, whatever queries and keys are.
- The features are the same for all layers, and are not normalised again.
- Keys and values of 192 features need not be made for one query: q . (K f) is (K^T q) . f, and a weighted mean of V f
  is V times the mean. That is 1/50 of the multiplications: of 1.2 % of the whole network's, and of much more of its
  time where the backbone runs in half precision and the head does not.
"""

from typing import Any, Final

from hint_toolkit.models.state import Shape

DEPTH: Final = 6
HEADS: Final = 8
HEAD_DIM: Final = 64
INNER: Final = HEADS * HEAD_DIM
DIM: Final = 1024
MLP_DIM: Final = 1024
NORM_EPS: Final = 1e-5
"""Unlike the backbone's 1e-6."""
READOUTS: Final = {"decpose": 96, "decshape": 10, "deccam": 3}
MEANS: Final = {"decpose": "init_hand_pose", "decshape": "init_betas", "deccam": "init_cam"}
PREFIX: Final = "mano_head."
_LAYERS: Final = "transformer.transformer.layers"


def head_shapes(context: int, depth: int = DEPTH) -> dict[str, Shape]:
    """Key -> shape of the head in the official state dict.

    Args:
        context: width of the backbone's features.
        depth: layers.
    """
    shapes: dict[str, Shape] = {
        "transformer.pos_embedding": (1, 1, DIM),
        "transformer.to_token_embedding.weight": (DIM, 1),
        "transformer.to_token_embedding.bias": (DIM,),
    }
    for k in range(depth):
        layer = f"{_LAYERS}.{k}"
        for part in range(3):
            shapes |= {f"{layer}.{part}.norm.weight": (DIM,), f"{layer}.{part}.norm.bias": (DIM,)}
        for part in (0, 1):
            shapes |= {f"{layer}.{part}.fn.to_out.0.weight": (DIM, INNER), f"{layer}.{part}.fn.to_out.0.bias": (DIM,)}
        shapes |= {
            f"{layer}.0.fn.to_qkv.weight": (3 * INNER, DIM),
            f"{layer}.1.fn.to_kv.weight": (2 * INNER, context),
            f"{layer}.1.fn.to_q.weight": (INNER, DIM),
            f"{layer}.2.fn.net.0.weight": (MLP_DIM, DIM),
            f"{layer}.2.fn.net.0.bias": (MLP_DIM,),
            f"{layer}.2.fn.net.3.weight": (DIM, MLP_DIM),
            f"{layer}.2.fn.net.3.bias": (DIM,),
        }
    for name, size in READOUTS.items():
        shapes |= {f"{name}.weight": (size, DIM), f"{name}.bias": (size,), MEANS[name]: (1, size)}
    return {PREFIX + key: shape for key, shape in shapes.items()}


def build_head(context: int, depth: int = DEPTH, device: str = "meta") -> Any:
    """The head as a torch module whose parameters have the official names without `mano_head.`.

    Its forward takes (B, T, context) features and gives (B, 96) pose, (B, 10) shape and (B, 3) camera, means added.
    """
    import torch
    from torch import nn

    class Head(nn.Module):  # type: ignore[misc]
        """See `build_head`."""

        def __init__(self) -> None:
            super().__init__()
            for name, size in READOUTS.items():
                setattr(self, name, nn.Linear(DIM, size))
                self.register_buffer(MEANS[name], torch.zeros(1, size))
            self.transformer = _tree(nn, torch, context, depth)

        def forward(self, features: Any) -> tuple[Any, Any, Any]:
            token = self.token(features)
            found = [getattr(self, name)(token) + getattr(self, MEANS[name]) for name in READOUTS]
            return found[0], found[1], found[2]

        def token(self, features: Any) -> Any:
            """(B, 1024) what the query has become."""
            one = self.transformer
            x = (one.to_token_embedding.bias + one.pos_embedding[0, 0]).expand(len(features), -1)
            for self_attention, cross, feed in one.transformer.layers:
                x = x + _alone(self_attention, x)
                x = x + _cross(torch, cross, x, features)
                x = x + feed.fn(feed.norm(x))
            return x

    with torch.device(device):
        return Head()


def _tree(nn: Any, torch: Any, context: int, depth: int) -> Any:
    """Modules nested as the official names are."""

    def holder(**parts: Any) -> Any:
        module = nn.Module()
        for name, part in parts.items():
            setattr(module, name, part)
        return module

    def attention(**inputs: Any) -> Any:
        out = nn.ModuleList([nn.Linear(INNER, DIM)])
        return holder(norm=nn.LayerNorm(DIM, eps=NORM_EPS), fn=holder(**inputs, to_out=out))

    layers = nn.ModuleList()
    for _ in range(depth):
        alone = attention(to_qkv=nn.Linear(DIM, 3 * INNER, bias=False))
        cross = attention(to_kv=nn.Linear(context, 2 * INNER, bias=False), to_q=nn.Linear(DIM, INNER, bias=False))
        net = nn.Sequential(nn.Linear(DIM, MLP_DIM), nn.GELU(), nn.Identity(), nn.Linear(MLP_DIM, DIM))
        feed = holder(norm=nn.LayerNorm(DIM, eps=NORM_EPS), fn=holder(net=net))
        feed.fn.forward = feed.fn.net.forward
        layers.append(nn.ModuleList([alone, cross, feed]))
    tree = holder(to_token_embedding=nn.Linear(1, DIM), transformer=holder(layers=layers))
    tree.pos_embedding = nn.Parameter(torch.zeros(1, 1, DIM))
    return tree


def _alone(block: Any, x: Any) -> Any:
    """Self-attention of one token: its own value, mapped out."""
    import torch

    value = torch.nn.functional.linear(block.norm(x), block.fn.to_qkv.weight[2 * INNER :])
    return block.fn.to_out[0](value)


def _cross(torch: Any, block: Any, x: Any, features: Any) -> Any:
    """Attention of the token to all features, 8 heads of 64."""
    keys, values = block.fn.to_kv.weight.view(2, HEADS, HEAD_DIM, -1)
    query = block.fn.to_q(block.norm(x)).view(-1, HEADS, HEAD_DIM)
    asked = torch.einsum("bhd,hdc->bhc", query, keys) * HEAD_DIM**-0.5
    weights = (asked @ features.transpose(1, 2)).softmax(dim=-1)
    seen = torch.einsum("bhc,hdc->bhd", weights @ features, values)
    return block.fn.to_out[0](seen.reshape(-1, INNER))
