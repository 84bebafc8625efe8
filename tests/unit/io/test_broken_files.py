"""Every broken file of the catalogue is one line that names the place and the remedy; mutated files never crash."""

import json

import numpy as np
import pytest

from hint_toolkit.errors import HintError
from hint_toolkit.io.predictions import read_predictions
from hint_toolkit.io.release import read_truth
from tests.broken import valid
from tests.broken.catalogue import CATALOGUE

MUTANTS = 10_000


def read(path, truth):
    return read_truth(path) if truth else read_predictions(path)


@pytest.mark.parametrize("broken", CATALOGUE, ids=lambda b: b.name)
def test_a_broken_file_is_one_line_with_place_and_remedy(tmp_path, broken, capsys):
    path = tmp_path / broken.file
    path.write_bytes(broken.data)
    with pytest.raises(HintError) as caught:
        read(path, broken.truth)
    line = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in line
    assert len(line) < 800
    assert broken.file in line
    for part in broken.says:
        assert part in line, line
    assert capsys.readouterr().out == ""


def test_the_catalogue_is_long_enough_and_its_files_differ():
    assert len(CATALOGUE) >= 30
    assert len({broken.name for broken in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("name", valid.predictions_files())
def test_the_valid_files_that_mutants_come_from_can_be_read(tmp_path, name):
    (tmp_path / name).write_bytes(valid.predictions_files()[name])
    got = read_predictions(tmp_path / name)
    np.testing.assert_array_equal(got.points, valid.POINTS)
    assert len(got.ids) == valid.N


VALUES = [None, True, -1, 0, 1e308, 10**400, "", "x", "\ud800", [], {}, [None], [[[[]]]], float("nan"), float("inf")]


def mutated_value(value, rng):
    """A copy of a JSON value with one place in it exchanged, dropped, doubled, renamed or wrapped."""
    copy = json.loads(json.dumps(value))
    holder, key, node = None, None, copy
    while isinstance(node, dict | list) and node and (holder is None or rng.random() < 0.75):
        keys = list(node) if isinstance(node, dict) else range(len(node))
        holder, key = node, keys[int(rng.integers(len(keys)))]
        node = holder[key]
    what = rng.integers(5)
    if what == 0:
        holder[key] = VALUES[int(rng.integers(len(VALUES)))]
    elif what == 1:
        del holder[key]
    elif what == 2 and isinstance(holder, list):
        holder.insert(key, node)
    elif what == 3 and isinstance(holder, dict):
        holder[["id", "header", "images", "predictions", "x"][int(rng.integers(5))]] = holder.pop(key)
    else:
        holder[key] = [node] if rng.random() < 0.5 else {"a": node}
    return copy


def mutated_bytes(data, rng):
    """Bytes flipped, cut out, doubled, or the file cut short."""
    made = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(len(made))) if made else 0
        size = int(rng.integers(1, 64))
        what = rng.integers(4)
        if what == 0 and made:
            made[at] = int(rng.integers(256))
        elif what == 1:
            del made[at : at + size]
        elif what == 2:
            made[at:at] = made[at : at + size]
        else:
            made = made[: max(at, 1)]
    return bytes(made)


def mutated_arrays(arrays, rng):
    """An npz with one array dropped, renamed, reshaped, cut, or of another type."""
    made = dict(arrays)
    name = list(made)[int(rng.integers(len(made)))]
    value = made.pop(name)
    what = rng.integers(6)
    if what == 0:
        made["ids" if rng.random() < 0.5 else "x"] = value
    elif what == 1:
        made[name] = value[: int(rng.integers(len(value) + 1))]
    elif what == 2:
        made[name] = value[..., None]
    elif what == 3:
        made[name] = value.astype([object, "S8", "U4", bool][int(rng.integers(4))])
    elif what == 4 and value.dtype.kind == "f":
        made[name] = np.where(rng.random(value.shape) < 0.1, [np.nan, np.inf, 1e300][int(rng.integers(3))], value)
    else:
        made[name] = np.array([VALUES[int(k)] for k in rng.integers(len(VALUES), size=len(value))], dtype=object)
    return valid.npz(**made)


def mutated_pickle(data, rng):
    """An npz with a damaged pickle in it: the zip around it is whole, so that the unpickler sees the damage."""
    import io
    import zipfile

    source, target = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            inside = source.read(name)
            archive.writestr(name, inside[:128] + mutated_bytes(inside[128:], rng))
    return target.getvalue()


JSON_VALUES = {
    "preds.json": (valid.preds_value(), False),
    "coco.json": (valid.coco_results_value(), False),
    "stems.json": (valid.stems_value(), False),
    "truth.json": (valid.coco_truth_value(), True),
    f"{valid.IDS[0]}.json": (valid.hint_pair_value(), True),
}


def mutants(count):
    """(file, bytes, whether it is a truth), `count` of them, always the same."""
    rng = np.random.default_rng(2026)
    predictions, truths = valid.predictions_files(), valid.truth_files()
    files = [(n, d, False) for n, d in predictions.items()] + [(n, d, True) for n, d in truths.items()]
    npzs = [("p.npz", valid.preds_arrays(), False), (f"{valid.FOLDER}_all.npz", valid.truth_arrays(), True)]
    for k in range(count):
        if k % 2:
            name, data, truth = files[int(rng.integers(len(files)))]
            yield name, mutated_bytes(data, rng), truth
        elif k % 4 == 0:
            name = list(JSON_VALUES)[int(rng.integers(len(JSON_VALUES)))]
            value, truth = JSON_VALUES[name]
            yield name, json.dumps(mutated_value(value, rng)).encode(), truth
        elif k % 8 == 2:
            name, arrays, truth = npzs[int(rng.integers(2))]
            yield name, mutated_arrays(arrays, rng), truth
        else:
            yield "object.npz", mutated_pickle(predictions["object.npz"], rng), False


def test_mutated_files_are_read_or_refused_and_never_crash(tmp_path):
    read_well, refused = 0, []
    for k, (name, data, truth) in enumerate(mutants(MUTANTS)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        where = path.parent if path.parent != tmp_path else path  # a HInt pair is read with its folder
        try:
            read(where, truth)
            read_well += 1
        except HintError as error:
            refused.append(error)
        except BaseException as error:
            kept = tmp_path / f"crash-{k}-{name.replace('/', '_')}"
            kept.write_bytes(data)
            raise AssertionError(f"mutant {k} of {name} ({kept}): {type(error).__name__}: {error}") from error
    assert min(read_well, len(refused)) > MUTANTS // 20
    for error in refused:
        assert error.exit_code == 2
        assert "\n" not in str(error)
        str(error).encode()  # can be printed
