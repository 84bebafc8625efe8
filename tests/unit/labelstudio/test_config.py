import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from hint_toolkit.joints import FINGERS, JOINTS
from hint_toolkit.labelstudio.config import ABSENT, OCCLUDED, RESERVED_KEYS, hotkeys, label_config, vocabulary

GENERATED = Path(__file__).resolve().parents[3] / "annotation" / "label_config.xml"


def test_the_file_for_annotators_is_what_the_code_generates() -> None:
    assert GENERATED.read_text("utf-8") == label_config(), "run: hint-build label-config > annotation/label_config.xml"


def test_keys_are_unique_free_and_all_there() -> None:
    keys = hotkeys()
    assert {a for a in keys if not a.startswith("box")} == {
        f"{k} {j}" for k in (OCCLUDED, ABSENT, "draw") for j in JOINTS
    }
    assert [key for key, n in Counter(keys.values()).items() if n > 1] == []
    assert set(keys.values()) & RESERVED_KEYS == set()


def test_keys_lie_like_the_hand() -> None:
    keys = hotkeys()
    assert [keys[f"{OCCLUDED} {finger}4"] for finger in FINGERS] == list("12345")
    assert [keys[f"{OCCLUDED} thumb{k}"] for k in (4, 3, 2, 1)] == list("1qaz")
    assert keys[f"{ABSENT} pinky_finger2"] == "shift+g"
    # shift+1 and shift+2 zoom, alt+r makes a relation.
    assert (keys[f"{ABSENT} thumb4"], keys[f"{ABSENT} forefinger4"]) == ("shift+6", "shift+7")
    assert keys["draw ring_finger3"] == "alt+6"


def test_the_xml_carries_every_joint_in_order_with_its_key() -> None:
    root, keys = ET.fromstring(label_config()), hotkeys()
    points = root.find(".//KeyPointLabels")
    assert points is not None
    assert [label.get("value") for label in points] == list(JOINTS)
    assert [label.get("model_index") for label in points] == [str(j) for j in range(21)]
    assert {label.get("maxUsages") for label in points} == {"1"}
    for name in (OCCLUDED, ABSENT):
        (grid,) = [c for c in root.iter("Choices") if c.get("name") == name]
        cells = list(grid.iter("Choice"))
        assert sorted(str(c.get("value")) for c in cells) == sorted(JOINTS)
        assert {c.get("hotkey") for c in cells} == {keys[f"{name} {j}"] for j in JOINTS}
        rows = [row for row in grid if len(row) == 5]
        assert [[c.get("value") for c in row.iter("Choice")] for row in rows] == [
            [f"{finger}{k}" for finger in FINGERS] for k in (4, 3, 2, 1)
        ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_label_studio_itself_finds_nothing_wrong() -> None:
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    interface.LabelInterface(label_config()).validate()


def test_vocabulary_is_what_can_be_recorded_not_how_it_looks() -> None:
    config = label_config()
    assert vocabulary(config.replace("occluded (key)", "hidden").replace("68px", "80px")) == vocabulary(config)
    assert vocabulary(config.replace('value="thumb3"', 'value="thumb5"')) != vocabulary(config)
    assert vocabulary(config.replace(f'name="{ABSENT}"', 'name="gone"')) != vocabulary(config)
    assert set(vocabulary(config) or {}) == {"hand", "kp", OCCLUDED, ABSENT}
    assert vocabulary("no xml") is None


def test_the_configuration_for_decisions_records_the_same() -> None:
    plain, others = label_config(), label_config(others=True)
    assert vocabulary(others) == vocabulary(plain)
    assert "$others" in others
    assert "$others" not in plain
    assert 'value="$note"' in plain
