"""extract --salvage: a video that is damaged in its middle, on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from click.testing import Result as CliResult
from quick import MINI

from aqa.data.features import FeatureFolder
from pipeline.extraction.stages.assembly import Finished
from pipeline.extraction.stages.spec import ExtractionSpec

GOOD = (
    r"damaged\.mp4: damaged: .*; the first ([\d.]+) s are good, and what follows from "
    r"([\d.]+) s on \(extract --salvage takes that\)"
)


def test_a_damaged_video_fails_and_is_salvaged_on_demand(
    cli: Callable[..., CliResult], damaged: Path, tmp_path: Path, alone: Callable[..., Finished]
) -> None:
    command = ("extract", "--videos", "in", "--output", "out", *MINI, "--workers", "1")
    failed = cli(*command)
    assert failed.exit_code == 1
    assert "0 extracted, 0 complete before, 1 failed: out" in failed.stdout
    said = re.search("error: .*" + GOOD, failed.stderr)
    (line,) = Path("out/failures.jsonl").read_text().splitlines()
    noted = json.loads(line)
    assert re.search(GOOD, noted["reason"])[1] == said[1]
    assert (noted["id"], noted["path"]) == ("damaged", "in/damaged.mp4")
    assert noted["tried"] == ["pyav"]
    folder = FeatureFolder("out")
    assert folder.ids() == []

    first = cli(*command, "--salvage-first")
    assert first.exit_code == 0, first.output
    assert "1 extracted, 0 complete before, 0 failed: out" in first.stdout
    warning = f"warning: in/damaged.mp4: damaged, only its first {said[1]} s were taken"
    assert warning in first.stderr
    assert not Path("out/failures.jsonl").exists()
    mark = folder.record("damaged")["salvaged"]
    assert f"{mark['good_s']:.2f}" == said[1] and mark["reason"] in noted["reason"]

    spec = ExtractionSpec("swin3d_mini", "random", "mini16x112", "cpu", end_s=mark["good_s"])
    before_the_damage = alone(tmp_path / "whole.mp4", spec)
    assert np.load("out/damaged.npy").tobytes() == before_the_damage.features.tobytes()

    salvaged = cli(*command, "--salvage", "--overwrite")
    assert salvaged.exit_code == 0, salvaged.output
    record = folder.record("damaged")
    kept = record["clip_index"]
    counts = f"{len(kept)} of 30 clips were taken"
    span = f"damaged from {said[1]} s to {said[2]} s: {counts}"
    assert f"warning: in/damaged.mp4: {span}" in salvaged.stderr
    whole = alone(tmp_path / "whole.mp4")
    assert np.load("out/damaged.npy").tobytes() == whole.features[kept].tobytes()
