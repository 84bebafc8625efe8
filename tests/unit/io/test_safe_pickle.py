import builtins
import copyreg
import ctypes
import importlib
import io
import os
import pickle
import pickletools
import random
import subprocess
import sys
import time
import warnings
import zipfile

import numpy as np
import pytest

from hint_toolkit.io.plain_pickle import dump_plain
from hint_toolkit.io.safe_pickle import load_plain


def people(n=1):
    return [
        {
            "keypoints_2d": np.arange(63, dtype=np.float32).reshape(21, 3),
            "center": np.array([3.5, 4.25]),
            "right": np.array(k % 2, np.float32),
            "has_betas": np.float32(0),
            "personid": k,
            "name": "h\u00e4nd",
            "extra_info": {"fitting_loss": np.array({"reprojection_loss": 1.5}), "list": [1, (2, None)], "": True},
        }
        for k in range(n)
    ]


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and same(a.tolist(), b.tolist())
    return a == b


@pytest.mark.parametrize("protocol", range(6))
def test_lists_of_dicts_come_back_in_every_protocol(protocol):
    data = pickle.dumps(people(3), protocol)
    assert same(load_plain(data, records=True), people(3))
    with pytest.raises(ValueError, match="holds the instruction (EMPTY_)?DICT"):
        load_plain(data)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("code", ["<f4", ">f4", "<f8", "?", "u1", ">i8", "f2", "<U5", "S3"])
def test_arrays_in_protocol_5_come_back(code, order):
    value = np.array([[1, 0, 2], [0, 0, 1]]).astype(code, order=order)
    assert same(load_plain(pickle.dumps(value, 5)), value)
    assert same(load_plain(pickle.dumps(value, 3)), value)


def test_our_pickles_are_the_same_bytes_and_are_read_by_pickle_itself():
    value = [
        {"f": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array(1.0), "i": np.arange(3, dtype=">i2")[::-1]},
        {
            "text": "h\u00e4nd",
            "bytes": b"\0\xff",
            "number": -(2**40),
            "float": 0.1,
            "none": None,
            "yes": True,
            "no": False,
        },
        {"list": [[], {}, [1, 2]], "empty": np.zeros((0, 4), np.float32)},
    ]
    data = dump_plain(value)
    assert data == dump_plain([dict(part) for part in value])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        back = pickle.loads(data)
    assert same(back, [{**value[0], "i": value[0]["i"].astype("<i2")}, *value[1:]])
    assert same(load_plain(data, records=True), back)
    assert back[0]["f"].flags.writeable
    assert back[0]["f"].flags.owndata
    assert back[0]["f"].dtype.isnative


def test_our_pickles_name_only_what_numpy_1_and_2_both_have():
    names = {
        argument for opcode, argument, _ in pickletools.genops(dump_plain(people_plain())) if opcode.name == "GLOBAL"
    }
    assert names == {"numpy ndarray", "numpy dtype", "numpy.core.multiarray _reconstruct"}
    codes = {opcode.name: opcode.proto for opcode, _, _ in pickletools.genops(dump_plain(people_plain()))}
    assert max(codes.values()) <= 3  # Python 3.0 and later
    assert not {name for name in codes if "MEMO" in name or "PUT" in name}  # what is shared does not change the bytes


def people_plain():
    return [{"a": np.zeros((21, 3), np.float32), "b": np.array(0, np.float32), "c": np.zeros(2), "d": {"e": "f"}}]


def test_our_pickles_load_in_a_fresh_python_without_a_warning(tmp_path):
    (tmp_path / "a.pkl").write_bytes(dump_plain(people_plain()))
    code = "import pickle, sys\nwith open(sys.argv[1], 'rb') as f:\n    print(pickle.load(f)[0]['a'].shape)"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, tmp_path / "a.pkl"], capture_output=True, text=True, check=True
    )
    assert (run.stdout, run.stderr) == ("(21, 3)\n", "")


