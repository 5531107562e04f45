"""score and evaluate on checkpoints: contracts, refusals, the report page."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result as CliResult

from aqa import load_checkpoint, metrics, save_checkpoint
from aqa.data.features import FeatureFolder, FeatureOrigin
from aqa.data.videos import Videos
from aqa.models import ClipModelConfig, PublishedModelConfig, build_model
from aqa.models.base import ModelInfo
from aqa.models.calibration import Calibration
from extractors import build_backbone
from pipeline.scoring.result import clip_times

Cli = Callable[..., CliResult]


def document_of(page: str | Path) -> dict:
    """What a report holds."""
    text = Path(page).read_text()
    return json.loads(text.split('<script id="document" type="application/json">')[1].split("<")[0])


def mini_origin() -> FeatureOrigin:
    identity = build_backbone("swin3d_mini").identity
    return FeatureOrigin(identity.backbone, identity.weights, identity.weights_digest, "mini16x112")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A model of the default kind on random features; scores from 0 to 50."""
    torch.manual_seed(0)
    config = ClipModelConfig(members=2, waves=64)
    info = ModelInfo(
        score_name="total",
        score_range=(0.0, 50.0),
        origin=mini_origin(),
        training_videos=6,
        clip_counts=(4, 9),
    )
    model = build_model(config, 48, info).eval()
    rng = np.random.default_rng(1)
    known = [rng.normal(size=(clips, 48)).astype(np.float32) for clips in range(4, 10)]
    model.prepare(Videos(known, rng.random(6).tolist(), torch.device("cpu")))
    model.remember([torch.from_numpy(clips) for clips in known])
    return save_checkpoint(model, tmp_path / "model.pt")


@pytest.fixture
def features(tmp_path: Path) -> Path:
    """A feature folder of three videos with provenance."""
    rng = np.random.default_rng(0)
    folder = FeatureFolder(tmp_path / "feats")
    folder.write_origin(mini_origin(), {})
    for name, clips in (("one", 4), ("two", 9), ("deep/three", 6)):
        starts = [0.64 * clip for clip in range(clips)]
        record = {"clip_start_s": starts, "clip_end_s": [s + 0.64 for s in starts]}
        folder.save(name, rng.normal(size=(clips, 48)), mini_origin(), record)
    return folder.folder


def results_of(done: CliResult) -> list[dict]:
    return json.loads(done.stdout)["results"]


def test_video_and_its_features_score_alike(
    cli: Cli, checkpoint: Path, routine_video: Callable[..., Path]
) -> None:
    video = routine_video("v.mp4", elements=5)
    (first,) = results_of(cli("score", video, "--checkpoint", checkpoint, "--json"))
    assert 0 < len(first["clips"]) == 5 and first["score_name"] == "total"
    (stored,) = Path("features/scored").rglob("*.npy")
    (second,) = results_of(cli("score", stored, "--checkpoint", checkpoint, "--json"))
    assert second["score"] == first["score"] and second["clips"] == first["clips"]
    os.utime(video)
    again = cli("score", video, "--checkpoint", checkpoint)
    assert f"features taken from {stored.parent}" in again.output


def test_a_part_of_a_video(cli: Cli, checkpoint: Path, routine_video: Callable[..., Path]) -> None:
    video = routine_video("v.mp4", elements=5)
    part = ("--start", "0.64", "--end", "1.92")
    (result,) = results_of(cli("score", video, "--checkpoint", checkpoint, "--json", *part))
    assert [clip["start_s"] for clip in result["clips"]] == pytest.approx([0.64, 1.28])
    done = cli("score", video, "--checkpoint", checkpoint, "--start", "3", "--end", "2")
    assert done.exit_code == 2 and "0 <= start < end" in done.stderr


