"""Whether contributions are true: held against what the model does when a routine is changed."""

from aqa.faithfulness.blocks import Agreement, Blocks, curves, replaced_blocks
from aqa.faithfulness.explainers import Explainer, at_random, of_model
from aqa.faithfulness.measuring import Faithfulness, measure
from aqa.faithfulness.planted import FEWEST_PAIRS, Planted, planted_changes
from aqa.faithfulness.steadiness import Stability, rank_agreement, stability
from aqa.faithfulness.watching import Watch

__all__ = [
    "FEWEST_PAIRS",
    "Agreement",
    "Blocks",
    "Explainer",
    "Faithfulness",
    "Planted",
    "Stability",
    "Watch",
    "at_random",
    "curves",
    "measure",
    "of_model",
    "planted_changes",
    "rank_agreement",
    "replaced_blocks",
    "stability",
]
