import collections
import pickle
import zipfile

import numpy as np
import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.npz import read_npz, texts
from hint_toolkit.io.safe_pickle import load_plain

PLAIN = [
    np.array(["a", "b\u00e9", b"c", None, 1, 2.5, [1, (2, "x")], np.float32(3), np.arange(3.0)], dtype=object),
    np.array([[1, 2], [3, None]], dtype=object),
    np.arange(6.0).reshape(2, 3).T,
    np.arange(3, dtype=">i4"),
    np.array(["x", "yz"]),
    np.zeros((0, 21, 2)),
]


def same(a, b):
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and all(same(x, y) for x, y in zip(a.reshape(-1), b.reshape(-1), strict=True))
    return a == b


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("value", PLAIN, ids=range(len(PLAIN)))
def test_plain_data_come_back_in_every_protocol_that_numpy_writes(value, protocol):
    assert same(value, load_plain(pickle.dumps(value, protocol)))


class Runs:
    def __init__(self, what, *arguments):
        self.call = what, arguments

    def __reduce__(self):
        return self.call


def laughs(depth):
    value = ["x"]
    for _ in range(depth):
        value = [value] * 10
    return value


def hashed(depth):
    value = ("x",)
    for _ in range(depth):
        value = (value, value)
    return {value: 1} if depth < 5 else value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pickle.dumps(Runs(print, "no")), "asks to run builtins.print"),
        (pickle.dumps(Runs(eval, "1/0")), "asks to run builtins.eval"),
        (pickle.dumps(collections.Counter("a")), "asks to run|holds the instruction"),
        (pickle.dumps(np.dtype("f8")), "holds a type instead of data"),
        (pickle.dumps({"a": 1}), "holds the instruction EMPTY_DICT"),
        (pickle.dumps({1, 2}), "holds the instruction EMPTY_SET"),
        (pickle.dumps(laughs(12)), "unfolds to far more"),
        (pickle.dumps(hashed(40)), "unfolds to far more"),
        (b"\x80\x04Nr\xff\xff\xff\x7f.", "stores far outside"),
        (b"\x80\x05\x96\xff\xff\xff\xff\x00\x00\x00\x00.", "ValueError"),
        (b"", "ValueError|EOFError"),
        (pickle.dumps(PLAIN[0])[:-9], "Error"),
    ],
)
def test_anything_else_is_refused_before_it_does_harm(data, message, capsys):
    with pytest.raises(ValueError, match=message):
        load_plain(data)
    assert capsys.readouterr().out == ""


def test_only_what_is_asked_for_is_read(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(
        path, ids=np.array(["a"], dtype=object), x=np.arange(3.0), evil=np.array([Runs(print, "no")], dtype=object)
    )
    got = read_npz(path, ["ids", "x", "nowhere"])
    assert set(got) == {"ids", "x"}
    assert texts(got["ids"]) == ["a"]
    with pytest.raises(InputError, match=r"a\.npz > evil: cannot be read.*builtins\.print"):
        read_npz(path, ["evil"])


def test_an_array_that_says_more_than_it_holds_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3)))
    data = (tmp_path / "x.npy").read_bytes().replace(b"(2, 3)", b"(2, 9)")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", data)
    with pytest.raises(InputError, match=r"a\.npz > x: .*says shape \(2, 9\)"):
        read_npz(tmp_path / "a.npz", ["x"])


def test_texts_are_texts():
    assert texts(np.array([b"a", "b"], dtype=object)) == ["a", "b"]
    for wrong in (None, 1, ["a"]):
        holder = np.empty(2, dtype=object)
        holder[:] = ["a", wrong]
        with pytest.raises(ValueError, match="must be text"):
            texts(holder)
