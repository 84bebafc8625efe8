"""What a project tells its annotators: the skeleton with its names and keys, drawn from `joints.py`, and the rules."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hint_toolkit.errors import MissingExtra
from hint_toolkit.joints import BONES, FINGER_COLORS, FINGERS, JOINTS, N_JOINTS, finger_of
from hint_toolkit.labelstudio.client import LabelStudioClient
from hint_toolkit.labelstudio.config import joint_key
from hint_toolkit.workspace import fingerprint

_MARK: Final = 'alt="the 21 joints and their keys"'
"""Instructions that hold this are ours and may be brought up to date; others were written by a person and stay."""
_SIZE: Final = (820, 640)
_BASES: Final = ((-0.26, 0.27), (-0.27, -0.02), (-0.06, -0.06), (0.15, -0.03), (0.35, 0.06))
_TIPS: Final = ((-0.70, -0.06), (-0.42, -0.58), (-0.09, -0.66), (0.24, -0.58), (0.56, -0.36))
_STEPS: Final = (0.0, 0.42, 0.73, 1.0)
_TEXT: Final = (
    "<p>Move what is wrong, tick what is hidden or missing, submit with ctrl+enter. The key of a joint ticks "
    "<b>occluded</b> (something hides it: put the point where you believe it is), shift + key ticks <b>absent</b> "
    "(not in the picture: T4 is shift+6, I4 shift+7). After touching the box, press Escape. No hand: skip with "
    "ctrl+space.</p>"
)


def skeleton_points() -> NDArray[np.float64]:
    """(21, 2) pixels of a spread right hand seen from the back, in the picture of `skeleton_png`; wrist below."""
    points = [(0.0, 0.45)]
    for base, tip in zip(_BASES, _TIPS, strict=True):
        points += [(base[0] + (tip[0] - base[0]) * t, base[1] + (tip[1] - base[1]) * t) for t in _STEPS]
    width, height = _SIZE
    return np.array(points) * 540.0 + [width / 2, height * 0.58]


def skeleton_png() -> bytes:
    """The order of the joints as a picture: number, short name and key at each.

    Raises:
        MissingExtra: OpenCV is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise MissingExtra("OpenCV", "label") from error
    canvas = np.full((_SIZE[1], _SIZE[0], 3), 255, np.uint8)
    places = [tuple(int(v) for v in point) for point in skeleton_points()]
    for a, b in BONES:
        cv2.line(canvas, places[a], places[b], _bgr(b), 4, cv2.LINE_AA)
    for joint in range(N_JOINTS):
        x, y = places[joint]
        cv2.circle(canvas, (x, y), 8, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(canvas, (x, y), 6, _bgr(joint), -1, cv2.LINE_AA)
        for color, width in (((255, 255, 255), 4), ((0, 0, 0), 1)):
            cv2.putText(
                canvas, _name(joint), (x + 12, y + 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, width, cv2.LINE_AA
            )
    done, data = cv2.imencode(".png", canvas)
    assert done, "OpenCV writes a PNG of any picture"
    return bytes(data.tobytes())


def _bgr(joint: int) -> tuple[int, int, int]:
    color = FINGER_COLORS[finger_of(joint)]
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red


def _name(joint: int) -> str:
    """E.g. "3 T3 [q]": HInt's number, the name in the grid, the key."""
    finger, key = finger_of(joint), joint_key(JOINTS[joint])
    short = "wrist" if finger == "wrist" else f"{'TIMRP'[FINGERS.index(finger)]}{JOINTS[joint][-1]}"
    return f"{joint} {short} [{key}]"


def ensure_instructions(client: LabelStudioClient, project_id: int, facts: dict[str, Any], keeper_id: int) -> None:
    """Give the project our instructions, unless a person has written others.

    Args:
        client: logged in.
        project_id: of the project.
        facts: what the server says of it.
        keeper_id: project that keeps the picture; the same one as a rule.
    """
    there = str(facts.get("expert_instruction") or "")
    picture = skeleton_png()
    version = fingerprint([_TEXT, picture.hex()])
    # The version stands in the picture's name.
    if (there and _MARK not in there) or version in there:
        return
    (upload,) = client.upload(keeper_id, {f"skeleton-{version}.png": (picture, "image/png")})
    text = f'{_TEXT}<p><img src="/data/{upload["file"]}" {_MARK} width="640"></p>'
    wish = {"expert_instruction": text, "show_instruction": True}
    client.request("write the instructions", "PATCH", f"api/projects/{project_id}", json_body=wish)
