"""HaMeR's parity fixtures, and small files of the official layout that need none of them."""

import importlib.util
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from hint_toolkit.io.mano_file import SHAPES

torch = pytest.importorskip("torch")


@pytest.fixture(scope="session")
def parity(shared_data):
    """Numbers of the reference implementation, and the official state dict (two blocks) by its recipe."""
    folder = shared_data / "hamer"
    if not (folder / "depth2.npz").is_file():
        pytest.skip("the reference's numbers are not at hand (shared/data/hamer)")
    spec = importlib.util.spec_from_file_location("recipe", folder / "recipe.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    rows = [line.split("\t") for line in (folder / "state_dict_keys.tsv").read_text().splitlines()]
    shapes = {key: tuple(int(n) for n in shape.strip("()").split(",") if n.strip()) for key, shape, _ in rows}
    own = ("backbone.", "mano_head.", "discriminator.")
    state = {key: torch.from_numpy(recipe.tensor(key, shape)) for key, shape in shapes.items() if key.startswith(own)}
    numbers = np.load(folder / "depth2.npz")
    return SimpleNamespace(folder=folder, state=state, shapes=shapes, n={name: numbers[name] for name in numbers.files})


@pytest.fixture(scope="session")
def mano_arrays():
    """A hand model of MANO's shapes and of nobody's hand."""
    rng = np.random.default_rng(0)
    weights = rng.random((778, 16))
    regressor = rng.random((16, 778))
    parents = [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14]
    return {
        "v_template": rng.normal(0, 0.05, SHAPES["v_template"]),
        "shapedirs": rng.normal(0, 0.001, SHAPES["shapedirs"]),
        "posedirs": rng.normal(0, 0.0001, SHAPES["posedirs"]),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.array([parents, range(16)]),
        "f": rng.integers(0, 778, SHAPES["f"]),
    }


@pytest.fixture
def mano_file(mano_arrays, tmp_path):
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(pickle.dumps(mano_arrays | {"bs_type": "lrotmin"}, protocol=2))
    return path


@pytest.fixture(scope="session")
def small_state():
    """A HaMeR of one narrow block with random weights."""
    from hint_toolkit.models.hamer.decoder import head_shapes
    from hint_toolkit.models.vit import backbone_shapes

    generator = torch.Generator().manual_seed(0)
    shapes = backbone_shapes(1, 160) | head_shapes(160)
    state = {key: 0.05 * torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    state["mano_head.init_hand_pose"] = torch.tensor([1.0, 0, 0, 0, 1, 0]).repeat(16)[None]
    state["mano_head.init_cam"] = torch.tensor([[0.9, 0.0, 0.0]])
    return state
