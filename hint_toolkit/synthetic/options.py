"""What a caller may choose: how a picture looks and where the hands are."""

from __future__ import annotations

from dataclasses import dataclass

from hint_toolkit.joints import SIDES
from hint_toolkit.synthetic.skeleton import POSES

VIEWS = ("ego", "front", "any")
BACKGROUNDS = ("scene", "plain", "noise")
OBJECTS = ("auto", "none", "can", "ball", "box")


@dataclass(frozen=True)
class Look:
    """How a picture looks, apart from where the hands are."""

    shadow: bool = True
    """Bodies cast shadows on each other; False saves a tenth of the time."""
    sleeve: bool | None = None
    """Cloth on the forearm; None: on four of ten hands."""
    skin: tuple[float, float, float] | None = None
    """Linear RGB of the skin; None: drawn between light and dark."""
    background: str = "scene"
    """"scene" (a table with clutter), "plain" (one grey) or "noise" (coloured clouds)."""
    object: str = "auto"
    """What is held: "can", "ball", "box", "none", or "auto": something in some gripping hands."""
    noise: float = 0.012
    """Standard deviation of the sensor's noise, as a share of full white."""
    blur: float = 0.7
    """Standard deviation of the lens's blur in pixels."""

    def __post_init__(self) -> None:
        _check("background", self.background, BACKGROUNDS)
        _check("object", self.object, OBJECTS)


@dataclass(frozen=True)
class Staging:
    """Where the hands are and what they do; None leaves the choice to the seed."""

    side: str | None = None
    """"left" or "right"; two hands are always one of each."""
    pose: str | None = None
    """A name of `POSES`."""
    view: str = "ego"
    """"ego" (arm from below, back of the hand), "front" (palm to the camera) or "any"."""
    n_hands: int = 1
    """One or two."""
    size: float | None = None
    """Length of the hand as a share of the image height; None: 0.36 to 0.62."""
    shift: tuple[float, float] = (0.0, 0.0)
    """Moves the hands by this share of width and height, also over the border."""

    def __post_init__(self) -> None:
        _check("view", self.view, VIEWS)
        if self.side is not None:
            _check("side", self.side, SIDES)
        if self.pose is not None:
            _check("pose", self.pose, POSES)
        if self.n_hands not in (1, 2):
            raise ValueError(f"n_hands is {self.n_hands!r}: want 1 or 2")
        if self.n_hands == 2 and self.side is not None:
            raise ValueError("side goes with one hand only: two hands are a left and a right one")
        if self.size is not None and not 0.05 <= self.size <= 2:
            raise ValueError(f"size is {self.size!r}: want a share of the height, 0.05 to 2")


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: want one of {', '.join(allowed)}")


DEFAULT_LOOK = Look()