@pytest.mark.parametrize(
    "value", [{1, 2}, (1,), {1: 2}, {("a",): 1}, np.array(["a"]), np.array([{}]), 1j, object(), print]
)
def test_only_plain_data_are_written(value):
    with pytest.raises(TypeError):
        dump_plain([value])


class Calls:
    """Pickles as a call of anything with anything."""

    def __init__(self, what, *arguments, state=None):
        self.call = (what, arguments) if state is None else (what, arguments, state)

    def __reduce__(self):
        return self.call


def program(*parts):
    return b"\x80\x04" + b"".join(parts) + b"."


def name(module, what):
    return f"c{module}\n{what}\n".encode()


def text(value):
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


ARRAY = name("numpy.core.multiarray", "_reconstruct") + name("numpy", "ndarray") + b"K\0\x85C\1b\x87R"
TWELVE = b"\x89C\x0c" + b"\0" * 12
F4 = (
    name("numpy", "dtype")
    + text("f4")
    + b"\x89\x88\x87R(K\3"
    + text("<")
    + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
)


def typed(code, *rest):
    return name("numpy", "dtype") + text(code) + b"\x89\x88\x87R" + b"".join(rest)


def array(state):
    return ARRAY + b"(" + state + b"tb"


def laughs(depth, wrap):
    value = "x"
    for k in range(depth):
        value = wrap(value, k)
    return value


def deep(n):
    return program(b"]" * n, b"a" * (n - 1))


def hashed(depth):
    """A dict whose key is a tuple that holds one tuple twice, `depth` times over."""
    return program(b"}", text("x"), b"\x85", b"2\x86" * depth, b"K\1s")


def twice_in_memory(depth):
    steps = b"".join(b"q%c0h%ch%c\x86" % (k, k, k) for k in range(depth))
    return program(b"}", text("x"), b"\x85", steps, b"K\1s")


