"""Measures as values with a name that can be typed, printed and parsed back.

    PCK@0.05[occluded]            PCK@0.1[visible,joint=forefinger4]     PCK@0.05[all,finger=thumb]
    AUC[0..0.2]                   AUC[0..0.2][occluded]
    EPE[visible]                  OKS-AP

`str(parse_measure(text))` is the one canonical name; `parse_measure(str(measure)) == measure`. PCK always names its
subset, as in results.json; the others leave `[all]` out. Joints go by HInt's names, MediaPipe's are understood.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from hint_toolkit.errors import SHOWN_IDS, InputError
from hint_toolkit.joints import FINGERS, INDEX, JOINTS, N_JOINTS, finger_of
from hint_toolkit.protocol import SUBSETS, Subset

Kind = Literal["PCK", "AUC", "EPE", "OKS-AP"]
KINDS: Final[tuple[Kind, ...]] = ("PCK", "AUC", "EPE", "OKS-AP")
EXAMPLES: Final = ("PCK@0.05[occluded]", "AUC[0..0.2]", "EPE[visible]", "OKS-AP", "PCK@0.1[all,joint=forefinger4]")
MAX_FRACTION: Final = 10.0

_SHORT_FINGERS: Final = ("thumb", "index", "middle", "ring", "pinky")
_ENDINGS: Final = (("cmc", "mcp", "ip", "tip"), *([("mcp", "pip", "dip", "tip")] * 4))
FINGER_ALIASES: Final[dict[str, str]] = {
    **dict(zip(_SHORT_FINGERS, FINGERS, strict=True)),
    "index_finger": "forefinger",
    "pinky": "pinky_finger",
    "little": "pinky_finger",
    "little_finger": "pinky_finger",
}
JOINT_ALIASES: Final[dict[str, str]] = {
    f"{alias}_{ending}": f"{finger}{k + 1}"
    for alias, finger in {**FINGER_ALIASES, **{finger: finger for finger in FINGERS}}.items()
    for k, ending in enumerate(_ENDINGS[FINGERS.index(finger)])
}
"""MediaPipe's names (`INDEX_FINGER_TIP`, in small letters) and their short forms (`index_tip`)."""

