import numpy as np
import pytest

from hint_toolkit.io.arrow import from_arrow, to_arrow


@pytest.mark.parametrize("kind", ["flags", "numbers", "texts", "points"])
@pytest.mark.parametrize(("first", "last"), [(0, 30), (3, 17), (9, 9), (29, 30)])
def test_any_slice_comes_back(rng, kind, first, last):
    values = {
        "flags": rng.random((30, 21)) < 0.5,
        "numbers": rng.integers(-5, 5, 30),
        "texts": np.array([f"é{k % 4}" for k in range(30)], object),
        "points": rng.random((30, 21, 2)),
    }[kind]
    np.testing.assert_array_equal(from_arrow(to_arrow(values).slice(first, last - first)), values[first:last])
    assert to_arrow(values).to_pylist() == values.tolist()


def test_a_slice_of_plain_flags_starts_inside_a_byte():
    flags = np.array([True, False, False, True, True, False, True, False, True, True])
    np.testing.assert_array_equal(from_arrow(to_arrow(flags).slice(3, 6)), flags[3:9])


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="wanted text, got int"):
        to_arrow(np.array(["a", 1], object))
