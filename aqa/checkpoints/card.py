"""The card of a model: what it says of itself, for those who get it without this repository."""

from __future__ import annotations

from typing import Any

from aqa.models import Calibration, ScoringModel

_TAGS = ("action-quality-assessment", "video", "sports")


def card_of(model: ScoringModel, name: str) -> str:
    """Markdown with the hub's header. Only what the checkpoint knows; the rest is asked for."""
    info = model.info
    low, high = info.score_range
    lines = [
        "---", "library_name: aqa-pipeline", "tags:", *(f"- {tag}" for tag in _TAGS), "---", "",
        f"# {name}", "",
        f"Scores `{', '.join(info.all_scores)}` of sport routines on a scale of {low:g} to "
        f"{high:g}, and says what each clip adds to the score, from clip features.", "",
        "    aqa-pipeline score video.mp4 --checkpoint FOLDER_OR_HUB_NAME", "",
        f"- **Features**: {info.origin or 'not known'}; {model.channels} channels. Others are "
        "refused.",
        f"- **Training**: {info.dataset or 'data set not known'}, "
        f"{info.training_videos or 'an unknown number of'} videos, seed {info.seed}; epochs "
        f"{info.epochs}, chosen: {info.chosen_on or 'not known'}.",
        *(f"- **Interval** of {score}: 90 % within +- "
          f"{Calibration.from_dict(content).half_width:.2f} points, on routines like those of the "
          "training." for score, content in (info.calibration or {}).items()),
        *(f"- **Held out**, {score}: {_figures(content)}"
          for score, content in (info.extra.get("held_out") or {}).items()),
        "- **Not for**: judging people. It has seen no rule book, and knows no sport, level, "
        "camera work or season but those of its training videos.", "",
        "To be filled in by whoever publishes it: who made the training data, under which terms, "
        "and whom to ask.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _figures(content: dict[str, Any]) -> str:
    numbers = ", ".join(f"{key} {value}" for key, value in content.items() if key != "protocol")
    return f"{numbers} ({content.get('protocol', 'how, it does not say')})."
