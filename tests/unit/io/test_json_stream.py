import hashlib
import io
import json

import pytest

from hint_toolkit.io import json_stream
from hint_toolkit.io.json_stream import JsonStream

VALUE = {"a": [1, -2.5e3, 'x\\"\u00e9\U0001f600', None, True, {"b": []}, float("inf")], "c": {}, "d": "", "e": 12345}


def walked(data, chunk):
    """The value of `data`, its outermost object walked key by key and its lists item by item."""
    stream = JsonStream(io.BytesIO(data), chunk)
    made = {}
    for key in stream.keys():  # noqa: SIM118
        made[key] = list(stream.items()) if stream.peek() == "[" else stream.value()
    stream.end()
    return made, stream.sha256


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("indent", [None, 3])
def test_pieces_of_any_size_give_what_json_gives(ascii_only, indent):
    data = json.dumps(VALUE, indent=indent, ensure_ascii=ascii_only).encode()
    for chunk in range(1, len(data) + 2):
        assert walked(data, chunk) == (VALUE, hashlib.sha256(data).hexdigest()), chunk


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "wanted"),
        (b'{"a"', "':' is wanted at the end"),
        (b'{"a": 1', "a comma or '}' is wanted at the end"),
        (b'{"a": 1,}', "a key in quotes"),
        (b'{"a": [1,]}', "Expecting value at character 9"),
        (b'{"a": [1 2]}', "a comma or ']' is wanted at character 9"),
        (b'{"a": nul}', "Expecting value"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": 1} 2', "more text after the end at character 9"),
        (b'{"a": ' + b"9" * 5000 + b"}", "4300"),
        (b'{"a": {"b": "' + b"x" * 50, "Unterminated"),
    ],
)
def test_broken_text_is_a_value_error_with_its_place(data, message, chunk):
    with pytest.raises(ValueError, match=message):
        walked(data, chunk)


def test_one_endless_value_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(json_stream, "LONGEST", 1000)
    with pytest.raises(ValueError, match="a value longer than"):
        walked(b'{"a": "' + b"x" * 100_000 + b'"}', 64)


def test_after_a_plain_mistake_nothing_more_is_read():
    handle = io.BytesIO(b'{"a": [nul]' + b" " * 1_000_000 + b"}")
    stream = JsonStream(handle, 100)
    assert next(stream.keys()) == "a"
    with pytest.raises(ValueError, match="Expecting value at character 7"):
        list(stream.items())
    assert handle.tell() <= 200


def test_a_byte_order_mark_is_no_text():
    assert walked(b"\xef\xbb\xbf" + b'{"a": 1}', 3)[0] == {"a": 1}
