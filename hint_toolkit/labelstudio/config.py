"""The labelling configuration of Label Studio, generated from `joints.py`.

One task is one hand: 21 key points, one box whose label is the side, and two grids of check boxes, `occluded`
and `absent`, that look like the hand and have one key a joint. Flipping a joint is one key press without a
click. The keys lie on the keyboard like the hand: columns are thumb to pinky, the top row the tips.

With `bones`, a finger whose four points are known is one chain of lines instead of four dots; the rest stays as it is.

The order of tags matters to people, the order of regions to the canvas: see `tasks.py`.
"""

import xml.etree.ElementTree as ET
from types import MappingProxyType
from typing import Final

from hint_toolkit.joints import FINGER_COLORS, FINGERS, INDEX, JOINTS, SIDES, finger_of

IMAGE: Final = "img"
KEYPOINTS: Final = "kp"
CHAINS: Final = "fingers"
BOX: Final = "hand"
OCCLUDED: Final = "occluded"
ABSENT: Final = "absent"
OTHERS: Final = "others"

_ROWS: Final = ("12345", "qwert", "asdfg", "zxcvb")
"""Keys of the joints 4 (tips) to 1 (base), a column a finger."""
_WRIST_KEY: Final = "n"
_SHORT: Final = MappingProxyType(dict(zip(FINGERS, "TIMRP", strict=True)))
_SIDE_COLORS: Final = MappingProxyType({"left": "#00c2ff", "right": "#ff8c00"})
_SIDE_KEYS: Final = MappingProxyType({"left": "shift+[", "right": "shift+]"})
_CHAIN_KEYS: Final = ("alt+7", "alt+8", "alt+9", "alt+0", "alt+-")
"""Nobody needs them; without keys of their own the labels of fingers would get 1 to 5, which tick tips."""
_MOVED: Final = MappingProxyType({"shift+1": "shift+6", "shift+2": "shift+7", "alt+r": "alt+6"})
"""Keys that Label Studio has taken, and what we use in their place."""

_RESERVED: Final = (
    *("ctrl+enter", "ctrl+space", "ctrl+z", "ctrl+shift+z", "ctrl+backspace", "ctrl+h", "ctrl+d", "ctrl+plus"),
    *("ctrl+minus", "ctrl+left", "ctrl+right", "alt+left", "alt+right", "alt+r", "alt+h", "alt+l", "alt+m", "alt+."),
    *("enter", "escape", "backspace", "delete", "u", "h", "k", "[", "]", "shift+1", "shift+2"),
)
RESERVED_KEYS: Final = frozenset(_RESERVED)
"""Label Studio 1.23's own keys in an image task. `r`, `v` and `shift+r` also choose a tool there, which does
not change what a drag on a point does (tried), so the grid may use them."""

_STYLE: Final = (
    ".lsf-choice__item sup{display:none}.lsf-choice__item{margin:0}"
    ".lsf-object{padding-right:42px;box-sizing:border-box}.lsf-object .lsf-toolbar{margin-right:-42px}"
)
"""Keys are shown by us, in fewer pixels. Room for the tools is kept from the start: Label Studio fits the picture
before they appear, and would cut off 3 % at each side, where truncated hands are."""
_CELL: Final = "width:68px;white-space:nowrap;border-left:4px solid {color};padding-left:3px"


def joint_key(joint: str) -> str:
    """The plain key of a joint, e.g. "q" for thumb3."""
    finger = finger_of(INDEX[joint])
    if finger == "wrist":
        return _WRIST_KEY
    return _ROWS[4 - int(joint[-1])][FINGERS.index(finger)]


def hotkeys(bones: bool = False) -> dict[str, str]:
    """Every key of the configuration: action -> key, actions like "occluded thumb3" and "box left"."""
    table = {f"box {side}": key for side, key in _SIDE_KEYS.items()}
    for action, prefix in ((OCCLUDED, ""), (ABSENT, "shift+"), ("draw", "alt+")):
        for joint in JOINTS:
            key = prefix + joint_key(joint)
            table[f"{action} {joint}"] = _MOVED.get(key, key)
    if bones:
        table |= {f"chain {finger}": key for finger, key in zip(FINGERS, _CHAIN_KEYS, strict=True)}
    return table


def has_bones(config: str) -> bool:
    """Whether a configuration shows fingers as chains."""
    return CHAINS in (vocabulary(config) or {})


