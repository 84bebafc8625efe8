import hashlib
import hmac

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.export.people import is_public, pseudonyms

KEY = b"0123456789abcdef"


def test_with_a_key_nobody_changes_their_pseudonym_when_others_come():
    first = pseudonyms(["bob@lab.org", "ann@lab.org"], KEY)
    later = pseudonyms(["aaa@lab.org", "bob@lab.org", "ann@lab.org", "bob@lab.org"], KEY)
    assert {name: later[name] for name in first} == first
    assert len(set(later.values())) == 3
    digest = hmac.new(KEY, b"ann@lab.org", hashlib.sha256).hexdigest()
    assert first["ann@lab.org"] == f"annotator-{digest[:8]}"
    assert pseudonyms(["ann@lab.org"], KEY[::-1]) != pseudonyms(["ann@lab.org"], KEY)


def test_without_a_key_people_are_numbered():
    assert pseudonyms(["bob", "ann", "bob"]) == {"ann": "annotator-01", "bob": "annotator-02"}
    assert pseudonyms([]) == {}


def test_a_number_that_is_taken_is_not_given_again():
    assert pseudonyms(["annotator-01", "zoe"]) == {"annotator-01": "annotator-01", "zoe": "annotator-02"}
    many = pseudonyms([f"p{k:03d}" for k in range(150)] + ["annotator-77"])
    assert len(set(many.values())) == 151


@pytest.mark.parametrize("key", [None, KEY])
def test_what_tells_nothing_stays_and_twice_is_as_once(key):
    once = pseudonyms(["", "simulated", "ann@lab.org"], key)
    assert (once[""], once["simulated"]) == ("", "simulated")
    assert all(map(is_public, once.values()))
    assert pseudonyms(once.values(), key) == {name: name for name in sorted(once.values())}
    assert not is_public("ann@lab.org")
    assert not is_public("annotator-01@lab.org")


def test_two_pseudonyms_that_would_meet_get_longer(monkeypatch):
    monkeypatch.setattr("hint_toolkit.export.people._DIGITS", 2)
    names = [f"person{k}" for k in range(300)]  # more than there are two-digit pseudonyms
    assert len(set(pseudonyms(names, KEY).values())) == 300


def test_a_short_key_is_none():
    with pytest.raises(InputError, match="too short"):
        pseudonyms(["ann"], b"abc")
