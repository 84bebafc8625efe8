"""The 21 joints of a hand in HInt's order, and how other orders map to it.

HInt, OpenPose, COCO-WholeBody, FreiHAND, MediaPipe and HaMeR's output share one order: wrist, then four
joints a finger from base to tip, thumb first. MANO and HO-3D store joints differently; a permutation is an
index list `p` such that `target = source[p]`.

Sources: names as in HInt's annotation scripts; `MANO_TO_HINT` is HaMeR's `mano_wrapper` order and HO-3D's
`jointsMapManoToSimple`; `RHD` and `INTERHAND` after their own documentation (finger tips first).
"""

from types import MappingProxyType
from typing import Final

FINGERS: Final = ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky_finger")
JOINTS: Final[tuple[str, ...]] = ("wrist", *(f"{f}{k}" for f in FINGERS for k in range(1, 5)))
N_JOINTS: Final = len(JOINTS)
INDEX: Final = MappingProxyType({name: i for i, name in enumerate(JOINTS)})

WRIST: Final = 0
MIDDLE_BASE: Final = INDEX["middle_finger1"]

PARENTS: Final[tuple[int, ...]] = (-1, *(0 if k == 0 else 4 * f + k for f in range(5) for k in range(4)))
"""Index of the joint one bone nearer to the wrist; -1 for the wrist itself."""

BONES: Final[tuple[tuple[int, int], ...]] = tuple((PARENTS[j], j) for j in range(1, N_JOINTS))

SIDES: Final = ("left", "right")

FINGER_COLORS: Final = MappingProxyType(
    {
        "wrist": "#b000ff",
        "thumb": "#f2c200",
        "forefinger": "#ff00d4",
        "middle_finger": "#0342df",
        "ring_finger": "#fd3000",
        "pinky_finger": "#2fa51f",
    }
)
"""One colour a finger, near the ones HInt's own overlays use (white for the wrist would vanish on paper)."""


def finger_of(joint: int) -> str:
    """Name of the finger that a joint index belongs to; "wrist" for joint 0."""
    return "wrist" if joint == WRIST else FINGERS[(joint - 1) // 4]


def _tips_first() -> tuple[int, ...]:
    """Wrist first, then every finger from tip to base (RHD)."""
    return (0, *(4 * f + k for f in range(5) for k in (4, 3, 2, 1)))


_IDENTITY = tuple(range(N_JOINTS))

TO_HINT: Final = MappingProxyType(
    {
        "hint": _IDENTITY,
        "openpose": _IDENTITY,
        "mediapipe": _IDENTITY,
        "freihand": _IDENTITY,
        "mano": (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20),
        "ho3d": (0, 13, 14, 15, 16, 1, 2, 3, 17, 4, 5, 6, 18, 10, 11, 12, 19, 7, 8, 9, 20),
        "rhd": _tips_first(),
        "interhand": (20, *(4 * f + k for f in range(5) for k in (3, 2, 1, 0))),
    }
)
"""`hint = other[TO_HINT[name]]` along the joint axis."""

MANO_TIPS: Final = (744, 320, 443, 554, 671)
"""Vertices of MANO's mesh that HaMeR takes for the tips of thumb, forefinger, middle, ring and little finger."""


def inverse(permutation: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `permutation`.

    Raises:
        ValueError: the numbers are not a permutation of 0..n-1.
    """
    if sorted(permutation) != list(range(len(permutation))):
        raise ValueError(f"not a permutation of 0..{len(permutation) - 1}: {permutation}")
    result = [0] * len(permutation)
    for position, source in enumerate(permutation):
        result[source] = position
    return tuple(result)


FROM_HINT: Final = MappingProxyType({name: inverse(p) for name, p in TO_HINT.items()})
"""`other = hint[FROM_HINT[name]]` along the joint axis."""
