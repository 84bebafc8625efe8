"""The house rules that a machine can hold: floors, light start, import does nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hint_toolkit

PACKAGE = Path(hint_toolkit.__file__).parent
FLOORS = [
    {"joints", "errors", "geometry", "issues", "protocol", "licences", "measures", "records"},
    {"video", "sources", "io", "workspace"},
    {
        "sampling",
        "prelabel",
        "labelstudio",
        "quality",
        "export",
        "metrics",
        "synthetic",
        "models",
        "overlay",
        "mesh_overlay",
        "tracking",
        "viewer",
    },
    {"flows"},
    {"cli", "api"},
]
# Within a floor: the steps up that are meant (docs/architecture.md).
GROUND_ORDER = [{"joints", "errors"}, {"geometry", "issues", "protocol", "licences"}, {"records", "measures"}]
WORLD_ORDER = [{"io"}, {"video", "sources"}, {"workspace"}]
WORK_ORDER = [{"models"}, FLOORS[2] - {"models"}]
HEAVY = {
    "torch", "timm", "smplx", "cv2", "av", "mediapipe", "fiftyone", "label_studio_sdk", "matplotlib", "ray", "tqdm",
    "trimesh", "pyarrow", "pandas", "yt_dlp",
}  # fmt: skip
NETWORK = {"urllib.request", "http.client", "requests", "httpx", "socket", "ftplib"}
MAY_USE_NETWORK = {"labelstudio/connection.py", "labelstudio/server.py", "sources/_download.py", "viewer.py"}
ONLY_IN = {
    "label_studio_sdk": {"labelstudio/client.py", "labelstudio/connection.py"},
    "fiftyone": {"viewer.py"},
    "yt_dlp": {"sources/_ytdlp.py"},
}

FILES = sorted(PACKAGE.rglob("*.py"))


def room(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def level(name):
    return next((k for k, rooms in enumerate(FLOORS) if name in rooms), None)


def step(name):
    for order in (GROUND_ORDER, WORLD_ORDER, WORK_ORDER):
        for k, names in enumerate(order):
            if name in names:
                return k
    return 0


def imports(path):
    """(module, inside a function) for every import of a file."""
    tree = ast.parse(path.read_text("utf-8"))
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.dump(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        lazy = id(node) in inner or id(node) in typing_only
        if isinstance(node, ast.Import):
            yield from ((alias.name, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module, lazy


def test_every_room_has_a_floor():
    rooms = {room(path) for path in FILES} - {"__init__"}
    assert rooms == set().union(*FLOORS) & rooms
    assert {name for name in rooms if level(name) is None} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_arrows_point_down(path):
    here = room(path)
    if here == "__init__":
        return
    for module, _ in imports(path):
        if not module.startswith("hint_toolkit."):
            continue
        there = module.split(".")[1]
        if there == here:
            continue
        assert level(there) <= level(here), f"{here} imports {there}, which is a floor above"
        if level(there) == level(here):
            assert step(there) < step(here), f"{here} and {there} are on one floor"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_heavy_libraries_load_inside_functions_and_the_network_has_its_rooms(path):
    relative = path.relative_to(PACKAGE).as_posix()
    for module, lazy in imports(path):
        top = module.split(".")[0]
        assert lazy or top not in HEAVY, f"{relative} imports {module} when it is loaded"
        assert module not in NETWORK or relative in MAY_USE_NETWORK, f"{relative} imports {module}"
        assert top not in ONLY_IN or relative in ONLY_IN[top], f"{relative} imports {module}"


def test_no_circles():
    graph = {}
    for path in FILES:
        name = ".".join(("hint_toolkit", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        graph[name] = {m for m, _ in imports(path) if m.startswith("hint_toolkit.")}
    done, active = set(), []

    def visit(name):
        assert name not in active, " -> ".join([*active, name])
        if name in done or name not in graph:
            return
        active.append(name)
        for other in sorted(graph[name]):
            if other != name:
                visit(other)
        active.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)


@pytest.mark.parametrize("program", ["build", "evaluate", "train"])
def test_help_loads_nothing_heavy(program):
    code = (
        "import sys; sys.argv = ['x', '--help']\n"
        f"from hint_toolkit.cli.{program} import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code\n"
        f"bad = sorted(set(sys.modules) & {HEAVY | {'numpy'}!r})\n"
        "assert not bad, bad\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "Usage:" in run.stdout


def test_importing_every_module_prints_nothing_and_makes_no_file(tmp_path):
    names = [
        ".".join(("hint_toolkit", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in FILES
    ]
    code = f"import importlib, sys\nfor n in {names!r}: importlib.import_module(n)\n"
    code += f"bad = sorted(set(sys.modules) & {HEAVY!r})\nassert not bad, bad\n"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_files_are_rooms_one_can_read():
    long = {p.relative_to(PACKAGE).as_posix(): n for p in FILES if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert long == {}