def test_frames_at_another_rate(cli: Cli, checkpoint: Path, frames: Path) -> None:
    """What is kept of one rate is not taken for the other."""
    spans = []
    for rate in (50, 25):
        done = cli("score", frames, "--checkpoint", checkpoint, "--json", "--frame-rate", rate)
        (result,) = results_of(done)
        spans.append([clip["start_s"] for clip in result["clips"]])
    assert spans == [pytest.approx([0.16]), pytest.approx([0.04, 0.68, 1.32])]


def test_a_name_that_is_not_utf_8(
    cli: Cli, checkpoint: Path, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    routine_video("a.mp4").rename(odd)
    done = cli("score", odd, "--checkpoint", checkpoint, "--json", "--report", "page.html")
    assert done.exit_code == 0, done.output
    (result,) = results_of(done)
    assert result["video"] == str(odd)
    (routine,) = document_of("page.html")["routines"]
    assert routine["name"] == "caf\\udce9.mp4" and routine["source"] == "caf%E9.mp4"
    again = cli("score", odd, "--checkpoint", checkpoint)
    assert again.exit_code == 0 and "\ncaf\\udce9.mp4: " in again.stdout


def test_features_have_no_part(cli: Cli, checkpoint: Path, features: Path) -> None:
    done = cli("score", features / "one.npy", "--checkpoint", checkpoint, "--start", "1")
    assert done.exit_code == 2 and "feature files have none" in done.stderr


def test_one_bad_input_among_good_ones(
    cli: Cli, checkpoint: Path, features: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.mp4").write_text("words")
    np.save(tmp_path / "narrow.npy", np.zeros((3, 5), np.float32))
    (tmp_path / "empty").mkdir()
    done = cli(
        "score", tmp_path / "words.mp4", features, tmp_path / "narrow.npy", tmp_path / "empty",
        tmp_path / "gone.mp4", "--checkpoint", checkpoint, "--json",
    )  # fmt: skip
    assert done.exit_code == 1
    results = results_of(done)
    assert sorted(Path(r["video"]).name for r in results if "score" in r) == [
        "one.npy", "three.npy", "two.npy",
    ]  # fmt: skip
    errors = " ".join(r["error"] for r in results if "error" in r)
    for words in ("words.mp4", "5 wide, expected 48", "no video and no frames", "gone.mp4"):
        assert words in errors
    assert len(done.stderr.strip().splitlines()) == 4


def test_features_that_do_not_say_where_they_come_from(
    cli: Cli, checkpoint: Path, features: Path
) -> None:
    bare = features.parent / "bare.npy"
    bare.write_bytes((features / "one.npy").read_bytes())
    done = cli("score", features / "one.npy", bare, "--checkpoint", checkpoint, "--json")
    known, assumed = (result["remarks"] for result in results_of(done))
    words = f"Nothing says how these features were made; assumed: {mini_origin()}."
    assert words in assumed and words not in known


def test_features_of_another_protocol_are_refused(
    cli: Cli, checkpoint: Path, features: Path
) -> None:
    FeatureFolder(features).write_origin(replace(mini_origin(), protocol="contiguous32"), {})
    done = cli("score", features / "one.npy", "--checkpoint", checkpoint)
    assert done.exit_code == 1
    assert "mini16x112" in done.stderr and "contiguous32" in done.stderr


def test_another_backbone_is_refused(
    cli: Cli, checkpoint: Path, routine_video: Callable[..., Path]
) -> None:
    done = cli(
        "score", routine_video("v.mp4"), "--checkpoint", checkpoint,
        "--backbone", "timm:resnet10t", "--weights", "random",
    )  # fmt: skip
    assert done.exit_code == 2
    assert "swin3d_mini" in done.stderr and "timm:resnet10t" in done.stderr


def test_aqa_yaml_does_not_choose_the_backbone_of_a_checkpoint(
    cli: Cli, checkpoint: Path, routine_video: Callable[..., Path]
) -> None:
    Path("aqa.yaml").write_text("backbone: timm:resnet10t\nweights: gone.pth\n")
    done = cli("score", routine_video("v.mp4"), "--checkpoint", checkpoint, "--json")
    assert done.exit_code == 0, done.output
    (result,) = results_of(done)
    assert result["features"] == mini_origin().to_dict()


def test_published_model_has_unaligned_windows(cli: Cli, features: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = PublishedModelConfig(query_count=4, width=32, heads=2, feedforward=32)
    info = ModelInfo(origin=mini_origin())
    path = save_checkpoint(build_model(config, 48, info).eval(), tmp_path / "published.pt")
    (result,) = results_of(cli("score", features / "two.npy", "--checkpoint", path, "--json"))
    assert [clip["aligned"] for clip in result["clips"]] == [False] * 4
    assert [clip["start_s"] for clip in result["clips"]] == pytest.approx([0, 1.44, 2.88, 4.32])


@pytest.mark.parametrize(
    ("name", "starts", "looked_at"),
    [
        # 9 clips of 0.64 s, of which it takes 6: from the second to the seventh.
        ("two", [0.64, 1.6, 2.56, 3.52], "6 clips, those from 2 to 7 of the video's 9"),
        ("one", [0, 0.64, 1.28, 1.92], None),  # 4 clips, made up to 6 with nothing
    ],
)
def test_windows_lie_over_what_the_published_model_assessed(
    cli: Cli,
    features: Path,
    tmp_path: Path,
    name: str,
    starts: list[float],
    looked_at: str | None,
) -> None:
    sizes = {"query_count": 4, "clip_count": 6, "width": 32, "heads": 2, "feedforward": 32}
    model = build_model(PublishedModelConfig(**sizes), 48, ModelInfo(origin=mini_origin()))
    path = save_checkpoint(model.eval(), tmp_path / "published.pt")
    asked = ("score", features / f"{name}.npy", "--checkpoint", path, "--json")
    (result,) = results_of(cli(*asked))
    assert [clip["start_s"] for clip in result["clips"]] == pytest.approx(starts)
    assert result["clips"][-1]["end_s"] == pytest.approx(6 * 0.64 + 0.64 if looked_at else 2.56)
    remarks = " ".join(result["remarks"])
    assert (looked_at in remarks) if looked_at else ("clips" not in remarks)


@pytest.mark.parametrize(
    ("protocol", "second_start"),
    [
        ("contiguous32", 1.28),
        ("contiguous32(fps=native)", None),
        ("uniform48x16", None),
        ("x", None),
    ],
)
def test_times_of_features_without_a_record(protocol: str, second_start: float | None) -> None:
    origin = FeatureOrigin("swin3d_b", "kinetics600-22k", None, protocol)
    starts, ends = clip_times(3, origin, None)
    assert len(starts) == len(ends) == 3
    assert starts[1] == (pytest.approx(second_start) if second_start else None)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "is no checkpoint"), (b"words", "is no checkpoint")]
)
def test_no_checkpoint(
    cli: Cli, features: Path, tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "bad.pt").write_bytes(content)
    done = cli("score", features / "one.npy", "--checkpoint", tmp_path / "bad.pt")
    assert done.exit_code == 2 and words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_nothing_trained_says_what_to_do(cli: Cli, features: Path) -> None:
    done = cli("score", features / "one.npy")
    assert done.exit_code == 2 and "aqa-pipeline train" in done.stderr
    assert "fisv-pcs, fisv-tes" in done.stderr
    done = cli("score", features / "one.npy", "--checkpoint", "fisv")
    assert done.exit_code == 2 and "fisv: no such file; shipped models are fisv-pcs" in done.stderr