def corpus(marker):
    """Name -> (bytes, what the refusal says). Whatever of it runs, makes the file `marker`."""
    touch = f"open({str(marker)!r}, 'w').close()"
    shell = f"touch {marker}"
    calls = {
        "os.system": Calls(os.system, shell),
        "eval": Calls(eval, touch),
        "exec": Calls(exec, touch),
        "open": Calls(open, str(marker), "w"),
        "import": Calls(__import__, "antigravity"),
        "import_module": Calls(importlib.import_module, "this"),
        "getattr": Calls(getattr, "", "join"),
        "a chain of getattr": Calls(getattr, Calls(getattr, builtins.eval, "__call__"), "__self__"),
        "subprocess": Calls(subprocess.Popen, shell),
        "compile": Calls(compile, touch, "x", "exec"),
        "copyreg": Calls(copyreg._reconstructor, object, object, None),
        "numpy.load": Calls(np.load, "/etc/passwd"),
        "numpy.save": Calls(np.save, str(marker), 1),
        "numpy.fromfile": Calls(np.fromfile, "/etc/passwd"),
        "numpy.memmap": Calls(np.memmap, str(marker), "u1", "w+", 0, 9),
        "ctypeslib": Calls(np.ctypeslib.load_library, "libc.so.6", "/lib"),
        "ctypes": Calls(ctypes.CDLL, "libc.so.6"),
        "pickle.loads": Calls(pickle.loads, pickle.dumps(Calls(os.system, shell))),
        "a state for os.system": Calls(os.system, shell, state={"x": 1}),
        "an array of a call": np.array([Calls(os.system, shell)], dtype=object),
        "a call deep in a dict": [{"extra_info": {"a": [{"b": Calls(os.system, shell)}]}}],
        "a call as a key": [{Calls(str, "x"): 1}],
    }
    made = {key: (pickle.dumps(value, 2), "asks to run") for key, value in calls.items()}
    made |= {f"{key}, protocol 4": (pickle.dumps(value, 4), "asks to run") for key, value in calls.items()}
    run = text(shell) + b"\x85R"
    made |= {
        "a name with dots": (program(text("numpy"), text("f2py.os.system"), b"\x93", run), "asks to run"),
        "numpy's exec": (
            program(name("numpy.testing._private.utils", "runstring"), text(touch), b"}\x86R"),
            "asks to run",
        ),
        "ndarray by dots": (program(text("numpy"), text("ndarray.__init__"), b"\x93"), "asks to run"),
        "no text as a name": (program(b"K\1K\2\x93"), "names something without text"),
        "a name as data": (program(name("numpy", "ndarray")), "a type instead of data"),
        "a name in a list": (program(b"]", name("numpy", "dtype"), b"a"), "a type instead of data"),
        "a name as a key": (program(b"}", name("numpy", "dtype"), b"K\1s"), "keys are not text"),
        "a call of a text": (program(text("x"), b")R"), "calls what is no function"),
        "a call of an array": (program(array(b"K\1K\3\x85" + F4 + TWELVE), b")R"), "calls what"),
        "a call without a tuple": (program(name("numpy", "dtype"), text("f4"), b"R"), "calls what is no function"),
        "INST": (program(b"(" + text(shell) + b"ios\nsystem\n"), "instruction INST"),
        "OBJ": (program(b"(" + name("numpy", "ndarray") + text(shell) + b"o"), "instruction OBJ"),
        "NEWOBJ": (program(name("numpy", "ndarray"), b")\x81"), "instruction NEWOBJ"),
        "NEWOBJ_EX": (program(name("numpy", "ndarray"), b")}\x92"), "instruction NEWOBJ_EX"),
        "EXT1": (program(b"\x82\1"), "instruction EXT1"),
        "PERSID": (program(b"Pos.system\n"), "instruction PERSID"),
        "BINPERSID": (program(text("x"), b"Q"), "instruction BINPERSID"),
        "a buffer from outside": (program(b"\x97"), "instruction NEXT_BUFFER"),
        "a set": (program(b"\x8f"), "instruction EMPTY_SET"),
        "a frozen set": (program(b"(\x91"), "instruction FROZENSET"),
        "BUILD on text": (program(text("x"), b"}" + text("a") + b"K\1sb"), "sets the inside of what is no array"),
        "BUILD on a list": (program(b"]", b"K\1\x85b"), "sets the inside"),
        "BUILD on a dict": (program(b"}", b"K\1\x85b"), "sets the inside"),
        "BUILD on a function": (
            program(name("_codecs", "encode"), b"N}" + text("__defaults__") + text("utf-16") + b"\x85s\x86b"),
            "sets the inside",
        ),
        "BUILD on a class": (program(name("numpy", "ndarray"), b"N}" + text("set") + b"K\1s\x86b"), "sets the inside"),
        "BUILD with a dict": (program(ARRAY, b"}" + text("__class__") + b"K\1sb"), "sets the inside"),
        "a dict by APPEND": (program(b"}K\1a"), "appends to what is no list"),
        "text by APPEND": (program(text("x"), b"K\1a"), "appends to what is no list"),
        "an array by APPENDS": (program(ARRAY, b"(K\1e"), "appends to what is no list"),
        "a list by SETITEM": (program(b"]K\0K\1s"), "keys are not text"),
        "an array by SETITEM": (program(ARRAY, text("a"), b"K\1s"), "keys are not text"),
        "an odd dict": (program(b"}(" + text("a") + b"u"), "keys are not text"),
        "an odd DICT": (program(b"(" + text("a") + b"d"), "keys are not text"),
        "a number as a key": (pickle.dumps({1: 2}), "keys are not text"),
        "bytes as a key": (pickle.dumps({b"a": 2}), "keys are not text"),
        "None as a key": (pickle.dumps({None: 2}), "keys are not text"),
        "a key that is never hashed": (twice_in_memory(60), "keys are not text"),
        "DUP": (hashed(60), "instruction DUP"),
        "a bomb of lists": (pickle.dumps(laughs(12, lambda v, k: [v] * 10)), "unfolds to far more"),
        "a bomb of dicts": (pickle.dumps(laughs(60, lambda v, k: {"a": v, "b": v})), "unfolds to far more"),
        "a bomb of arrays": (pickle.dumps(laughs(12, object_array)), "unfolds to far more"),
        "a list in itself": (program(b"]q\0h\0a"), "nested too deeply|unfolds to far more"),
        "a dict in itself": (program(b"}q\0" + text("a") + b"h\0s"), "nested too deeply|unfolds to far more"),
        "a deep list": (deep(100_000), "nested too deeply"),
        "a huge place in memory": (program(b"Nr\xff\xff\xff\x7f"), "stores far outside"),
        "a negative place": (program(b"Np-1\n"), "stores far outside|Error"),
        "an empty place": (program(b"h\7"), "KeyError"),
        "an empty stack": (program(b"0"), "IndexError"),
        "a missing mark": (program(b"t"), "IndexError"),
        "nothing": (b"", "Error"),
        "no end": (b"\x80\x04N", "Error"),
        "a huge text": (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f.", "Error"),
        "a huge array of bytes": (b"\x80\x05\x96" + b"\xff" * 7 + b"\x7f.", "Error"),
        "a huge number": (program(b"I" + b"9" * 10_000 + b"\n"), "Error"),
        "no dtype": (program(array(b"K\1K\3\x85" + text("f4") + TWELVE)), "Error"),
        "text as bytes": (program(array(b"K\1K\3\x85" + F4 + b"\x89" + text("x" * 12))), "Error"),
        "a wrong shape": (program(array(b"K\1K\4\x85" + F4 + TWELVE)), "reshape"),
        "a negative shape": (program(array(b"K\1J\xff\xff\xff\xff\x85" + F4 + TWELVE)), "shape is none"),
        "a shape of text": (program(array(b"K\1" + text("a") + b"\x85" + F4 + TWELVE)), "shape is none"),
        "an endless shape": (program(array(b"K\1(" + b"K\xff" * 40 + b"t" + F4 + b"\x89C\0")), "Error"),
        "an empty state": (program(array(b"")), "Error"),
        "no state": (program(ARRAY), "Error"),
        "fields": (pickle.dumps(np.zeros(2, [("a", "f4"), ("b", "O")])), "fields or notes|asks"),
        "a dtype with notes": (pickle.dumps(np.zeros(2, np.dtype("f4", metadata={"a": 1}))), "fields or notes|asks"),
        "a dtype in a dtype": (program(array(b"K\1K\1\x85" + typed("(2,)f4") + b"\x89C\x08" + b"\0" * 8)), "of type"),
        "a dtype of many": (program(array(b"K\1K\1\x85" + typed("f4,f4") + b"\x89C\x08" + b"\0" * 8)), "of type"),
        "a dtype by name": (program(array(b"K\1K\1\x85" + typed("float32") + b"\x89C\x04" + b"\0" * 4)), "of type"),
        "an old alias": (program(array(b"K\1K\1\x85" + typed("a4") + b"\x89C\x04" + b"\0" * 4)), "of type"),
        "a time": (pickle.dumps(np.zeros(2, "M8[s]")), "of type|fields or notes"),
        "a complex number": (pickle.dumps(np.zeros(2, "c8")), "of type"),
        "an object from bytes": (program(array(b"K\1K\1\x85" + typed("O8") + b"\x89C\x08" + b"A" * 8)), "reshape"),
        "an object scalar": (
            program(name("numpy.core.multiarray", "scalar"), typed("O8"), b"C\x08" + b"A" * 8 + b"\x86R"),
            "Error",
        ),
        "text of another codec": (
            program(name("_codecs", "encode"), b"(" + text("\u20ac") + text("utf-16") + b"tR"),
            "Error",
        ),
    }  # fmt: skip
    return made


def object_array(value, _):
    holder = np.empty(10, dtype=object)
    for k in range(10):
        holder[k] = value
    return holder


def test_a_hostile_pickle_is_one_line_and_nothing_of_it_runs(tmp_path, capsys):
    marker = tmp_path / "ran"
    modules = {"antigravity", "this"} & set(sys.modules)
    wrong = {}
    for what, (data, message) in corpus(marker).items():
        start = time.monotonic()
        with pytest.raises(ValueError, match=message) as caught:
            load_plain(data, records=True)
        line = str(caught.value)
        if len(line.splitlines()) != 1 or len(line) > 300 or time.monotonic() - start > 1:
            wrong[what] = (line[:200], time.monotonic() - start)
        assert not marker.exists(), what
    assert wrong == {}
    assert capsys.readouterr() == ("", "")
    assert {"antigravity", "this"} & set(sys.modules) == modules


def test_the_corpus_does_harm_where_it_is_let(tmp_path):
    marker = tmp_path / "ran"
    for what in ("os.system", "eval", "exec", "a call deep in a dict", "an array of a call, protocol 4"):
        pickle.loads(corpus(marker)[what][0])
        assert marker.exists(), what
        marker.unlink()


def test_reading_leaves_our_own_functions_as_they_are():
    from hint_toolkit.io import safe_pickle

    before = {key: vars(safe_pickle)[key] for key in ("_encode", "_scalar", "_Array", "_Type")}
    for data, _ in corpus("/nowhere/ran").values():
        with pytest.raises(ValueError):  # noqa: PT011 (which one, another test says)
            load_plain(data, records=True)
    assert {key: vars(safe_pickle)[key] for key in before} == before
    assert safe_pickle._encode.__defaults__ == ("latin1",)
    assert safe_pickle._encode.__dict__ == {}


def mutants(data, n, seed):
    chance = random.Random(seed)
    codes = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
    for _ in range(n):
        torn = bytearray(data)
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(torn))
            way = chance.randrange(5)
            if way == 0:
                torn[at] = chance.randrange(256)
            elif way == 1:
                torn[at : at + 1] = chance.choice(codes)
            elif way == 2:
                del torn[at : at + chance.randint(1, 9)]
            elif way == 3:
                torn[at:at] = torn[chance.randrange(len(torn)) :][: chance.randint(1, 40)]
            else:
                torn[at : at + 4] = chance.choice(
                    [b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff\xff\xff\xff", b"\0\0\0\0"]
                )
            if len(torn) < 2:
                break
        yield bytes(torn)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5, "ours"])
def test_two_thousand_damaged_pickles_are_read_or_refused(protocol, capsys):
    data = dump_plain(people_plain()) if protocol == "ours" else pickle.dumps(people(), protocol)
    read = refused = 0
    start = time.monotonic()
    for torn in mutants(data, 2000, 11):
        try:
            load_plain(torn, records=True)
            read += 1
        except ValueError as error:
            refused += bool(str(error))
    assert read + refused == 2000
    assert min(read, refused) > 20
    assert time.monotonic() - start < 8
    assert capsys.readouterr() == ("", "")


def test_an_npz_still_admits_no_dict(tmp_path):
    from hint_toolkit.errors import InputError
    from hint_toolkit.io.npz import read_npz

    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}], dtype=object))
    assert zipfile.is_zipfile(io.BytesIO((tmp_path / "a.npz").read_bytes()))
    with pytest.raises(InputError, match="holds the instruction EMPTY_DICT"):
        read_npz(tmp_path / "a.npz", ["x"])


def test_a_good_file_is_read_quickly():
    data = pickle.dumps(people(), 4)
    start = time.monotonic()
    for _ in range(200):
        load_plain(data, records=True)
    assert time.monotonic() - start < 4
