"""Files as they are downloaded, broken ones, and hostile ones."""

import argparse
import os
import pathlib
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.mano_file import SHAPES, read_mano
from hint_toolkit.models.hamer.checkpoint import read_checkpoint
from hint_toolkit.models.hamer.config import HamerConfig, read_config
from hint_toolkit.models.hamer.load import load_hamer
from tests.unit.io.test_safe_pickle import corpus

torch = pytest.importorskip("torch")
sparse_matrices = pytest.importorskip("scipy.sparse")


class Call:
    """Pickles to a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def one_line(error):
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
    return str(error.value)


def test_mano_comes_back_as_it_was_written(mano_file, mano_arrays):
    found = read_mano(mano_file)
    assert set(found) == set(SHAPES)
    for name in SHAPES:
        assert np.array_equal(found[name], mano_arrays[name]), name


def test_a_mano_file_that_wants_to_run_something_is_refused(mano_arrays, tmp_path):
    path, proof = tmp_path / "MANO_RIGHT.pkl", tmp_path / "proof"
    for name in ("f", "extra"):
        path.write_bytes(pickle.dumps(mano_arrays | {name: Call(os.system, f"touch {proof}")}, protocol=2))
        with pytest.raises(InputError, match=r"asks to run (posix|nt)\.system") as error:
            read_mano(path)
        assert "mano.is.tue.mpg.de" in one_line(error)
        assert not proof.exists()
    path.write_bytes(b'cbuiltins\neval\n(S\'open("x", "w")\'\ntR.')
    with pytest.raises(InputError, match=r"asks to run builtins\.eval"):
        read_mano(path)


def test_the_whole_corpus_of_hostile_pickles_is_refused_as_mano(tmp_path):
    """Objects of two packages are admitted here, and nothing else becomes possible by that."""
    path, marker = tmp_path / "MANO_RIGHT.pkl", tmp_path / "ran"
    for what, (data, _) in corpus(marker).items():
        path.write_bytes(data)
        with pytest.raises(InputError, match="is no MANO file") as error:
            read_mano(path)
        assert len(one_line(error)) < 600, what
        assert not marker.exists(), what


def old_style(mano_arrays, monkeypatch, sparse="csc_matrix"):
    """The arrays as Python 2, chumpy and scipy pickled them: objects of classes that nobody has."""
    for module in ("chumpy", "chumpy.ch", "chumpy.reordering", "scipy.sparse.old"):
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))

    def made(module, kind, **state):
        cls = type(kind, (), {"__module__": module})
        monkeypatch.setattr(sys.modules[module], kind, cls, raising=False)
        value = cls()
        value.__dict__ |= state
        return value

    shapes = mano_arrays["shapedirs"]
    order = np.random.default_rng(1).permutation(shapes.size)
    loose = np.empty(shapes.size)
    loose[order] = shapes.ravel()
    kept = sparse_matrices.csc_matrix if sparse == "csc_matrix" else sparse_matrices.csr_matrix
    matrix = kept(np.where(mano_arrays["J_regressor"] > 0.001, mano_arrays["J_regressor"], 0))
    return mano_arrays | {
        "shapedirs": made("chumpy.reordering", "Select", a=made("chumpy.ch", "Ch", x=loose, _dirty_vars=set()),
                          idxs=order, preferred_shape=shapes.shape),
        "J_regressor": made("scipy.sparse.old", sparse, _shape=matrix.shape, data=matrix.data, indices=matrix.indices,
                            indptr=matrix.indptr, format=sparse[:3]),
    }, matrix.toarray()  # fmt: skip


@pytest.mark.parametrize("sparse", ["csc_matrix", "csr_matrix"])
def test_chumpy_and_scipy_are_read_without_their_classes(mano_arrays, tmp_path, monkeypatch, sparse):
    path = tmp_path / "MANO_RIGHT.pkl"
    content, regressor = old_style(mano_arrays, monkeypatch, sparse)
    path.write_bytes(pickle.dumps(content, 2))
    monkeypatch.undo()
    found = read_mano(path)
    assert np.array_equal(found["shapedirs"], mano_arrays["shapedirs"])
    assert np.array_equal(found["J_regressor"], regressor)
    assert not any(module.startswith("chumpy") for module in sys.modules)


def test_the_root_of_the_old_file_has_no_parent(mano_arrays, tmp_path):
    path = tmp_path / "MANO_RIGHT.pkl"
    tree = mano_arrays["kintree_table"].astype(np.uint32)
    assert tree[0, 0] == 2**32 - 1
    path.write_bytes(pickle.dumps(mano_arrays | {"kintree_table": tree}, 2))
    assert read_mano(path)["kintree_table"][0].tolist() == mano_arrays["kintree_table"][0].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v_template": np.zeros((778, 2))}, r"v_template \(778, 2\)"),
        ({"J_regressor": None}, "J_regressor missing"),
        ({"posedirs": np.full((778, 3, 135), np.nan)}, "posedirs holds other things than numbers"),
        ({"f": np.full((1538, 3), 778)}, "f names vertices that there are not"),
        ({"weights": np.array([["a"] * 16] * 778)}, "weights"),
    ],
)
def test_mano_arrays_that_are_missing_or_misshapen_are_named(mano_arrays, tmp_path, change, message):
    path = tmp_path / "MANO_RIGHT.pkl"
    changed = {k: v for k, v in (mano_arrays | change).items() if v is not None}
    path.write_bytes(pickle.dumps(changed, protocol=2))
    with pytest.raises(InputError, match=message) as error:
        read_mano(path)
    assert "mano.is.tue.mpg.de" in one_line(error)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x80\x02}", b"not a pickle", pickle.dumps([1, 2])])
def test_files_that_are_no_mano_are_one_line(tmp_path, data):
    path = tmp_path / "MANO_RIGHT.pkl"
    path.write_bytes(data)
    with pytest.raises(InputError, match="is no MANO file") as error:
        read_mano(path)
    one_line(error)
    with pytest.raises(InputError, match="no such MANO file"):
        read_mano(tmp_path / "gone.pkl")


@pytest.fixture
def save(tmp_path):
    def write(content, name="hamer.ckpt"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return write


def test_every_tensor_is_accounted_for(save, small_state):
    whole = {
        "state_dict": small_state | {"discriminator.D_conv1.weight": torch.zeros(3), "initialized": torch.tensor(True)}
    }
    assert set(read_checkpoint(save(whole))) == set(small_state)
    assert set(read_checkpoint(save(small_state))) == set(small_state)  # the bare table does, too
    for change, message in (
        ({"mano_head.decpose.weight": None}, r"1 missing: mano_head\.decpose\.weight"),
        ({"backbone.extra": torch.zeros(1)}, r"1 surplus: backbone\.extra"),
        (
            {"mano_head.decpose.bias": torch.zeros(95)},
            r"1 misshapen: mano_head\.decpose\.bias \(95,\) instead of \(96,\)",
        ),
    ):
        state = {k: v for k, v in (small_state | change).items() if v is not None}
        with pytest.raises(InputError, match=message) as error:
            read_checkpoint(save({"state_dict": state}))
        one_line(error)
    half = dict(list(small_state.items())[: len(small_state) // 2])
    with pytest.raises(InputError, match="missing"):
        read_checkpoint(save(half))


def test_settings_beside_the_tensors_do_not_run_and_do_not_hinder(save, small_state, tmp_path, monkeypatch):
    """Hyper-parameters of yacs or omegaconf: classes that need not be installed, and that are never made."""
    module = tmp_path / "yacs"
    module.mkdir()
    (module / "__init__.py").write_text("")
    (module / "config.py").write_text(
        "class CfgNode(dict):\n"
        "    def __init__(self, *a, **k):\n"
        "        super().__init__(*a, **k)\n"
        "    def __setstate__(self, state):\n"
        "        open(RAN, 'w').close()\n"
        "RAN = ''\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import yacs.config

    yacs.config.RAN = str(tmp_path / "ran")
    settings = yacs.config.CfgNode(MODEL=yacs.config.CfgNode(IMAGE_SIZE=256))
    settings.note = "x"
    path = save({"state_dict": small_state, "hyper_parameters": settings})
    assert set(read_checkpoint(path)) == set(small_state)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_that_wants_to_run_something_is_refused(save, small_state, tmp_path):
    proof = tmp_path / "proof"
    for old in (False, True):
        path = tmp_path / "hamer.ckpt"
        torch.save(
            {"state_dict": small_state, "hyper_parameters": Call(os.system, f"touch {proof}")},
            path,
            _use_new_zipfile_serialization=not old,
        )
        with pytest.raises(InputError, match=r"asks to run (posix|nt)\.system, which is not data") as error:
            read_checkpoint(path)
        one_line(error)
        assert not proof.exists()
    for name, call in (("eval", (eval, f"open({str(proof)!r}, 'w')")), ("getattr", (getattr, "a", "upper"))):
        with pytest.raises(InputError, match=rf"asks to run builtins\.{name}"):
            read_checkpoint(save({"state_dict": small_state, "hyper_parameters": Call(*call)}))
        assert not proof.exists()


@pytest.mark.parametrize(
    "settings",
    [
        np.float64(3),
        np.zeros(3),
        pathlib.PurePosixPath("a"),
        argparse.Namespace(lr=1e-5),
        {1, 2},
        int,
        OrderedDict(a=1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_settings_beside_the_tensors_are_passed_over(save, small_state, settings):
    path = save({"state_dict": small_state, "hyper_parameters": {"cfg": settings}, "callbacks": {"best": settings}})
    assert set(read_checkpoint(path)) == set(small_state)


def test_half_precision_and_the_format_before_the_zip_are_read(small_state, tmp_path):
    path = tmp_path / "hamer.ckpt"
    torch.save({k: v.half() for k, v in small_state.items()}, path, _use_new_zipfile_serialization=False)
    found = read_checkpoint(path)
    assert {value.dtype for value in found.values()} == {torch.float32}
    assert torch.equal(found["mano_head.decpose.bias"], small_state["mano_head.decpose.bias"].half().float())


def test_a_checkpoint_is_mapped_and_not_copied(save, small_state, mano_arrays):
    """2.7 GB are not to be there twice: the network's weights are the file's own memory."""
    from hint_toolkit.models.hamer.network import build_hamer

    state = read_checkpoint(save({"state_dict": small_state}))
    network = build_hamer(state, mano_arrays)
    own = {key: value.data_ptr() for key, value in state.items()}
    assert network.backbone.blocks[0].mlp.fc1.weight.data_ptr() == own["backbone.blocks.0.mlp.fc1.weight"]
    assert network.head.decpose.weight.data_ptr() == own["mano_head.decpose.weight"]
    assert not any(parameter.is_meta for parameter in network.parameters())


def test_files_that_are_no_checkpoint_are_one_line(save, small_state, tmp_path):
    whole = save({"state_dict": small_state}).read_bytes()
    path = tmp_path / "hamer.ckpt"
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("readme.txt", "hello")
    np.savez(tmp_path / "n.npz", a=np.zeros(3))
    broken = [whole[: len(whole) // 2], b"", b"text", archive.read_bytes(), (tmp_path / "n.npz").read_bytes()]
    for data in broken:
        path.write_bytes(data)
        with pytest.raises(
            InputError, match=r"cannot be read as a checkpoint \((no file that torch|a zip arch)"
        ) as error:
            read_checkpoint(path)
        assert "weights_only" not in one_line(error)  # torch's own advice: to load it unsafely
    for content in ({"state_dict": [1, 2]}, [1], {"state_dict": {"a": 3}}):
        with pytest.raises(InputError, match="holds no table of tensors"):
            read_checkpoint(save(content))
    with pytest.raises(InputError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "gone.ckpt")


def test_the_configuration_is_read_and_not_assumed(tmp_path):
    path = tmp_path / "model_config.yaml"
    path.write_text(
        "EXTRA:\n  FOCAL_LENGTH: 122\nMODEL:\n  IMAGE_SIZE: 256\n  BACKBONE:\n    TYPE: vit\n  LIST:\n  - a\n"
    )
    assert read_config(path).focal == 122.0
    path.write_text(
        "MODEL:\n  MANO_HEAD:\n    TYPE: transformer_decoder\n    IN_CHANNELS: 2048\nMANO:\n  GENDER: neutral\n"
    )
    assert read_config(path) == HamerConfig()
    for text, message in (
        ("MODEL:\n  BACKBONE:\n    TYPE: resnet\n", "BACKBONE.TYPE is 'resnet'"),
        ("MODEL:\n  IMAGE_SIZE: 224\n", "crops of 224 pixels"),
        ("MODEL:\n  MANO_HEAD:\n    TRANSFORMER_DECODER:\n      heads: 16\n", "heads is '16'"),
        ("MODEL:\n  MANO_HEAD:\n    IEF_ITERS: 3\n", "IEF_ITERS is '3'"),
        ("EXTRA:\n  FOCAL_LENGTH: far\n", "no number"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_config(path)


def test_a_small_one_end_to_end_with_either_mano(small_state, mano_file, mano_arrays, save):
    path = save({"state_dict": small_state})
    model = load_hamer(path, mano=mano_file)
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8)
    boxes = np.array([[40.0, 30, 80, 90], [-20, -20, 30, 40], [40, 30, 80, 90]])
    found = model.predict(image, boxes, ["right", "left", "left"], batch=2)
    assert found.points.shape == (3, 21, 2)
    assert found.vertices.shape == (3, 778, 3)
    assert np.isfinite(found.points).all()
    one = model.predict(image, boxes[1:2], ["left"], batch=8)
    assert np.abs(one.points[0] - found.points[1]).max() < 1e-3  # batches change nothing
    assert model.predict(image, np.zeros((0, 4)), []).points.shape == (0, 21, 2)
    # 3D and camera of the whole picture project to the same points
    for k in range(3):
        seen = found.joints[k] + found.translation[k]
        pixels = found.focal * seen[:, :2] / seen[:, 2:] + [80.0, 60.0]
        assert np.abs(pixels - found.points[k]).max() < 0.05
    with pytest.raises(InputError, match="left or right"):
        model.predict(image, boxes[:1], [""])
    with pytest.raises(InputError, match="no box with an area"):
        model.predict(image, np.array([[5.0, 5, 5, 9]]), ["left"])
    with pytest.raises(InputError, match="brings no MANO"):
        load_hamer(path)
    layer = model.network.mano.layer
    buffers = {f"mano.{name}": getattr(layer, name) for name in ("v_template", "shapedirs", "posedirs", "J_regressor",
               "lbs_weights", "parents", "faces_tensor")}  # fmt: skip
    kept = load_hamer(save({"state_dict": small_state | buffers}, "with.ckpt"))
    again = kept.predict(image, boxes, ["right", "left", "left"])
    assert np.abs(again.points - found.points).max() < 1e-3