def label_config(others: bool = False, bones: bool = False) -> str:
    """The configuration as XML, the same text every time.

    Args:
        others: with a second picture above, for tasks that show several answers to decide between.
        bones: fingers as chains of lines.
    """
    keys = hotkeys(bones)
    root = ET.Element("View")
    ET.SubElement(root, "Style").text = _STYLE
    ET.SubElement(root, "Header", value="$note", size="6")
    if others:
        ET.SubElement(root, "Image", name=OTHERS, value="$others", zoom="true", zoomControl="false", maxWidth="100%")
    columns = ET.SubElement(root, "View", style="display:flex")
    _add_image(ET.SubElement(columns, "View", style="flex:1;min-width:0"), keys, bones)
    panel = ET.SubElement(columns, "View", style="width:356px;flex:none;padding-left:8px")
    _add_grid(panel, OCCLUDED, "occluded (key)", keys)
    _add_grid(panel, ABSENT, "absent (shift + key)", keys)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode") + "\n"


def _add_image(parent: ET.Element, keys: dict[str, str], bones: bool) -> None:
    """Image, box labels, and the point labels folded away: they are needed to draw a deleted joint again only."""
    ET.SubElement(
        parent,
        "Image",
        name=IMAGE,
        value="$image",
        zoom="true",
        zoomControl="true",
        rotateControl="false",
        smoothing="false",
        defaultZoom="fit",
        maxWidth="100%",
    )
    options = {"name": BOX, "toName": IMAGE, "maxUsages": "1", "strokeWidth": "1", "fillOpacity": "0"}
    box = ET.SubElement(parent, "RectangleLabels", options, canRotate="false")
    for side in SIDES:
        ET.SubElement(box, "Label", value=side, background=_SIDE_COLORS[side], hotkey=keys[f"box {side}"])
    if bones:
        _add_chains(parent, keys)
    title = "draw a joint: alt + key (R3: alt+6), then ctrl + click"
    folded = ET.SubElement(ET.SubElement(parent, "Collapse"), "Panel", value=title)
    points = ET.SubElement(folded, "KeyPointLabels", name=KEYPOINTS, toName=IMAGE, strokeWidth="4", opacity="0.9")
    for index, joint in enumerate(JOINTS):
        color = FINGER_COLORS[finger_of(index)]
        options = {"value": joint, "background": color, "hotkey": keys[f"draw {joint}"], "maxUsages": "1"}
        ET.SubElement(points, "Label", options, model_index=str(index))


def _add_chains(parent: ET.Element, keys: dict[str, str]) -> None:
    """A label a finger, out of sight: chains are pushed, and a deleted finger is drawn again joint by joint.

    Drawing a chain inside the box would leave regions without a vertex; so many points and no more keeps clicks on a
    chain from adding or taking any.
    """
    hidden, fixed = ET.SubElement(parent, "View", style="display:none"), {"minPoints": "4", "maxPoints": "4"}
    options = {"name": CHAINS, "toName": IMAGE, "closable": "false", "strokeWidth": "2", "opacity": "0.9"}
    chains = ET.SubElement(hidden, "VectorLabels", options | fixed)
    for finger in FINGERS:
        key, color = keys[f"chain {finger}"], FINGER_COLORS[finger]
        ET.SubElement(chains, "Label", value=finger, background=color, hotkey=key, maxUsages="1")


def _add_grid(parent: ET.Element, action: str, title: str, keys: dict[str, str]) -> None:
    """Check boxes laid out like the hand: a column a finger, the tips on top, the wrist below."""
    ET.SubElement(parent, "Header", value=title, size="6")
    choices = ET.SubElement(parent, "Choices", name=action, toName=IMAGE, choice="multiple")
    for k in (4, 3, 2, 1):
        row = ET.SubElement(choices, "View", style="display:flex")
        for finger in FINGERS:
            _add_cell(row, f"{finger}{k}", f"{_SHORT[finger]}{k}", keys[f"{action} {finger}{k}"])
    _add_cell(choices, "wrist", "wrist", keys[f"{action} wrist"])


def _add_cell(parent: ET.Element, joint: str, text: str, key: str) -> None:
    cell = ET.SubElement(parent, "View", style=_CELL.format(color=FINGER_COLORS[finger_of(INDEX[joint])]))
    shown = key.removeprefix("shift+")
    ET.SubElement(cell, "Choice", value=joint, html=f'{text} <span style="opacity:.45">{shown}</span>', hotkey=key)


def vocabulary(config: str) -> dict[str, tuple[str, ...]] | None:
    """What a configuration can record: control -> its labels or choices, sorted. None when it is no XML.

    Two configurations of the same vocabulary hold the same annotations, however they look.
    """
    try:
        root = ET.fromstring(config)
    except ET.ParseError:
        return None
    return {
        str(control.get("name")): tuple(sorted(str(item.get("value")) for item in control.iter() if item.get("value")))
        for control in root.iter()
        if control.get("toName")
    }
