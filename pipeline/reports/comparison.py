"""Routines side by side, on the terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aqa.errors import listing
from pipeline.errors import Failure
from pipeline.reports.terminal import print_document
from pipeline.scoring import Compared, Comparison, Trend
from pipeline.workspace import Console, clock


def print_comparisons(found: Compared, failures: Sequence[Failure]) -> None:
    """``{"comparisons": [...], "trends": [...], "results": [...]}``; the results are those of
    ``score --json``, in the order that they were compared in."""
    results = [result.to_dict() for result in found.results]
    print_document(
        {
            "comparisons": [comparison.to_dict() for comparison in found.comparisons],
            "trends": [trend.to_dict() for trend in found.trends],
            "results": results + [{"video": f.name, "error": f.reason} for f in failures],
        }
    )


def show_comparisons(found: Compared, console: Console) -> None:
    several = len({result.video for result in found.results}) > 2
    if several:
        _show_order(found, console)
    for comparison in found.comparisons:
        _show(comparison, console, in_short=several)
    for trend in found.trends:
        console.result(in_words(trend))
    said: dict[str, list[str]] = {}
    for result in found.results:
        for line in result.remarks:
            said.setdefault(line, []).append(Path(result.video).name)
    for line, names in said.items():
        console.note(f"{listing(list(dict.fromkeys(names)), 3)}: {line}")


def in_words(trend: Trend) -> str:
    name, unit = trend.results[0].score_name, {"year": "a year", "routine": "from one to the next"}
    text = f"trend of {name}: {trend.slope:+.2f} points {unit[trend.per]}"
    if trend.width is None:
        return f"{text}; how sure that is, the checkpoint does not say"
    low, high = trend.slope - trend.width, trend.slope + trend.width
    verdict = "clear" if trend.clear else "no trend that the model can tell"
    return f"{text}, 90 % between {low:+.2f} and {high:+.2f}: {verdict}"


def verdict(comparison: Comparison) -> str:
    """What the difference of the scores is worth."""
    if comparison.interval is None:
        return "how much of that is the model's error, the checkpoint does not say"
    low, high = comparison.interval
    larger = "larger" if comparison.told_apart else "not larger"
    return f"90 % between {low:+.2f} and {high:+.2f}: {larger} than what the model can tell"


def _show_order(found: Compared, console: Console) -> None:
    rows, before = [], {}
    for result in found.results:
        last = before.get(result.score_name)
        before[result.score_name] = result
        rows.append(
            (
                "" if found.dates is None else found.dates[result.video].isoformat(),
                Path(result.video).name,
                result.score_name,
                f"{result.score:.2f}",
                "" if last is None else f"{result.score - last.score:+.2f}",
                "" if result.judged is None else f"{result.judged:.2f}",
            )
        )
    console.table("in order", ["date", "video", "", "score", "change", "judges"], rows)


def _show(comparison: Comparison, console: Console, *, in_short: bool) -> None:
    first, second = (Path(each.video).name for each in (comparison.first, comparison.second))
    console.result(
        f"{second} against {first}: {comparison.first.score_name} {comparison.difference:+.2f} "
        f"({comparison.second.score:.2f} - {comparison.first.score:.2f}), {verdict(comparison)}"
    )
    if in_short or console.quiet:
        return
    if not comparison.stretches:
        console.note("  no contributions: it cannot be said where the difference comes from")
        return
    rows = [
        (phase.name, f"{phase.first:+.2f}", f"{phase.second:+.2f}", f"{phase.difference:+.2f}")
        for phase in comparison.phases
    ]
    if comparison.start:
        rows.insert(0, ("average routine of its length", "", "", f"{comparison.start:+.2f}"))
    console.table("points of each part", ["", first, second, "difference"], rows)
    rows = [
        _stretch(comparison, index, kind)
        for kind, better in (("better", True), ("worse", False))
        for index in comparison.strongest(better=better)
    ]
    if not rows:
        console.note("  no clip differs by more than another model might say otherwise")
        return
    headings = ["", "where", "first", "second", "difference", "90 %"]
    console.table(f"where {second}, the second, is better and worse", headings, rows)


def _stretch(comparison: Comparison, index: int, kind: str) -> tuple[str, ...]:
    found = comparison.stretches[index]
    return (
        kind,
        where(comparison, index),
        f"{found.first:+.3f}",
        f"{found.second:+.3f}",
        f"{found.difference:+.3f}",
        "" if found.high is None else f"+-{found.high - found.difference:.2f}",
    )


def where(comparison: Comparison, index: int) -> str:
    """``1:05.3-1:06.6``, ``clip 3``, or ``12.0-12.7 %`` of the routine."""
    found = comparison.stretches[index]
    if comparison.unit == "second":
        return f"{clock(found.start, tenths=True)}-{clock(found.end, tenths=True)}"
    if comparison.unit == "clip":
        return f"clip {index + 1}"
    return f"{100 * found.start:.1f}-{100 * found.end:.1f} %"
