"""Findings about data: collected with their place, sorted, and shown together.

A check does not stop at its first complaint. It adds to `Issues`, and the caller decides: `raise_errors`
turns the errors into one `InputError`, warnings are only shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from hint_toolkit.errors import SHOWN_IDS, InputError, one_line

Level = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Issue:
    """One finding. Sorts by level (errors first), then file, id, field, text."""

    level: Level
    file: str
    id: str
    field: str
    text: str

    def __str__(self) -> str:
        """`file > id > field: text`, without the empty parts."""
        place = " > ".join(part for part in (self.file, self.id, self.field) if part)
        return one_line(f"{place}: {self.text}" if place else self.text)

    def to_dict(self) -> dict[str, str]:
        """Plain dict for `--json`."""
        return {"level": self.level, "file": self.file, "id": self.id, "field": self.field, "text": self.text}


@dataclass
class Issues:
    """A growing list of findings."""

    found: list[Issue] = field(default_factory=list)

    def error(self, text: str, *, file: str = "", id: str = "", field: str = "") -> None:
        """Add something that makes the data unusable."""
        self.found.append(Issue("error", file, id, field, text))

    def warn(self, text: str, *, file: str = "", id: str = "", field: str = "") -> None:
        """Add something that a person should look at."""
        self.found.append(Issue("warning", file, id, field, text))

    def __iter__(self) -> Iterator[Issue]:
        """All findings, errors first, in a stable order."""
        return iter(sorted(self.found))

    def __len__(self) -> int:
        """How many findings there are."""
        return len(self.found)

    @property
    def errors(self) -> list[Issue]:
        """The errors, sorted."""
        return [issue for issue in self if issue.level == "error"]

    @property
    def warnings(self) -> list[Issue]:
        """The warnings, sorted."""
        return [issue for issue in self if issue.level == "warning"]

    def raise_errors(self, next_step: str = "") -> None:
        """Raise one `InputError` that names the first errors and counts the others.

        Raises:
            InputError: there is at least one error.
        """
        errors = self.errors
        if not errors:
            return
        text = " | ".join(str(issue) for issue in errors[:SHOWN_IDS])
        if len(errors) > SHOWN_IDS:
            text += f" | and {len(errors) - SHOWN_IDS} more"
        raise InputError(text, next_step=next_step)
