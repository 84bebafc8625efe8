"""Results kept under keys in a file that a kill cannot spoil."""

from hint_toolkit.io.kept import Kept, joined_key, key_of


def test_what_is_kept_survives_a_torn_line(tmp_path):
    kept = Kept(tmp_path, "a detector")
    kept.keep(key_of("a"), [1.5, None])
    kept.keep(key_of("b"), {"x": "é"})
    kept.close()
    with kept.path.open("ab") as handle:
        handle.write(key_of("c").encode() + b' {"half')
    again = Kept(tmp_path, "a detector")
    assert len(again) == 2
    assert key_of("c") not in again
    again.keep(key_of("c"), 3)
    again.keep(key_of("a"), "never written twice")
    assert (again[key_of("a")], again[key_of("b")], again[key_of("c")]) == ([1.5, None], {"x": "é"}, 3)
    again.close()
    last = Kept(tmp_path, "a detector")
    assert (len(last), last[key_of("c")]) == (3, 3)
    last.close()
    other = Kept(tmp_path, "another detector")
    assert len(other) == 0
    other.close()
    assert key_of("ab", "c") != key_of("a", "bc")


def test_keys_of_one_group_are_found_again(tmp_path):
    kept = Kept(tmp_path, "a detector")
    first, second = (joined_key(key_of("picture"), key_of(what)) for what in ("whole", "box"))
    other = joined_key(key_of("another"), key_of("box"))
    for key in (first, second, other, first):
        kept.keep(key, 1)
    assert kept.group(joined_key(key_of("picture"), key_of("never asked"))) == [first, second]
    assert kept.group(key_of("unknown")) == []
    kept.close()
    again = Kept(tmp_path, "a detector")
    assert again.group(second) == [first, second]
    again.close()
