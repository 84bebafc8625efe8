"""The fast path: exact where it says so, near where it does not."""

import numpy as np
import pytest

from hint_toolkit.models.hamer import decoder
from hint_toolkit.models.hamer.fast import fused_attention, hasten
from hint_toolkit.models.hamer.network import build_hamer

torch = pytest.importorskip("torch")
pytest.importorskip("smplx")


@pytest.fixture
def crops():
    return torch.from_numpy(np.random.default_rng(0).normal(0, 1, (2, 3, 256, 256)).astype(np.float32))


def answer(network, crops):
    with torch.inference_mode():
        return {name: value.numpy() for name, value in network(crops).items()}


def test_a_query_without_keys_and_values_is_the_same_attention(small_state, mano_arrays):
    """Against keys and values made for all features, and torch's own attention, in double precision."""
    head = build_hamer(small_state, mano_arrays).head.double()
    block = head.transformer.transformer.layers[2][1]
    generator = torch.Generator().manual_seed(1)
    token = torch.randn(3, decoder.DIM, generator=generator, dtype=torch.float64)
    features = torch.randn(3, 192, 160, generator=generator, dtype=torch.float64)
    with torch.inference_mode():
        found = decoder._cross(torch, block, token, features)
        query = block.fn.to_q(block.norm(token)).view(3, decoder.HEADS, 1, decoder.HEAD_DIM)
        both = block.fn.to_kv(features).view(3, 192, 2, decoder.HEADS, decoder.HEAD_DIM)
        seen = torch.nn.functional.scaled_dot_product_attention(
            query, both[:, :, 0].transpose(1, 2), both[:, :, 1].transpose(1, 2)
        )
        wanted = block.fn.to_out[0](seen.reshape(3, decoder.INNER))
    assert float((found - wanted).abs().max()) < 1e-12
    assert float(wanted.abs().max()) > 0.1


def test_attention_is_fused(small_state, mano_arrays):
    network = build_hamer(small_state, mano_arrays)
    assert fused_attention(network)
    network.backbone.blocks[0].attn.fused_attn = False
    assert not fused_attention(network)


@pytest.mark.parametrize(("precision", "limit"), [("bf16", 0.02), ("fp16", 0.003)])
def test_half_precision_is_that_of_the_matrix_products_alone(small_state, mano_arrays, crops, precision, limit):
    state = {name: value.clone() for name, value in small_state.items()}
    exact = answer(build_hamer(small_state, mano_arrays), crops)
    network = hasten(build_hamer(state, mano_arrays), precision=precision)
    half = answer(network, crops)
    assert {p.dtype for p in network.head.parameters()} == {torch.float32}
    assert network.backbone.blocks[0].norm1.weight.dtype == torch.float32
    assert network.backbone.blocks[0].attn.qkv.weight.dtype == network.half
    for name in ("points", "joints", "rotations"):
        assert half[name].dtype == np.float32
        apart = np.abs(half[name] - exact[name]).max()
        assert 0 < apart < limit, name


def test_compiled_blocks_give_the_same_numbers_and_are_compiled_once(small_state, mano_arrays, crops):
    from torch._dynamo.testing import CompileCounterWithBackend

    from hint_toolkit.models.hamer.fast import hasten

    twice = dict(small_state)
    for key, value in small_state.items():
        if key.startswith("backbone.blocks.0."):
            twice[key.replace("blocks.0", "blocks.1")] = value.flip(0)
    exact = answer(build_hamer(twice, mano_arrays), crops)
    network = build_hamer(twice, mano_arrays)
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("eager")  # the compiler's own code would take a minute and a C++ compiler
    hasten(network, compiled=True, backend=counter)
    found = answer(network, crops)
    assert counter.frame_count == 1
    for name, values in found.items():
        assert np.abs(values - exact[name]).max() < 2e-5, name
