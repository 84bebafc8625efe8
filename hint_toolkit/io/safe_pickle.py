"""Pickles without running what they hold: plain data in, plain data out.

A pickle is a program: loading one from a stranger runs the stranger's code. HaMeR's files nevertheless keep file
names as object arrays (npz) and annotations as lists of dicts (`data.pyd` in its training shards). Here the program
is read by a machine of our own that knows numbers, text, lists, tuples, numpy arrays and, where they are asked for,
dicts with text as keys and objects of named packages, of which only the state is kept. Names of functions are
compared, never looked up; python's and numpy's unpicklers never see what the file asks for.
"""

import codecs
import pickle
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CODE = re.compile(r"[<>|=]?(\?|[biufSUO]\d{0,9})")
"""Codes of the plain kinds: bool, int, unsigned, float, bytes, text, object."""


@dataclass
class Kept:
    """An object of a class that was never looked up.

    Attributes:
        of: module and name, as the file gives them.
        state: what the file sets on it.
    """

    of: str
    state: dict[str, Any] = field(default_factory=dict)


class _Type:
    """Stands in for `numpy.dtype`: keeps the code, and the byte order that the state names."""

    def __init__(self, code: Any = "O", *_: Any) -> None:
        self.code, self.swapped = str(code), False

    def set(self, state: Any) -> None:
        _, order, *rest = state
        if len(rest) != 6 or rest[:3] != [None] * 3 or order not in ("<", ">", "|"):
            raise pickle.UnpicklingError(f"holds an array of type {self.code[:20]} with fields or notes")
        self.swapped = order == ">"

    def plain(self) -> np.dtype[Any]:
        """The real dtype, if it is one of the plain kinds."""
        if not _CODE.fullmatch(self.code):
            raise pickle.UnpicklingError(f"holds an array of type {self.code[:20]}")
        return np.dtype(self.code).newbyteorder(">" if self.swapped else "<")


