"""What several models are made of."""

from aqa.models.parts.losses import ScoreWeights, agreement_losses
from aqa.models.parts.pooling import segment_means
from aqa.models.parts.precision import check_precision, full_precision, products_in

__all__ = [
    "ScoreWeights",
    "agreement_losses",
    "check_precision",
    "full_precision",
    "products_in",
    "segment_means",
]
