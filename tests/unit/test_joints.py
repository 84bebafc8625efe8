import numpy as np
import pytest

from hint_toolkit.joints import BONES, FROM_HINT, INDEX, JOINTS, N_JOINTS, PARENTS, TO_HINT, finger_of, inverse


def test_names_are_hints_own_in_order():
    assert JOINTS[:6] == ("wrist", "thumb1", "thumb2", "thumb3", "thumb4", "forefinger1")
    assert JOINTS[-1] == "pinky_finger4"
    assert len(set(JOINTS)) == N_JOINTS == 21
    assert INDEX["ring_finger2"] == 14


def test_every_chain_of_parents_ends_at_the_wrist():
    for joint in range(1, N_JOINTS):
        assert PARENTS[joint] < joint
        assert finger_of(PARENTS[joint]) in ("wrist", finger_of(joint))
    assert len(BONES) == 20


@pytest.mark.parametrize("name", sorted(TO_HINT))
def test_permutations_undo_each_other(name):
    other = np.arange(N_JOINTS)
    assert (other[list(TO_HINT[name])][list(FROM_HINT[name])] == other).all()


def test_mano_order_against_the_published_inverse():
    # HaMeR's pose_utils writes this list to go from OpenPose order to HO-3D's.
    assert FROM_HINT["mano"] == (0, 5, 6, 7, 9, 10, 11, 17, 18, 19, 13, 14, 15, 1, 2, 3, 4, 8, 12, 16, 20)


def test_rhd_and_interhand_put_tips_first():
    rhd = ["wrist", *(f"f{f}{k}" for f in range(5) for k in "4321")]
    assert [rhd[i] for i in TO_HINT["rhd"]][:6] == ["wrist", "f01", "f02", "f03", "f04", "f11"]
    interhand = [*(f"f{f}{k}" for f in range(5) for k in "4321"), "wrist"]
    assert [interhand[i] for i in TO_HINT["interhand"]][:6] == ["wrist", "f01", "f02", "f03", "f04", "f11"]


def test_inverse_refuses_what_is_no_permutation():
    with pytest.raises(ValueError, match="not a permutation"):
        inverse((0, 0, 1))
