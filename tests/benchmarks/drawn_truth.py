"""Contributions against points that are known: drawn routines, each with one error.

    python tests/benchmarks/drawn_truth.py [--routines 150] [--elements 8 12] [--seed 0]

Ribbon routines as ``make demo`` draws them, of two lengths, their features from the small backbone
with random weights. Every element has true points (difficulty x execution); one is spoilt: it
trembles and leans. A third of the routines is held out, and read again from half a clip later on.
The ceiling is what ridge regression finds from an element's own clip with the elements' true points
as labels, which a scorer never gets.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import RidgeCV

from aqa import AqaDataset, Example, load_config, train
from aqa.faithfulness import of_model, rank_agreement
from aqa.metrics import spearman
from pipeline.demo.drawn import Routine, random_routine, write_video
from pipeline.extraction import ExtractionSpec, extract, make_spec
from pipeline.footage import collect
from pipeline.workspace import Console

SPOILT = 0.1
HALF_CLIP_S = 8 / 25


def drawn(
    folder: Path, count: int, lengths: list[int], seed: int
) -> dict[str, tuple[Routine, int]]:
    """Video files; by id the routine and the number of its spoilt element."""
    random, found = np.random.default_rng(seed), {}
    folder.mkdir(parents=True)
    for length in lengths:
        for number in range(count):
            routine, spoilt = random_routine(random, length), int(random.integers(length))
            execution = routine.execution.copy()
            execution[spoilt] = SPOILT * random.uniform(0.5, 1.5)
            routine = replace(routine, execution=execution)
            name = f"{length}-{number:03}"
            write_video(folder / f"{name}.mp4", routine, random)
            found[name] = (routine, spoilt)
    return found


def extracted(
    videos: Path, features: Path, spec: ExtractionSpec, names: list[str]
) -> dict[str, np.ndarray]:
    outcome = extract(collect([videos]).videos, spec, features, Console(quiet=True))
    assert not outcome.failures
    return {name: np.load(features / f"{name}.npy") for name in names}


def measure(count: int, lengths: list[int], seed: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as place:
        videos, features = Path(place, "videos"), Path(place, "features")
        routines = drawn(videos, count, lengths, seed)
        spec = make_spec(
            architecture="swin3d_mini", weights="random", protocol="mini16x112", device="cpu"
        )
        clips = extracted(videos, features, spec, list(routines))
        examples = [Example(name, routine.score, features / f"{name}.npy")
                    for name, (routine, _) in routines.items()]  # fmt: skip
        held_out = [e for number, e in enumerate(examples) if number % 3 == 0]
        learned = [e for number, e in enumerate(examples) if number % 3]
        dataset = AqaDataset("drawn", "score", (0.0, 100.0), tuple(learned), tuple(held_out))
        model = train(load_config("demo"), dataset, seed=seed)
        explain = of_model(model)
        points = {e.id: explain(clips[e.id]) for e in held_out}
        scores = [model.score_of(clips[e.id]) for e in held_out]
        later = replace(spec, start_s=HALF_CLIP_S)
        names = [e.id for e in held_out]
        for name in set(routines) - set(names):
            (videos / f"{name}.mp4").unlink()
        moved = extracted(videos, Path(place, "later"), later, names)
        # A clip half a clip later lies between two: their mean is what it should earn.
        between = [(points[name][1:] + points[name][:-1]) / 2 for name in names]
        shifted = rank_agreement(
            [explain(moved[name])[: len(row)] for name, row in zip(names, between, strict=True)],
            between,
        )
    rows = np.concatenate([clips[e.id] for e in learned])
    labels = np.concatenate([routines[e.id][0].element_points for e in learned])
    ridge = RidgeCV(np.logspace(-2, 5, 15)).fit(rows, labels)
    true = [routines[name][0].element_points for name in names]
    by_ridge = {name: ridge.predict(clips[name]) for name in names}
    ceiling = rank_agreement([by_ridge[name] for name in names], true)
    found = rank_agreement([points[name] for name in names], true)
    # In points of the score, against the mean element of the training routines.
    usual = labels.mean()
    said = np.concatenate([points[name] for name in names])
    earned = np.concatenate([(row - usual) / len(row) for row in true])
    return {
        "routines": len(routines),
        "held_out": len(names),
        "spearman": round(spearman(scores, [e.score for e in held_out]), 3),
        "rank_correlation": round(found, 3),
        "ceiling": round(ceiling, 3),
        "share_of_ceiling": round(found / ceiling, 3),
        "worst_hit": _hits(points, names, [np.argmin(row) for row in true], -1),
        "worst_hit_ceiling": _hits(by_ridge, names, [np.argmin(row) for row in true], -1),
        "spoilt_hit": _hits(points, names, [routines[name][1] for name in names], -1),
        "best_hit": _hits(points, names, [np.argmax(row) for row in true], 1),
        "chance": round(float(np.mean([1 / len(row) for row in true])), 3),
        "half_a_clip_later": round(shifted, 3),
        "slope": round(float(np.polyfit(earned, said, 1)[0]), 3),
    }


def _hits(points: dict[str, np.ndarray], names: list[str], wanted: list[int], sign: int) -> float:
    """How often the clip of the most (sign 1) or fewest points is the one that is wanted."""
    found = [np.argmax(sign * points[name]) == at for name, at in zip(names, wanted, strict=True)]
    return round(float(np.mean(found)), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--routines", type=int, default=150, help="of each length")
    parser.add_argument("--elements", type=int, nargs="+", default=[8, 12])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(json.dumps(measure(options.routines, options.elements, options.seed), indent=1))


if __name__ == "__main__":
    main()
