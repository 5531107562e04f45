"""LOGO: artistic swimming, 200 videos (150/50) of about 204 s (CVPR 2023)."""

from __future__ import annotations

from pathlib import Path

from aqa.data.kind import DatasetKind, Published, RawLayout, Wanted
from aqa.data.labels import Label, Labels, beside, first_folder, to_score
from aqa.errors import AqaError
from aqa.storage import Place, load_plain_pickle


def _find(wanted: Wanted) -> tuple[Place, Path]:
    """``LOGO/logo_feats`` and ``LOGO/LOGO Anno&Split``, below the data root or in it."""
    root, labels = wanted.data_root, wanted.labels
    bases = [root / "LOGO", root / "logo", root]
    features = wanted.features or first_folder(
        [base / "logo_feats" for base in bases], lambda folder: True
    )
    if features is None:
        raise AqaError(
            f"no LOGO features: expected {root}/LOGO/logo_feats; extract them or name their folder"
        )
    if labels is None:
        candidates = [base / "LOGO Anno&Split" for base in bases] + beside(features)
        labels = first_folder(candidates, lambda folder: (folder / "anno_dict.pkl").is_file())
    if labels is None:
        raise AqaError(f"no LOGO labels: expected {root}/LOGO/LOGO Anno&Split/anno_dict.pkl")
    return features, labels


def _read(folder: Path, score: str, apparatus: str | None) -> Labels:
    """anno_dict.pkl, train_split3.pkl and, where it is there, test_split3.pkl."""
    path = folder / "anno_dict.pkl"
    annotations = load_plain_pickle(path)
    if not isinstance(annotations, dict):
        raise AqaError(f"{path} holds {type(annotations).__name__}, expected a dict")
    scores: dict[str, float] = {}
    for key, annotation in annotations.items():
        try:
            scores[_id(key)] = to_score(str(annotation[1]), f"{path} video {key}")
        except (TypeError, ValueError, IndexError, KeyError):
            raise AqaError(f"{path}: {key!r} is not (game, number): [event, score, ...]") from None

    def read(split: Path) -> list[Label]:
        try:
            ids = [_id(key) for key in load_plain_pickle(split)]
        except (TypeError, ValueError):
            raise AqaError(f"{split} is no list of (game, number)") from None
        return [Label(video_id, scores.get(video_id)) for video_id in ids]

    test = folder / "test_split3.pkl"
    return Labels(read(folder / "train_split3.pkl"), read(test) if test.is_file() else [], folder)


def _id(key: object) -> str:
    game, number = key  # type: ignore[misc]
    return f"{game}_{int(number)}"


LOGO = DatasetKind(
    name="logo",
    find=_find,
    read=_read,
    scores=("total",),
    score_range=(0.0, 100.0),
    protocol="uniform48x16",
    published=Published(150, 50, 1024, r".+_\d+", "LOGO"),
    raw=RawLayout(("LOGO/Video_result", "Video_result"), levels=2),
    configs=("logo",),
    paper={
        "model": {"query_count": 48, "clip_count": None, "query_std": 0.5},
        "training": {"batch_size": 48},
    },
    # Its 48 clips are spread over a routine, 4 seconds apart where the others' are 1.3.
    sizes={
        "model": {"motion_lags": (1, 2)},
    },
)
