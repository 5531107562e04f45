"""The direction of imports, and what the installed package holds."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pipeline", "extractors", "aqa")


def imported_by(package: str) -> set[str]:
    """Top-level names that any file of the package imports, at its top or in a function."""
    names: set[str] = set()
    files = list((ROOT / package).rglob("*.py"))
    assert len(files) > 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("extractors", {"aqa", "pipeline", "ray", "typer", "rich", "tests"}),
        ("aqa", {"extractors", "pipeline", "ray", "typer", "rich", "tests"}),
        ("pipeline", {"tests"}),
    ],
)
def test_imports_point_one_way(package: str, forbidden: set[str]) -> None:
    names = imported_by(package)
    assert "numpy" in names and not names & forbidden


@pytest.mark.parametrize("package", ["extractors", "aqa", "pipeline.cli.commands"])
def test_importing_is_cheap(package: str) -> None:
    """Neither torch nor Ray is loaded before something needs it: --help answers at once."""
    code = f"import sys, {package}; print(sorted({{'torch', 'ray', 'cv2'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    names = [entry.split(">")[0].split("[")[0].strip().lower() for entry in wanted]
    assert len(names) > 15 and not set(names) - pinned


def test_docker_image_copies_what_the_build_needs() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text()
    for name in (*PACKAGES, "configs", "constraints.txt", "pyproject.toml", "README.md"):
        assert name in text and (ROOT / name).exists()


def test_wheel_holds_the_packages_and_the_configs(tmp_path: Path) -> None:
    """Neither ``configs`` nor ``tests`` may be installed at the top level."""
    import zipfile

    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, ROOT],
        check=True,
        timeout=250,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert top == set(PACKAGES)
    configs = {path.name for path in (ROOT / "configs").glob("*.yaml")}
    inside = {name.split("/")[-1] for name in names if name.startswith("aqa/configs/")}
    assert len(configs) >= 9 and inside == configs
    assert "pipeline/reports/templates/report.html" in names
    assert {"aqa/checkpoints/fisv.safetensors", "aqa/checkpoints/fisv.md"} <= set(names)
