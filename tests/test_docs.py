"""What the pages tell people to type exists: every command, every option, every file they link to."""

import re
from pathlib import Path

import click
import pytest

from hint_toolkit.cli.build import cli as build
from hint_toolkit.cli.evaluate import cli as evaluate
from hint_toolkit.cli.train import cli as train

PROJECT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/*.md"),
        *PROJECT.glob("benchmarks/**/*.md"),
        *PROJECT.glob("annotation/*.md"),
    ]
)
PROGRAMS = {"hint-build": build, "hint-eval": evaluate, "hint-train": train}
CALL = re.compile(r"(hint-build|hint-eval|hint-train)((?:[ \t]+[^\s`|;&()>]+)*)")


def calls(text):
    for program, rest in CALL.findall(text):
        words = rest.split()
        if program == "hint-eval" and words and words[0].startswith("--") and words[0] not in ("--help", "--version"):
            words = ["score", *words]
        yield program, words


def options(command):
    return {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_call_on_a_page_names_a_command_and_options_that_exist(page):
    for program, words in calls(page.read_text("utf-8")):
        group = PROGRAMS[program]
        if not words or not re.fullmatch(r"[a-z-]+", words[0]) or words[0].startswith("--"):
            continue  # the program by its name alone
        if words[0] not in group.commands:
            # prose such as "hint-eval exits with 3": allowed only when nothing looks like an option
            assert not any(word.startswith("--") for word in words), f"{page.name}: {program} {' '.join(words)}"
            continue
        command = group.commands[words[0]]
        if isinstance(command, click.Group) and words[1:] and words[1] in command.commands:
            command = command.commands[words[1]]
        known = options(command) | {"--help", "--debug"}
        for word in words[1:]:
            if word.startswith("--"):
                assert word.split("=")[0].rstrip(".,:") in known, f"{page.name}: {program} {words[0]} has no {word}"


def test_the_check_above_sees_something_and_can_fail():
    assert list(calls("`hint-eval --pred p.json`")) == [("hint-eval", ["score", "--pred", "p.json"])]
    assert "--pred" in options(evaluate.commands["score"])
    assert "--made-up" not in options(evaluate.commands["score"])


def test_every_command_is_on_the_readme_and_has_help_with_an_example():
    readme = (PROJECT / "README.md").read_text("utf-8")
    for program, group in PROGRAMS.items():
        for name, command in group.commands.items():
            assert f"{program} {name}" in readme or f"`{name}`" in readme, f"{program} {name}"
            assert command.help, name
            assert "Example:" in command.help, name


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_make_targets_that_the_readme_names_exist():
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"`?make ([a-z-]+)", (PROJECT / "README.md").read_text("utf-8"))):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_dependency_has_its_reason_on_the_readme():
    import tomllib

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    readme = (PROJECT / "README.md").read_text("utf-8")
    listed = project["dependencies"] + [r for extra in project["optional-dependencies"].values() for r in extra]
    for requirement in listed:
        name = re.match(r"[A-Za-z0-9_.-]+", requirement)[0]
        if name != "hint-toolkit":
            assert f"`{name}`" in readme, f"README does not say why {name} is needed"
