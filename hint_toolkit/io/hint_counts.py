"""How many hands each folder of the published HInt release holds.

Half the files (jpg + json) that the dataset's restore instructions list for each folder (github.com/ddshan/hint);
40,434 hands in all. The same repository's `visualize_HInt/finalize_HInt.py` removes 28 pairs of the first version of
the annotation: those folders then hold `REMOVED` hands more.
"""

from types import MappingProxyType
from typing import Final

HANDS: Final = MappingProxyType(
    {
        "TEST_ego4d_img": 1714,
        "TEST_ego4d_seq": 6953,
        "TEST_epick_img": 1906,
        "TEST_newdays_img": 1754,
        "TRAIN_ego4d_img": 11652,
        "TRAIN_epick_img": 2780,
        "TRAIN_newdays_img": 9666,
        "VAL_ego4d_img": 514,
        "VAL_ego4d_seq": 2320,
        "VAL_epick_img": 625,
        "VAL_newdays_img": 550,
    }
)
REMOVED: Final = MappingProxyType(
    {"TEST_ego4d_img": 17, "TEST_ego4d_seq": 4, "TEST_epick_img": 1, "TEST_newdays_img": 6}
)


def count_note(folder: str, hands: int) -> str:
    """What is odd about the number of hands of a folder; "" when nothing is, or the folder is not one of HInt's."""
    wanted = HANDS.get(folder)
    if wanted is None or hands == wanted:
        return ""
    if hands == wanted + REMOVED.get(folder, 0):
        return f"holds {hands} hands: the first annotation version, from which {REMOVED[folder]} were removed"
    return f"holds {hands} hands, the release has {wanted}"
