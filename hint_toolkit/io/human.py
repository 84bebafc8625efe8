"""What `hint-build agreement --out` measured about people, for scores to stand beside: sigmas and the human ceiling."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hint_toolkit.errors import InputError
from hint_toolkit.joints import JOINTS

SCHEMA: Final = "hint-agreement/1"
EVERYBODY: Final = "everybody"


@dataclass(frozen=True)
class Human:
    """How people do on the same task.

    Attributes:
        file: name of the file.
        version: content hash of the answers.
        hands: that several people answered.
        normaliser: of the rows.
        sigmas: joint -> sigma of the keypoint similarity, or None where no two people have the joint.
        rows: measure -> row of everybody and all joints (value, interval, hands).
    """

    file: str
    version: str
    hands: int
    normaliser: str
    sigmas: Mapping[str, float | None]
    rows: Mapping[str, Mapping[str, Any]]

    def oks_sigmas(self) -> tuple[float, ...]:
        """(21,) in HInt's order.

        Raises:
            InputError: a joint has none, or one that is no positive number.
        """
        bad = [joint for joint in JOINTS if not (self.sigmas.get(joint) or 0.0) > 0.0]
        if bad:
            raise InputError(
                f"has no sigma for {len(bad)} joints: {', '.join(bad[:5])}",
                where=self.file,
                next_step="have more hands labelled by two people, then: hint-build agreement --out FILE",
            )
        return tuple(float(self.sigmas[joint] or 0.0) for joint in JOINTS)


def read_human(path: Path) -> Human:
    """Read the file.

    Raises:
        InputError: it is no such file.
    """
    import json

    try:
        value = json.loads(path.read_text("utf-8"))
        if value["schema"] != SCHEMA:
            raise ValueError(f"schema {value['schema']!r}")
        rows = {str(r["measure"]): r for r in value["rows"] if r["who"] == EVERYBODY and r["joint"] is None}
        sigmas = {str(joint): None if s is None else float(s) for joint, s in value["sigmas"].items()}
        return Human(path.name, str(value["version"]), int(value["hands"]), str(value["normaliser"]), sigmas, rows)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "is no agreement of people",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            next_step="make one: hint-build agreement --out FILE",
        ) from error