def test_a_calibrated_checkpoint_gives_an_interval(
    cli: Cli, checkpoint: Path, features: Path
) -> None:
    model = load_checkpoint(checkpoint)
    calibration = Calibration(0.9, 2.5, 40, 5, 0.9, 20.0)
    model.info = replace(model.info, calibration={"total": calibration.to_dict()})
    save_checkpoint(model, checkpoint)
    asked = ("score", features / "two.npy", "--checkpoint", checkpoint)
    (result,) = results_of(cli(*asked, "--json"))
    low, high = result["interval"]
    assert (low, high) == pytest.approx((result["score"] - 2.5, result["score"] + 2.5))
    done = cli(*asked, "--report", "page.html")
    assert f"90 % between {low:.2f} and {high:.2f}" in done.stdout
    assert "No interval" not in done.stdout
    (routine,) = document_of("page.html")["routines"]
    assert routine["entries"][0]["interval"] == pytest.approx([low, high])


def test_a_video_unlike_the_training_videos_is_said_to_be(
    cli: Cli, checkpoint: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(2)
    folder = FeatureFolder(tmp_path / "odd")
    folder.write_origin(mini_origin(), {})
    folder.save("long", rng.normal(size=(40, 48)), mini_origin(), {})
    folder.save("far", rng.normal(size=(6, 48)) + 5, mini_origin(), {})
    folder.save("usual", rng.normal(size=(6, 48)), mini_origin(), {})
    done = cli("score", folder.folder, "--checkpoint", checkpoint, "--json")
    remarks = {Path(r["video"]).stem: " ".join(r["remarks"]) for r in results_of(done)}
    assert "40 clips, the training videos had 4 to 9" in remarks["long"]
    assert "times as far" in remarks["far"] and "clips" not in remarks["far"]
    assert "guess" not in remarks["usual"]


def test_table_on_a_terminal(cli: Cli, checkpoint: Path, features: Path) -> None:
    done = cli("score", features / "two.npy", "--checkpoint", checkpoint)
    assert done.exit_code == 0
    assert "two.npy: " in done.stdout and "(scale 0 to 50)" in done.stdout
    assert "won" in done.stdout and "lost" in done.stdout
    assert "random weights" in done.stdout and "No interval" in done.stdout


def test_evaluate(cli: Cli, checkpoint: Path, features: Path, tmp_path: Path) -> None:
    labels = tmp_path / "scores.csv"
    labels.write_text("id,score\none,10\ntwo,30\ndeep/three,20\n")
    asked = ("evaluate", "--features", features, "--labels", labels, "--checkpoint", checkpoint)
    done = cli(*asked, "--json")
    assert done.exit_code == 0, done.output
    single = json.loads(done.stdout)
    scored = results_of(cli("score", features, "--checkpoint", checkpoint, "--json"))
    scores = {Path(result["video"]).stem: result["score"] for result in scored}
    assert single["ids"] == ["one", "two", "deep/three"] and single["true"] == [10, 30, 20]
    assert single["predicted"] == [scores["one"], scores["two"], scores["three"]]
    assert single["spearman"] == pytest.approx(metrics.spearman(single["predicted"], [10, 30, 20]))
    ensemble = json.loads(cli(*asked, "--checkpoint", checkpoint, "--json").stdout)
    assert ensemble["predicted"] == pytest.approx(single["predicted"])
    assert "Spearman" in cli(*asked).stdout
    assert cli("evaluate", "--checkpoint", checkpoint).exit_code == 2


def test_what_cannot_be_written_is_said_before_any_work(
    cli: Cli, checkpoint: Path, features: Path
) -> None:
    Path("file").write_text("not a folder")
    asked = ("score", features / "one.npy", "--checkpoint", checkpoint)
    done = cli(*asked, "--report", "file/report.html")
    assert done.exit_code == 2 and done.stdout == ""
    assert done.stderr == "error: file: cannot be written into (File exists)\n"


def test_evaluate_refuses_features_of_another_origin(
    cli: Cli, checkpoint: Path, features: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "scores.csv"
    labels.write_text("id,score\none,10\ntwo,30\n")
    FeatureFolder(features).write_origin(replace(mini_origin(), backbone="swin3d_t"), {})
    done = cli("evaluate", "--features", features, "--labels", labels, "--checkpoint", checkpoint)
    assert done.exit_code == 2
    assert "swin3d_t" in done.stderr and "swin3d_mini" in done.stderr


def test_report_page(cli: Cli, checkpoint: Path, features: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = cli(
        "score", features / "two.npy", tmp_path / "gone.mp4",
        "--checkpoint", checkpoint, "--report", page,
    )  # fmt: skip
    assert done.exit_code == 1
    document = document_of(page)
    assert [routine["name"] for routine in document["routines"]] == ["two.npy"]
    assert "gone.mp4: no such file" in document["failures"][0]["error"]


def test_what_is_no_video_is_refused_before_weights_are_looked_for(
    cli: Callable[..., CliResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AQA_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("AQA_WEIGHTS_URL", f"file://{tmp_path}/nowhere")
    np.savez(tmp_path / "x.npz", np.zeros((9, 1024)))
    (tmp_path / "y.pkl").write_bytes(pickle.dumps({"features": [1.0]}))
    features = np.random.default_rng(0).normal(size=(60, 1024)).astype(np.float32)
    np.save(tmp_path / "good.npy", features)
    done = cli("score", "x.npz", "y.pkl", "good.npy", "--checkpoint", "fisv-pcs")
    assert done.exit_code == 1 and "good.npy: " in done.stdout
    assert "error: x.npz: a ZIP archive: unpack it\n" in done.stderr
    assert "error: y.pkl: a pickle, which is not opened: that could run" in done.stderr
    assert "weights" not in done.stderr


def test_what_is_remarkable_about_a_video_stands_beside_its_score(
    cli: Cli, checkpoint: Path, frames: Path
) -> None:
    (frames / "00020.png").unlink()
    done = cli("score", frames, "--checkpoint", checkpoint)
    assert done.exit_code == 0, done.output
    remark = "1 image is missing, the first between numbers 19 and 21: the picture stands still"
    assert remark in done.output


@pytest.mark.parametrize("gap", [[0, 1, 2, 5, 6, 7, 8, 10, 11], None])
def test_a_salvaged_video_keeps_its_place_in_time(
    cli: Cli, checkpoint: Path, features: Path, gap: list[int] | None
) -> None:
    """Clips that were lost have no entry, and no place in the plot is filled with another."""
    folder = FeatureFolder(features)
    starts = [1.28 * index for index in gap or range(9)]
    record = {
        "clip_start_s": starts,
        "clip_end_s": [start + 1.28 for start in starts],
        "clip_index": gap,
        "whole_clips": 12 if gap else None,
    }
    folder.save("two", np.load(features / "two.npy"), mini_origin(), record)
    done = cli("score", features / "two.npy", "--checkpoint", checkpoint, "--json")
    assert done.exit_code == 0, done.output
    (result,) = json.loads(done.stdout)["results"]
    clips = result["clips"]
    assert [clip["start_s"] for clip in clips] == starts
    assert sum(clip["weight"] for clip in clips) == pytest.approx(1)
    total = sum(clip["weight"] * clip["score"] for clip in clips)
    assert result["score"] == pytest.approx(total)
    said = "The video has 12 clips, the training videos had 4 to 9: the score is a guess."
    assert (said in result["remarks"]) == bool(gap)


def test_another_stream_of_a_video(cli: Cli, checkpoint: Path, shared: Path) -> None:
    """What was made of the one is not taken for the other."""
    video = shared / "cases/18-cover-art/d_cover_as_plain_stream.mkv"
    command = ("score", video, "--checkpoint", checkpoint, "--json")
    watched, named = (results_of(cli(*command, *more))[0] for more in ((), ("--stream", 1)))
    assert watched["score"] == named["score"]
    other = cli(*command, "--stream", 0)
    assert other.exit_code == 1
    assert "plain_stream.mkv: has 1 frames" in json.loads(other.stdout)["results"][0]["error"]
