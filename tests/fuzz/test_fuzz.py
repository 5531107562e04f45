"""A few of the mutants that ``make fuzz`` reads, and those that once ended wrongly."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import containers
import documents
import run

# Streams that turn up on the way; more packets at the second reading than at the first.
FOUND = (2755, 3612, 20483, 35864)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return containers.write_seeds(tmp_path_factory.mktemp("seeds"))


def test_seeds_are_good(seeds: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in seeds.items():
        (tmp_path / name).write_bytes(content)
        assert run.verdict(tmp_path / name) == ("frames", "2 clips"), name


def test_mutants_end_in_frames_a_refusal_or_the_time_limit(seeds: dict[str, bytes]) -> None:
    found = list(run.verdicts([*range(50), *FOUND], seeds))
    assert {entry["verdict"] for entry in found} >= {"frames", "refused"}
    assert [entry for entry in found if entry["verdict"] not in run.MAY_BE] == []


# Headers of npy that are no Python; messages of pickles and columns of tables with line ends.
FOUND_DOCUMENTS = (119, 459, 1097, 2977)


def test_documents_are_read_or_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    seeds = documents.write_seeds(tmp_path / "seeds")
    for name, content in seeds.items():
        (tmp_path / name).write_bytes(content)
        assert documents.verdict(tmp_path / name, name)[0] == "read", name
    found = list(run.verdicts([*range(100), *FOUND_DOCUMENTS], seeds, "documents"))
    assert [entry for entry in found if entry["verdict"] not in run.MAY_BE] == []
    assert {entry["verdict"] for entry in found} == {"read", "refused"}
