"""From the features of an upload to what a server gives out: results, pages, comparisons.

A result calls its video by the upload's digest here; whoever asks puts a name in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aqa.data import FeatureFolder, read_features
from aqa.storage import write_json
from pipeline.reports import Film, moment_times, page_document
from pipeline.scoring import ClipFeatures, Extraction, Result, Scorer, compare_results
from pipeline.workspace import Console


class Assessing:
    """Models of a server, and the features in its folder."""

    def __init__(self, checkpoints: Sequence[Path], folder: Path) -> None:
        # It never makes features of a video itself.
        extraction = Extraction(device="cpu", cache=folder / "features")
        self._scorer = Scorer(checkpoints, extraction, Console(quiet=True))
        self._folder = folder

    def finish(self, digest: str, command: str) -> dict[str, float]:
        """The scores by name; writes ``results/<digest>.json``: the results, what the page shows,
        and by clip that is a moment the time of its picture, which is made when it is seen."""
        results = self._results(digest, digest)
        films = {digest: Film(self._frame_s(digest))}
        content = {
            "results": [each.to_dict() for each in results],
            "document": page_document(results, [], self._folder, command, films),
            "moments": moment_times(results),
        }
        write_json(self._folder / "results" / f"{digest}.json", content)
        return {each.score_name: each.score for each in results}

    def compare(self, names: Mapping[str, str], align: str) -> dict[str, Any]:
        """What a page of two uploads shows, the second against the first. ``names`` by digest."""
        results = [each for digest, name in names.items() for each in self._results(digest, name)]
        found = compare_results(results, align, None, {name: name for name in names.values()})
        films = {name: Film(self._frame_s(digest)) for digest, name in names.items()}
        return page_document(found.results, [], self._folder, "", films, found)

    def _results(self, digest: str, name: str) -> list[Result]:
        folder = FeatureFolder(self._folder / "features")
        record = folder.record(digest)
        features = ClipFeatures(read_features(folder.path(digest)), folder.origin(), record)
        return [_without_places(each) for each in self._scorer.assess(features, name)]

    def _frame_s(self, digest: str) -> float:
        record = FeatureFolder(self._folder / "features").record(digest)
        return record["duration_s"] / record["frame_count"]


def _without_places(result: Result) -> Result:
    """No path of this machine leaves it: of checkpoints and weights their names."""
    names = " + ".join(Path(part).name for part in result.checkpoint.split(" + "))
    features = result.features
    if features is not None and features.weights.startswith("file:"):
        weights = "file:" + Path(features.weights.removeprefix("file:")).name
        features = replace(features, weights=weights)
    return replace(result, checkpoint=names, features=features)
