"""The three bare commands in a row, as a newcomer types them: real processes, real Ray."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from quick import COMMAND

from pipeline.demo.drawn import draw_element, random_routine, write_video

AQA_YAML = "backbone: swin3d_mini\nweights: random\nprotocol: mini16x112\ndevice: cpu\n"


def run(folder: Path, *arguments: str, status: int = 0, **environment: str) -> str:
    """Standard output and error of one command, whose exit status must be ``status``."""
    done = subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if "--json" in arguments else done.stdout + done.stderr


@pytest.fixture(scope="module")
def logo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small LOGO tree as published: JPEG frames and the four pickle files."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    annotations, formations = {}, {}
    keys = [("WorldChampionship2019_free_final", number) for number in range(6)]
    for game, number in keys:
        routine = random_routine(rng, elements=2)
        folder = root / "LOGO" / "Video_result" / game / str(number)
        folder.mkdir(parents=True)
        frames = [
            frame
            for difficulty, execution in zip(routine.difficulty, routine.execution, strict=True)
            for frame in draw_element(difficulty, execution, rng)
        ]
        for index, frame in enumerate(frames):
            cv2.imwrite(str(folder / f"{index:05d}.jpg"), frame[..., ::-1])
        annotations[game, number] = ["Free", routine.score, None, [15, 31], [1] * 16 + [2] * 16]
        formations[game, number] = {}
    labels = root / "LOGO" / "LOGO Anno&Split"
    labels.mkdir()
    for name, content in (
        ("anno_dict", annotations),
        ("formation_dict", formations),
        ("train_split3", keys[:4]),
        ("test_split3", keys[4:]),
    ):
        (labels / f"{name}.pkl").write_bytes(pickle.dumps(content))
    return root


def test_extract_train_score_in_an_empty_directory(logo_root: Path, tmp_path: Path) -> None:
    (tmp_path / "aqa.yaml").write_text(AQA_YAML)
    rng = np.random.default_rng(1)
    write_video(tmp_path / "video.mp4", random_routine(rng, elements=3), rng)
    root = {"DATASET_ROOT": str(logo_root)}
    no_token = {"RAY_AUTH_MODE": "disabled", "HOME": str(tmp_path / "home")}

    told = run(tmp_path, "extract", "--dataset", "logo", **root, **no_token)
    assert "starting Ray" in told and not (tmp_path / "home/.ray").exists()
    assert "6 extracted, 0 complete before, 0 failed" in told
    assert (tmp_path / "features/logo/WorldChampionship2019_free_final_0.npy").exists()

    told = run(tmp_path, "train", **root)
    assert "config: logo, for logo, extracted last" in told
    assert "features/logo, extracted last" in told

    told = run(tmp_path, "score", "video.mp4", **root)
    assert "trained last" in told and "video.mp4: " in told

    first = run(tmp_path, "score", "video.mp4", "--json", **root)
    (result,) = json.loads(first)["results"]
    assert result["interval"] is None and len(result["clips"]) == 3
    weights = [clip["weight"] for clip in result["clips"]]
    assert sum(weights) == pytest.approx(1, abs=1e-9)
    assert sum(c["weight"] * c["score"] for c in result["clips"]) == pytest.approx(result["score"])
    assert [clip["start_s"] for clip in result["clips"]] == pytest.approx([0, 0.64, 1.28])
    assert result["features"]["backbone"] == "swin3d_mini"
    assert run(tmp_path, "score", "video.mp4", "--json", **root) == first

    told = run(tmp_path, "extract", "--dataset", "logo", **root)
    assert "6 of 6 already complete" in told and "0 extracted, 6 complete before" in told
