"""Training one model on one split."""

from aqa.training.epochs import EpochReport, OnEpoch
from aqa.training.recipes import fingerprint, train

__all__ = ["EpochReport", "OnEpoch", "fingerprint", "train"]
