"""The pages: every command in them has the options that it shows, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from pipeline.cli import app

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/**/*.md"),
                *ROOT.glob("aqa/**/*.md")])  # fmt: skip
# In a sentence a command may leave out what it needs; in a block it may not.
BLOCK = re.compile(r"^(?: {4,}|\t|\$ )(?:[A-Z_]+=\S+ )*(aqa-pipeline\b.*)$", re.MULTILINE)
SPOKEN = re.compile(r"`(aqa-pipeline [^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")


def blocks() -> list[tuple[str, str]]:
    return [(page.relative_to(ROOT).as_posix(), line)
            for page in PAGES for line in BLOCK.findall(page.read_text("utf-8"))]  # fmt: skip


def words(line: str) -> list[str]:
    """Without the remark behind it, and without what a shell does with its output."""
    found = shlex.split(line, comments=True)
    for end in ("|", ">", "&&", ";"):
        found = found[: found.index(end)] if end in found else found
    return found[1:]


def parse(arguments: list[str], spoken: bool = False) -> str:
    """The command's name; a click error where it does not have what is asked of it."""
    command, name = typer.main.get_command(app), ""
    while arguments and arguments[0] in getattr(command, "commands", {}):
        name = f"{name} {arguments[0]}".strip()
        command, arguments = command.commands[arguments[0]], arguments[1:]
    assert name or not arguments or arguments[0].startswith("-") or spoken, arguments
    if not spoken:
        command.make_context(name, list(arguments), resilient_parsing=False)
        return name
    known = {option for each in command.params for option in each.opts}
    asked = {word.split("=")[0] for word in arguments if word.startswith("--")}
    assert asked <= known | {"--help", "--version"}, f"{name}: {asked - known}"
    return name


def test_every_command_in_a_block_is_one() -> None:
    seen: set[str] = set()
    for page, line in blocks():
        if re.search(r"aqa-pipeline (COMMAND|\.\.\.)", line):
            continue
        try:
            seen.add(parse(words(line)))
        except Exception as error:
            pytest.fail(f"{page}: {line}: {error}")
    assert len(blocks()) > 18
    assert {"extract", "train", "evaluate", "score", "compare", "serve", "data check"} <= seen


def test_options_in_sentences_are_there() -> None:
    for page in PAGES:
        for line in SPOKEN.findall(page.read_text("utf-8")):
            if "COMMAND" in line or "..." in line.split()[1:2]:
                continue
            try:
                parse(words(" ".join(line.split())), spoken=True)
            except (AssertionError, ValueError) as error:
                pytest.fail(f"{page.name}: {line}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        place = page.parent / target
        assert place.exists(), f"{page.name}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", place.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor[1:] in slugs, f"{page.name}: {target}{anchor}"


def test_every_command_stands_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for name in typer.main.get_command(app).commands:
        assert f"| `{name}` |" in text, name