class _Array:
    """Stands in for `numpy.ndarray` until `plain` builds it."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple[Any, ...] = ()

    def set(self, state: Any) -> None:
        self.state = tuple(state)

    def plain(self, budget: "_Budget") -> NDArray[Any]:
        """The real array."""
        _, shape, kind, by_column, data = self.state
        if not all(type(size) is int and size >= 0 for size in shape):
            raise pickle.UnpicklingError("holds an array whose shape is none")
        dtype = kind.plain()
        if dtype.kind == "O":
            flat = np.empty(len(data), dtype=object)
            for i, item in enumerate(data):
                flat[i] = budget.plain(item)
        else:
            flat = np.frombuffer(data, dtype=dtype)
        return flat.reshape(tuple(shape), order="F" if by_column else "C")


def _from_buffer(data: Any, kind: _Type, shape: Any, order: str) -> _Array:
    """What numpy writes in protocol 5."""
    array = _Array()
    array.set((1, shape, kind, order == "F", data))
    return array


def _scalar(kind: _Type, data: bytes = b"") -> Any:
    return np.frombuffer(data, dtype=kind.plain(), count=1)[0].item()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    return codecs.encode(text, "latin1")  # what pickle writes for bytes in old protocols; no other codec


def _no_bytes() -> bytes:
    return b""  # what pickle writes for empty bytes in old protocols


def _no_entries() -> dict[str, Any]:
    return {}  # an OrderedDict is made empty and filled like a dict, where dicts are admitted


_ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _no_entries,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
}
for _room in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_room}.multiarray", "_reconstruct"] = _Array
    _ADMITTED[f"{_room}.multiarray", "scalar"] = _scalar
    _ADMITTED[f"{_room}.numeric", "_frombuffer"] = _from_buffer


_SETS = frozenset({("__builtin__", "set"), ("builtins", "set")})
"""Objects of other packages may hold sets; they come back as such objects, too: empty."""


class _Name:
    """A name that the file gives; what it stands for can be called, never changed."""

    def __init__(self, module: str, name: str, packages: tuple[str, ...]) -> None:
        self.kept = ""
        if (module, name) in _ADMITTED:
            self.stands_for = _ADMITTED[module, name]
        elif packages and (f"{module}.".startswith(tuple(f"{one}." for one in packages)) or (module, name) in _SETS):
            self.kept = f"{module}.{name}"
            self.stands_for = self.keep
        else:
            raise pickle.UnpicklingError(f"asks to run {module[:60]}.{name[:60]}, which is not data")

    def keep(self, *_: Any) -> Kept:
        """An object of this class, whatever it is made of."""
        return Kept(self.kept)


class _Budget:
    """How many values may come out: few bytes can name one list over and over, and unfold without end."""

    def __init__(self, left: int) -> None:
        self.left = left

    def plain(self, value: Any) -> Any:
        """A value with every stand-in replaced by what it stands for."""
        self.left -= 1
        if self.left < 0:
            raise pickle.UnpicklingError("unfolds to far more than the file holds")
        if isinstance(value, _Array):
            return value.plain(self)
        if isinstance(value, list | tuple):
            return type(value)(self.plain(item) for item in value)
        if isinstance(value, dict):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, Kept):
            return Kept(value.of, self.plain(value.state))
        if isinstance(value, _Type | _Name):
            raise pickle.UnpicklingError("holds a type instead of data")
        return value


_PUSHED = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
"""Instructions whose argument is the value."""
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_IGNORED = frozenset({"PROTO", "FRAME", "STOP"})


class _Machine:
    """The stack and the memory of one pickle. An instruction is a method of its name in lower case."""

    def __init__(self, size: int, records: bool, packages: tuple[str, ...]) -> None:
        self.size, self.records, self.packages = size, records, packages
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Obey one instruction.

        Raises:
            pickle.UnpicklingError: it is none that plain data need.
        """
        if name in _PUSHED:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in self._KNOWN and (self.records or name not in self._OF_RECORDS):
            self._KNOWN[name](self, argument)
        elif name == "NEWOBJ" and self.packages:
            self._new(argument)
        elif name not in _IGNORED:
            raise pickle.UnpicklingError(f"holds the instruction {name}")

    def _since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def _mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _pop_mark(self, _: Any) -> None:
        self._since_mark()

    def _pop(self, _: Any) -> None:
        self.stack.pop()

    def _string(self, text: str) -> None:
        """Of Python 2, whose bytes and text were one; arrays' bytes are such a text, of letters up to 255."""
        self.stack.append(text.encode("latin1" if self.packages else "ascii").decode("latin1"))

    def _tuple(self, n: int | None) -> None:
        items = self._since_mark() if n is None else [self.stack.pop() for _ in range(n)][::-1]
        self.stack.append(tuple(items))

    def _list(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append(items)

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise pickle.UnpicklingError("appends to what is no list")
        target += items

    def _fill(self, items: list[Any]) -> None:
        """Keys are text before they are hashed: the hash of a tuple that holds one twice, 30 deep, never ends."""
        target, keys = self.stack[-1], items[::2]
        if type(target) is not dict or len(items) % 2 or not all(type(key) is str for key in keys):
            raise pickle.UnpicklingError("holds a dict whose keys are not text")
        target.update(zip(keys, items[1::2], strict=True))

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self.stack.append({})
        self._fill(items)

    def _put(self, place: int | None) -> None:
        where = len(self.memory) if place is None else place
        if not 0 <= where <= self.size:
            raise pickle.UnpicklingError("stores far outside its memory")
        self.memory[where] = self.stack[-1]

    def _get(self, place: int) -> None:
        self.stack.append(self.memory[place])

    def _global(self, both: str) -> None:
        module, _, name = both.partition(" ")
        self.stack.append(_Name(module, name, self.packages))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise pickle.UnpicklingError("names something without text")
        self.stack.append(_Name(module, name, self.packages))

    def _new(self, _: Any) -> None:
        arguments, name = self.stack.pop(), self.stack.pop()
        if type(name) is not _Name or not name.kept or type(arguments) is not tuple:
            raise pickle.UnpicklingError("makes an object of what is no class")
        self.stack.append(name.keep())

    def _reduce(self, _: Any) -> None:
        arguments, name = self.stack.pop(), self.stack.pop()
        if type(name) is not _Name or type(arguments) is not tuple:
            raise pickle.UnpicklingError("calls what is no function")
        self.stack.append(name.stands_for(*arguments))

    def _build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is Kept and type(state) is dict:
            target.state = state
            return
        if type(target) not in (_Array, _Type) or type(state) is not tuple:
            raise pickle.UnpicklingError("sets the inside of what is no array")
        if self.packages and type(target) is _Array and state and type(state[-1]) is str:
            state = (*state[:-1], state[-1].encode("latin1"))
        target.set(state)

    _KNOWN: dict[str, Callable[["_Machine", Any], None]] = {  # noqa: RUF012 (never changed)
        "MARK": _mark,
        "POP": _pop,
        "POP_MARK": _pop_mark,
        **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _string),
        "TUPLE": _tuple,
        "EMPTY_TUPLE": lambda machine, _: machine._tuple(0),
        "TUPLE1": lambda machine, _: machine._tuple(1),
        "TUPLE2": lambda machine, _: machine._tuple(2),
        "TUPLE3": lambda machine, _: machine._tuple(3),
        "LIST": _list,
        "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
        "APPEND": lambda machine, _: machine._extend([machine.stack.pop()]),
        "APPENDS": lambda machine, _: machine._extend(machine._since_mark()),
        "DICT": _dict,
        "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
        "SETITEM": lambda machine, _: machine._fill([machine.stack.pop(), machine.stack.pop()][::-1]),
        "SETITEMS": lambda machine, _: machine._fill(machine._since_mark()),
        **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _put),
        **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
        "GLOBAL": _global,
        "STACK_GLOBAL": _stack_global,
        "REDUCE": _reduce,
        "BUILD": _build,
    }
    _OF_RECORDS = frozenset({"DICT", "EMPTY_DICT", "SETITEM", "SETITEMS"})


def load_plain(data: bytes, *, records: bool = False, packages: tuple[str, ...] = ()) -> Any:
    """What a pickle holds, if that is plain data.

    Args:
        data: of any protocol; what stands behind its end is not looked at.
        records: admit dicts, with text as keys.
        packages: admit objects of these packages, each as a `Kept`, and arrays as Python 2 wrote them.

    Raises:
        ValueError: it is damaged, or asks for anything else than arrays, numbers, text, lists and tuples.
    """
    try:
        machine = _Machine(len(data), records, packages)
        for opcode, argument, _ in pickletools.genops(data):
            machine.step(opcode.name, argument)
        return _Budget(16 * len(data)).plain(machine.stack.pop())
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except Exception as error:  # a damaged pickle fails in any way it likes; all of them mean the same
        raise ValueError(f"{type(error).__name__}: {error}") from None
