"""What a training is of: the experiment, and where its labels and features lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aqa.config import ExperimentConfig, load_config
from aqa.data import DATASETS
from aqa.storage import Place, as_place
from pipeline.errors import UsageError
from pipeline.workspace import Console, LastExtraction


@dataclass(frozen=True)
class TrainingData:
    """The experiment, and where its labels and features lie (None: where its layout has them)."""

    config: ExperimentConfig
    data_root: Path | None
    features: Place | None
    labels: Path | None


def choose_data(
    *,
    config: str | None,
    overrides: Sequence[str],
    data_root: Path | None,
    features: Place | None,
    labels: Path | None,
    last: LastExtraction | None,
    console: Console,
) -> TrainingData:
    """The experiment to run: as the options say, else the data set that was extracted last.

    Says in one line what it picked. Raises UsageError where neither says what to train on.
    """
    if config is None and labels is not None:
        chosen = load_config("own", overrides)
    elif config is None:
        if last is None:
            raise UsageError(
                "nothing extracted yet: run `aqa-pipeline extract --dataset ...` first, "
                "or give --config NAME with --data-root DIR, or --labels FILE with --features DIR"
            )
        if last.dataset is None:
            raise UsageError(
                f"the last extraction was your own footage ({last.features}): "
                "give its scores with --labels FILE (columns id,score[,split])"
            )
        name, *siblings = DATASETS.get(last.dataset).configs or (last.dataset,)
        others = f"; others: --config {', '.join(siblings)}" if siblings else ""
        console.note(
            f"config: {name}, for {last.dataset}, extracted last ({last.finished}){others}"
        )
        chosen = load_config(name, overrides)
    else:
        chosen = load_config(config, overrides)
    if last is not None and features is None and (data_root is None or config is None):
        own = last.dataset is None and not chosen.dataset.known.below_root
        if own or last.dataset == chosen.dataset.kind:
            features = as_place(last.features)
            data_root = data_root or (Path(last.data_root) if last.data_root else None)
            console.note(f"features: {features}, extracted last ({last.finished})")
    return TrainingData(chosen, data_root, features, labels)
