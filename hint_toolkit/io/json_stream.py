"""JSON read piece by piece: a gigabyte file never stands in memory as text or as objects.

The outermost object or list is walked by hand; what lies in it is decoded by the standard library's scanner,
one value at a time, from a buffer that slides over the file. Strict UTF-8 (a byte order mark is allowed).
"""

import codecs
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

CHUNK = 1 << 20
LONGEST = 16 << 20
"""No single value (one record, one header) may be longer than this many characters."""
_SPACE = re.compile(r"[ \t\r\n]*")
_CUT = 16  # an error this near to the buffer's end may only mean that the buffer ends there ("-Infinity" has 9)


class JsonStream:
    """A cursor in a JSON file. Every method raises `ValueError` with a readable reason where the text is broken."""

    def __init__(self, handle: BinaryIO, chunk: int = CHUNK) -> None:
        """Start before the outermost value."""
        self._handle, self._chunk = handle, chunk
        self._digest = hashlib.sha256()
        self._text = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._scan = json.JSONDecoder().raw_decode
        self._buffer, self._at, self._passed, self._ended = "", 0, 0, False

    @property
    def sha256(self) -> str:
        """Of the bytes read so far; of the whole file after `end`."""
        return self._digest.hexdigest()

    def head(self) -> str:
        """The text ahead of the cursor as far as it is in memory, at least a few hundred characters of it."""
        while not self._ended and len(self._buffer) - self._at < min(self._chunk, 512):
            self._more(self._chunk)
        return self._buffer[self._at : self._at + 512]

    def peek(self) -> str:
        """The next character that is not white space, "" at the end of the file."""
        while True:
            self._at = _SPACE.match(self._buffer, self._at).end()  # type: ignore[union-attr]  # matches always
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if self._ended:
                return ""
            self._more(self._chunk)

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                value, end = self._scan(self._buffer, self._at)
            except RecursionError:
                raise ValueError("is nested too deeply") from None
            except json.JSONDecodeError as error:
                self._refill(error)
                continue
            if isinstance(value, int | float) and not self._ended and end >= len(self._buffer) - _CUT:
                # "2" may be the beginning of "2.5e3"
                self._more(self._chunk)
                continue
            self._at = end
            return value

    def items(self) -> Iterator[Any]:
        """The values of the list ahead, one by one."""
        for _ in self.elements():
            yield self.value()

    def elements(self) -> Iterator[None]:
        """Stops at each value of the list ahead; the caller reads it, whole or piece by piece, before the next stop."""
        self._take("[")
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield
            if not self._goes_on("]"):
                return

    def keys(self) -> Iterator[str]:
        """The keys of the object ahead; the caller reads each one's value before it asks for the next key."""
        self._take("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                raise ValueError(f"a key in quotes is wanted {self._place(self._at)}")
            key = self.value()
            self._take(":")
            yield key
            if not self._goes_on("}"):
                return

    def end(self) -> None:
        """Make sure that nothing follows."""
        if self.peek():
            raise ValueError(f"there is more text after the end {self._place(self._at)}")

    def _goes_on(self, close: str) -> bool:
        found = self.peek()
        if found not in (",", close) or not found:
            raise ValueError(f"a comma or {close!r} is wanted {self._place(self._at)}")
        self._at += 1
        return found == ","

    def _take(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise ValueError(f"{wanted!r} is wanted {self._place(self._at)}")
        self._at += 1

    def _refill(self, error: json.JSONDecodeError) -> None:
        """Read on if the value may only be cut off by the buffer's end; otherwise say what is wrong and where."""
        rest = len(self._buffer) - self._at
        cut = error.msg.startswith("Unterminated") or error.pos >= len(self._buffer) - _CUT
        if self._ended or not cut:
            raise ValueError(f"{error.msg} {self._place(error.pos)}") from None
        if rest > LONGEST:
            raise ValueError(f"a value longer than {LONGEST >> 20} MiB starts {self._place(self._at)}")
        self._more(max(self._chunk, rest))  # twice as much each time, so that decoding again stays linear

    def _more(self, size: int) -> None:
        data = self._handle.read(size)
        self._digest.update(data)
        try:
            text = self._text.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise ValueError(f"is not UTF-8 text ({error.reason})") from None
        self._passed += self._at
        self._buffer, self._at = self._buffer[self._at :] + text, 0
        self._ended = not data

    def _place(self, position: int) -> str:
        where = self._passed + position
        return "at the end" if self._ended and position >= len(self._buffer) else f"at character {where}"
