"""``aqa-pipeline demo``: raw video to score to report, on footage that it draws itself.

Each step calls what the command of the same name calls; nothing here is a shortcut.
"""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aqa import (
    AqaDataset,
    ExperimentConfig,
    ScoringModel,
    evaluate,
    load_checkpoint,
    load_config,
    load_dataset,
    save_checkpoint,
)
from aqa.experiments import attach_calibration, plan, run
from aqa.models import FEWEST
from aqa.storage import write_json
from pipeline.demo.drawn import ELEMENT_FRAMES, FPS, Routine, random_routine, write_video
from pipeline.demo.screenshot import save_screenshot
from pipeline.errors import UsageError
from pipeline.extraction import extract, make_spec
from pipeline.footage import Video, collect
from pipeline.reports import agreement_figure, routine_figure, save_png, write_report
from pipeline.scoring import Extraction, Result, Scorer, moment
from pipeline.workspace import Console

TRAINING, HELD_OUT, ELEMENTS = 64, 32, 8
CALIBRATION_FOLDS = 4
MARKER = ".aqa-demo"


@dataclass(frozen=True)
class DemoFigures:
    """What the demo measured on routines that took no part in training."""

    spearman: float
    relative_l2: float
    mean_absolute_error: float
    # Spearman between the points of a routine's clips and the true points of its elements.
    clip_spearman: float


def run_demo(folder: Path, console: Console, *, seed: int = 0, device: str = "cpu") -> DemoFigures:
    """Draws, extracts, trains, evaluates, scores; everything is left in ``folder``."""
    _prepare(folder)
    videos, labels = folder / "videos", folder / "scores.csv"
    console.note(f"1/5 drawing {TRAINING + HELD_OUT} routines of {ELEMENTS} elements ...")
    routines = draw_routines(videos, labels, seed, console)

    spec = make_spec(
        architecture="swin3d_mini", weights="random", protocol="mini16x112", device=device
    )
    console.note(
        "2/5 extracting clip features: a small Video Swin with RANDOM weights (fixed seed); "
        "it stands in for pretrained ones, which a demo cannot ship"
    )
    outcome = extract(collect([videos]).videos, spec, folder / "features", console)
    if outcome.failures:
        raise UsageError(f"the demo's own video failed: {outcome.failures[0].reason}")

    console.note("3/5 training the assessment model ...")
    config = load_config("demo")
    dataset = load_dataset(config, features=folder / "features", labels=labels)
    model = _train(config, dataset, folder, seed, device, console)

    console.note("4/5 evaluating on the held-out routines ...")
    evaluation = evaluate(model, dataset.test)
    figures = DemoFigures(
        spearman=evaluation.spearman,
        relative_l2=evaluation.relative_l2,
        mean_absolute_error=evaluation.mean_absolute_error,
        clip_spearman=_clip_agreement(model, dataset, routines),
    )
    write_json(folder / "evaluation.json", evaluation.to_dict() | vars(figures))
    figure = agreement_figure(
        evaluation.predicted,
        evaluation.true,
        f"{HELD_OUT} held-out routines, Spearman {figures.spearman:.3f}",
    )
    save_png(figure, folder / "predicted-against-true.png")

    # The routine whose elements differ most shows best what the model sees.
    subject = max(
        (e.id for e in dataset.test), key=lambda name: np.ptp(routines[name].element_points)
    )
    console.note(f"5/5 scoring {subject}.mp4 from its video file ...")
    result = _score(folder, videos / f"{subject}.mp4", device, console)
    _tell(folder, figures, result, routines[subject], console)
    return figures