_NUMBER: Final = r"(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?"
_FORM: Final = re.compile(
    rf"(?P<kind>pck|auc|epe|oks-ap)(?:@(?P<at>{_NUMBER}))?(?:\[(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})\])?"
    r"(?:\[(?P<where>[^\[\]]*)\])?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Measure:
    """What is measured, on which joints.

    Attributes:
        kind: one of `KINDS`.
        subset: which joints count, as in `metrics.pck.subset_mask`.
        threshold: of PCK, fraction of the normaliser; None for the other kinds.
        span: (low, high) of AUC, fractions of the normaliser; None for the other kinds.
        joint: only this joint, a name of `joints.JOINTS`.
        finger: only this finger's four joints, a name of `joints.FINGERS`.
    """

    kind: Kind
    subset: Subset = "all"
    threshold: float | None = None
    span: tuple[float, float] | None = None
    joint: str | None = None
    finger: str | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit each other.

        Raises:
            ValueError: says what is wrong.
        """
        wrong = _wrong_numbers(self) or _wrong_words(self)
        if wrong:
            raise ValueError(wrong)

    @property
    def name(self) -> str:
        """Without the joints it is taken on: `PCK@0.05`, `AUC[0..0.2]`, `EPE`, `OKS-AP`."""
        if self.threshold is not None:
            return f"{self.kind}@{_plain(self.threshold)}"
        return f"{self.kind}[{_plain(self.span[0])}..{_plain(self.span[1])}]" if self.span else self.kind

    @property
    def joints(self) -> tuple[int, ...]:
        """Indices of the joints that it is taken on, in HInt's order."""
        if self.joint:
            return (INDEX[self.joint],)
        return tuple(j for j in range(N_JOINTS) if self.finger in (None, finger_of(j)))

    def __str__(self) -> str:
        """The canonical name; `parse_measure` reads it back."""
        where = [self.subset] + [f"{k}={v}" for k, v in (("joint", self.joint), ("finger", self.finger)) if v]
        if self.kind != "PCK" and where == ["all"]:
            return self.name
        return f"{self.name}[{','.join(where)}]"


def _wrong_numbers(measure: Measure) -> str:
    if (measure.threshold is not None) != (measure.kind == "PCK"):
        return "PCK wants a threshold, as in PCK@0.05, and nothing else has one"
    if (measure.span is not None) != (measure.kind == "AUC"):
        return "AUC wants a span, as in AUC[0..0.2], and nothing else has one"
    if measure.threshold is not None and not 0 < measure.threshold < MAX_FRACTION:
        return f"the threshold must be between 0 and {MAX_FRACTION:g}"
    if measure.span is not None and not 0 <= measure.span[0] < measure.span[1] < MAX_FRACTION:
        return f"the span must rise from at least 0 to less than {MAX_FRACTION:g}"
    return ""


def _wrong_words(measure: Measure) -> str:
    if measure.kind not in KINDS:
        return f"the kind must be one of {', '.join(KINDS)}"
    if measure.subset not in SUBSETS:
        return f"the subset must be one of {', '.join(SUBSETS)}"
    if measure.joint and measure.finger:
        return "names a joint and a finger, one of them is enough"
    if measure.joint is not None and measure.joint not in INDEX:
        return f"there is no joint {measure.joint!r}"
    if measure.finger is not None and measure.finger not in FINGERS:
        return f"there is no finger {measure.finger!r}"
    return ""


def _plain(number: float) -> str:
    """The shortest text that reads back as the same number."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def canonical_joint(name: str) -> str:
    """HInt's name of a joint; a name that is not known is given back in small letters."""
    low = name.strip().lower()
    return JOINT_ALIASES.get(low, low)


def canonical_finger(name: str) -> str:
    """HInt's name of a finger; a name that is not known is given back in small letters."""
    low = name.strip().lower()
    return FINGER_ALIASES.get(low, low)


def parse_measure(text: str) -> Measure:
    """The measure that a name stands for.

    Raises:
        InputError: no such measure; names the nearest valid one.
    """
    return parse_measures([text])[0]


def parse_measures(texts: Iterable[str]) -> tuple[Measure, ...]:
    """All measures of a list, each once, in order.

    Raises:
        InputError: some are not valid; names every one of them (five at most) with the nearest valid one.
    """
    found: dict[Measure, None] = {}
    bad: list[str] = []
    for text in texts:
        try:
            found[_parse(text)] = None
        except ValueError as error:
            bad.append(f"{text!r}: {error}, did you mean {nearest(text)}?")
    if bad:
        more = f" | and {len(bad) - SHOWN_IDS} more" if len(bad) > SHOWN_IDS else ""
        raise InputError(
            "no such measure: " + " | ".join(bad[:SHOWN_IDS]) + more,
            next_step=f"measures look like {', '.join(EXAMPLES)}",
        )
    return tuple(found)


def _parse(text: str) -> Measure:
    """One measure.

    Raises:
        ValueError: what is wrong with it.
    """
    match = _FORM.fullmatch("".join(text.split()))
    if match is None:
        raise ValueError("is not of the form KIND[SUBSET]")
    joint = finger = None
    subset = "all"
    for k, part in enumerate(part for part in (match["where"] or "").split(",") if part):
        key, equals, value = part.partition("=")
        if equals and key.lower() == "joint":
            joint = canonical_joint(value)
        elif equals and key.lower() == "finger":
            finger = canonical_finger(value)
        elif k == 0 and not equals:
            subset = part.lower()
        else:
            raise ValueError(f"{part!r} is not understood, only a subset, joint=NAME and finger=NAME are")
    span = (float(match["low"]), float(match["high"])) if match["low"] else None
    at = float(match["at"]) if match["at"] else None
    return Measure(cast(Kind, match["kind"].upper()), cast(Subset, subset), at, span, joint, finger)


def nearest(text: str) -> str:
    """The valid measure that a text comes closest to, part by part."""
    words = re.findall(r"[A-Za-z_-]+\d?(?==)?|[\d.]+", text)
    numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", text.replace("..", " "))]
    kind = cast(Kind, _closest(re.split(r"[@\[ ]", text, maxsplit=1)[0].upper(), KINDS) or "PCK")
    rest = [word.lower() for word in words[1:]]
    subset = next((s for s in (_closest(word, SUBSETS) for word in rest) if s), "all")
    joint = finger = None
    for key, value in re.findall(r"(\w+)\s*=\s*(\w*)", text):
        if _closest(key.lower(), ("joint", "finger")) == "finger":
            finger = canonical_finger(_closest(value.lower(), (*FINGERS, *FINGER_ALIASES)) or FINGERS[1])
        else:
            joint = canonical_joint(_closest(value.lower(), (*JOINTS, *JOINT_ALIASES)) or JOINTS[0])
    fits = [n for n in numbers if 0 < n < MAX_FRACTION]
    at = (fits or [0.05])[0] if kind == "PCK" else None
    span = (0.0, (fits or [0.2])[-1]) if kind == "AUC" else None
    return str(Measure(kind, cast(Subset, subset), at, span, joint, None if joint else finger))


def _closest(word: str, valid: Sequence[str]) -> str | None:
    close = difflib.get_close_matches(word, valid, n=1, cutoff=0.5)
    return close[0] if close else None
