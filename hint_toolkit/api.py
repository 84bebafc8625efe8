"""The scorer and the converter from Python; every name here is importable from `hint_toolkit`.

import hint_toolkit as hint
truth = hint.load_hint("HInt_annotation_partial", split="TEST", sources=["newdays"])
report = hint.evaluate(truth, hint.read_predictions("preds.json"))
print(report)                 # the table of the command line
report.to_pandas()            # a row a measure and source
hint.compare(report, hint.evaluate(truth, "other.json"))["differences"]
hint.convert(truth, "my_release", formats=["parquet", "coco"])
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from hint_toolkit.errors import InputError
from hint_toolkit.flows.compare import compare as compare_sides
from hint_toolkit.flows.report.tables import score_table
from hint_toolkit.flows.results import write_results
from hint_toolkit.flows.score import Scored, per_hand_table, score
from hint_toolkit.flows.scored_hands import from_scored
from hint_toolkit.io.predictions import Predictions, read_predictions
from hint_toolkit.io.release import Truth, content_hash, read_truth
from hint_toolkit.issues import Issues
from hint_toolkit.measures import parse_measures
from hint_toolkit.protocol import HAMER_V1, PROTOCOLS

__all__ = ["Report", "compare", "convert", "evaluate", "load_hint", "read_predictions"]


def load_hint(
    root: str | Path, *, split: str | None = None, sources: Sequence[str] | None = None, subset: str | None = None
) -> Truth:
    """Read truth from disk and keep a part of it.

    Args:
        root: a release of this toolkit, its hands.parquet, HInt's folders, HaMeR's npz or COCO json.
        split: "TRAIN", "VAL" or "TEST"; None keeps all.
        sources: e.g. ["newdays", "visor", "ego4d"]; None keeps all.
        subset: "img" or "seq"; None keeps both.

    Returns:
        `hands` with (N, 21, 2) points in pixels, HInt order, and (N, 21) flags `exists` and `occluded`.

    Raises:
        InputError: not readable, or no hand is left.
    """
    truth = read_truth(Path(root))
    kept = np.ones(len(truth.hands), bool)
    if split is not None:
        kept &= truth.hands.split == split
    if sources is not None:
        kept &= np.isin(truth.hands.source.astype(str), list(sources))
    if subset is not None:
        kept &= truth.hands.subset == subset
    if not kept.any():
        asked = f"split {split}, sources {sources}, subset {subset}"
        has = sorted({f"{s} {o}" for s, o in zip(truth.hands.split, truth.hands.source, strict=True)})
        raise InputError(f"no hand of {asked}", where=str(root), why=f"it has {', '.join(has) or 'none'}")
    if kept.all():
        return truth
    places = np.cumsum(kept) - 1
    aliases = {n: tuple(int(places[i]) for i in p if kept[i]) for n, p in truth.aliases.items()}
    hands, scale = truth.hands.take(kept), None if truth.scale is None else truth.scale[kept]
    kept_aliases = {name: positions for name, positions in aliases.items() if positions}
    return replace(truth, hands=hands, scale=scale, aliases=kept_aliases, version=content_hash(hands))


def convert(
    dataset: str | Path | Truth, out: str | Path, *, formats: Sequence[str] = ("parquet",), **choices: Any
) -> Truth:
    """Write a dataset in other formats, with manifest and descriptions, as `hint-build export --from` does.

    Args:
        dataset: a path in any format that is read here, or a truth, e.g. a part of one from `load_hint`.
        out: folder to write; an earlier release of other content is not replaced.
        formats: "parquet", "hint", "coco", "hamer-npz", "hamer-tar", "webdataset", "yolo-pose".
        choices: fields of `export.base.ExportOptions`, and `licensed=True` for pixels that may not be passed on.

    Returns:
        what was written, read back.

    Raises:
        InputError: nothing to write, an unknown format or choice, a missing picture.
    """
    from hint_toolkit.export.base import ExportOptions
    from hint_toolkit.flows.release import Rules, write_release
    from hint_toolkit.flows.release import convert as convert_path
    from hint_toolkit.io.stream import HandSource, of_hands

    rules = Rules(licensed=bool(choices.pop("licensed", False)))
    if unknown := sorted(set(choices) - {field.name for field in fields(ExportOptions)}):
        raise InputError(
            f"no such choice: {', '.join(unknown)}", next_step="see hint_toolkit.export.base.ExportOptions"
        )
    options, target = ExportOptions(**choices), Path(out)
    if isinstance(dataset, Truth):
        people = frozenset(dataset.hands.annotator.tolist())
        batches = of_hands(dataset.hands)
        source = HandSource(dataset.path, dataset.image_root, dataset.format, batches, dataset.issues, people)
        write_release(source, target, formats=formats, issues=Issues(), options=options, rules=rules)
    else:
        convert_path(Path(dataset), target, formats=formats, options=options, rules=rules)
    return read_truth(target)


@dataclass(frozen=True)
class Report:
    """A score.

    Attributes:
        scored: the results as plain JSON, and the arrays behind them.
        truth: what was scored against.
    """

    scored: Scored
    truth: Truth

    @property
    def results(self) -> dict[str, Any]:
        """The content of results.json; see docs/results.md."""
        return self.scored.results

    def __str__(self) -> str:
        """The table that `hint-eval` prints."""
        return score_table(self.scored.results)

    def value(self, measure: str, source: str) -> float | None:
        """One number, 0..1 (EPE in pixels); None when nothing counts.

        Raises:
            KeyError: not computed; names what was.
        """
        for row in self.results["rows"]:
            if (row["measure"], row["source"]) == (measure, source):
                return None if row["value"] is None else float(row["value"])
        known = sorted({f"{row['measure']} of {row['source']}" for row in self.results["rows"]})
        raise KeyError(f"{measure} of {source} was not computed; there are {', '.join(known)}")

    def to_pandas(self) -> Any:
        """A DataFrame with a row a measure and source."""
        import pandas as pd

        return pd.DataFrame(self.results["rows"])

    def per_hand(self) -> Any:
        """A DataFrame with a row a hand: distances, error, found."""
        return per_hand_table(self.scored).to_pandas()

    def write(self, out: str | Path, *, report: bool = True) -> dict[str, Path]:
        """Write the files of docs/results.md into a folder; their paths."""
        return write_results(self.scored, Path(out), self.truth.image_root, report=report)


def evaluate(
    gt: Truth | str | Path,
    preds: Predictions | str | Path,
    *,
    protocol: str = "hamer-v1",
    normaliser: str | None = None,
    measures: Sequence[str] = (),
    seed: int = 0,
    ignore_unknown: bool = False,
) -> Report:
    """Score predictions.

    Args:
        gt: from `load_hint`, or a path that it reads.
        preds: from `read_predictions`, or a path that it reads.
        protocol: a name from `hint_toolkit.protocol.PROTOCOLS`.
        normaliser: what distances are divided by; None takes the npz's scale where the truth has one, else bbox-max.
        measures: names such as "PCK@0.05[occluded]"; the protocol's own when empty.
        seed: of the intervals.
        ignore_unknown: score even if some predictions are for hands that the truth does not have.

    Raises:
        InputError: bad input, an unknown protocol or measure, or predictions for unknown hands.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"no protocol {protocol!r}", next_step=f"choose one of: {', '.join(PROTOCOLS)}")
    truth = gt if isinstance(gt, Truth) else read_truth(Path(gt))
    predictions = preds if isinstance(preds, Predictions) else read_predictions(Path(preds))
    scored = score(
        truth,
        predictions,
        protocol=PROTOCOLS[protocol],
        normaliser=normaliser,
        measures=parse_measures(measures) or None,
        seed=seed,
        ignore_unknown=ignore_unknown,
    )
    return Report(scored, truth)


def compare(a: Report, b: Report, *more: Report, seed: int = 0) -> dict[str, Any]:
    """Paired differences of every pair with interval and p; see docs/compare.md for what comes back.

    Raises:
        InputError: the reports are of different truths or rules.
    """
    reports = [a, b, *more]
    sides = [
        from_scored(r.scored, r.truth, Path(r.results["method"]), PROTOCOLS.get(r.results["protocol"], HAMER_V1))
        for r in reports
    ]
    return compare_sides(sides, seed=seed)