def draw_routines(videos: Path, labels: Path, seed: int, console: Console) -> dict[str, Routine]:
    """Writes the video files and their scores; the last ``HELD_OUT`` are the test split."""
    videos.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    routines: dict[str, Routine] = {}
    with (
        labels.open("w", newline="") as file,
        console.progress("draw", TRAINING + HELD_OUT, "video") as progress,
    ):
        table = csv.writer(file)
        table.writerow(["id", "score", "split"])
        for number in range(TRAINING + HELD_OUT):
            name = f"routine-{number:03d}"
            routines[name] = random_routine(rng, ELEMENTS)
            write_video(videos / f"{name}.mp4", routines[name], rng)
            split = "train" if number < TRAINING else "test"
            table.writerow([name, f"{routines[name].score:.4f}", split])
            progress.advance()
    return routines


def _prepare(folder: Path) -> None:
    """An empty folder. Only one that an earlier demo made is cleared."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            raise UsageError(f"{folder} is not empty and was not made by the demo: choose --output")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def _train(
    config: ExperimentConfig,
    dataset: AqaDataset,
    folder: Path,
    seed: int,
    device: str,
    console: Console,
) -> ScoringModel:
    """On all training routines; and on parts of them, whose errors give the scorer its interval."""
    options = {"seeds": [seed], "device": device}
    (scorer,) = plan(config, dataset, folder / "runs", **options)
    every = [scorer]
    if len(dataset.train) >= FEWEST:
        every += plan(config, dataset, folder / "runs", folds=CALIBRATION_FOLDS, **options)
    with console.progress("train", len(every) * config.training.epochs, "epoch") as progress:
        results = [
            run(task, lambda report: progress.advance(f"loss {report.losses['total']:.3f}"))
            for task in every
        ]
    if results[1:]:
        attach_calibration(results[0].checkpoint, results[1:], dataset)
    model = load_checkpoint(results[0].checkpoint)
    save_checkpoint(model, folder / "checkpoint.pt")
    return model


def _clip_agreement(
    model: ScoringModel, dataset: AqaDataset, routines: dict[str, Routine]
) -> float:
    """Spearman of contributions and the elements' true points, mean over held-out routines."""
    from aqa.data import read_features
    from aqa.metrics import spearman

    found = [
        spearman(
            model.assess(read_features(example.features_path)).contributions,
            routines[example.id].element_points,
        )
        for example in dataset.test
    ]
    return float(np.mean(found))


def _score(folder: Path, video: Path, device: str, console: Console) -> Result:
    extraction = Extraction(device=device, cache=folder / "scored")
    scorer = Scorer([folder / "checkpoint.pt"], extraction, console)
    (result,) = scorer.score(Video(video.stem, video))
    write_json(folder / "score.json", {"results": [result.to_dict()]})
    save_png(routine_figure(result), folder / "score.png")
    write_report(folder / "report.html", [result], [])
    if reason := save_screenshot(folder / "report.html", folder / "report.png"):
        console.note(f"no picture of the report: {reason}")
    return result


def _tell(
    folder: Path, figures: DemoFigures, result: Result, truth: Routine, console: Console
) -> None:
    order = np.argsort(result.gains)
    best, worst = moment(result, int(order[-1])), moment(result, int(order[0]))
    first = int(np.argmax(truth.element_points)) * ELEMENT_FRAMES / FPS
    last = int(np.argmin(truth.element_points)) * ELEMENT_FRAMES / FPS
    console.result(
        f"held-out Spearman {figures.spearman:.3f} over {HELD_OUT} routines "
        f"(mean absolute error {figures.mean_absolute_error:.1f} of 100 points); "
        f"contributions against the true points of the elements: {figures.clip_spearman:.3f}"
    )
    console.result(
        f"{Path(result.video).name}: score {result.score:.1f}, true {truth.score:.1f}; "
        f"best at {best.when} (truly at {first:.1f} s), "
        f"worst at {worst.when} (truly at {last:.1f} s)"
    )
    console.result(
        f"in {folder}: videos/, scores.csv, features/, checkpoint.pt, evaluation.json, score.json, "
        "score.png, predicted-against-true.png, report.html, report.png, runs/"
    )
