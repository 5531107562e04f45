"""Two routines on one timeline: sums, alignment, what the model can tell; and trends."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pages import routine
from scipy.stats import linregress

from aqa.errors import AqaError
from aqa.models import find_certainty
from aqa.models.calibration import conformal_quantile
from pipeline.errors import UsageError
from pipeline.scoring import Result, compare_results
from pipeline.scoring.comparing import compare
from pipeline.scoring.trend import find_trend


def timeless(result: Result) -> Result:
    parts = tuple(replace(c, start_s=None, end_s=None) for c in result.parts)
    return replace(result, explained=replace(result.explained, contributions=parts))


def scored(*scores: float, pair_width: float | None = 2.0) -> list[Result]:
    return [
        replace(routine(f"{n}.mp4", clips=4), score=score, pair_width=pair_width)
        for n, score in enumerate(scores)
    ]


@pytest.mark.parametrize("align", ["time", "phase"])
@pytest.mark.parametrize("clips", [(140, 140), (120, 141), (150, 97), (1, 5)])
def test_stretches_add_up_to_the_difference(align: str, clips: tuple[int, int]) -> None:
    pair = [
        routine(f"{number}.mp4", clips=count, seed=number) for number, count in enumerate(clips)
    ]
    found = compare(*pair, align)
    total = found.start + sum(stretch.difference for stretch in found.stretches)
    assert total == pytest.approx(pair[1].score - pair[0].score, abs=1e-9)
    assert found.difference == pytest.approx(total, abs=1e-9)
    assert len(found.stretches) == max(clips)
    quarters = sum(phase.difference for phase in found.phases)
    assert quarters + found.start == pytest.approx(total, abs=1e-9)
    for which, name in enumerate(("first", "second")):
        there = sum(getattr(stretch, name) for stretch in found.stretches)
        assert there == pytest.approx(pair[which].gains.sum(), abs=1e-9)


def test_time_and_phase_lay_side_by_side_what_they_say() -> None:
    """The second does the same in twice the time."""
    first, second = routine("a.mp4", clips=40), routine("b.mp4", clips=80)
    points = np.repeat(first.gains / 2, 2)
    parts = tuple(
        replace(part, points=float(value)) for part, value in zip(second.parts, points, strict=True)
    )
    second = replace(second, explained=replace(second.explained, contributions=parts))
    phase = compare(first, second, "phase")
    assert phase.unit == "share" and phase.stretches[-1].end == 1
    assert max(abs(stretch.difference) for stretch in phase.stretches) < 1e-9
    time = compare(first, second, "time")
    assert time.unit == "second" and time.stretches[-1].end == pytest.approx(80 * 1.28)
    np.testing.assert_allclose([s.first for s in time.stretches[:40]], first.gains)
    assert {stretch.first for stretch in time.stretches[40:]} == {0.0}


def test_a_stretch_has_its_place_in_either_video() -> None:
    pair = (routine("a.mp4", clips=40), routine("b.mp4", clips=20))
    assert compare(*pair, "time").middle_s(10) == pytest.approx((10.5 * 1.28, 10.5 * 1.28))
    assert compare(*pair, "time").middle_s(30) == pytest.approx((30.5 * 1.28, 20 * 1.28))
    assert compare(*pair, "phase").middle_s(10) == pytest.approx((10.5 * 1.28, 5.25 * 1.28))
    assert compare(*map(timeless, pair), "phase").middle_s(10) is None


def test_a_difference_is_held_against_the_error_of_pairs() -> None:
    near, far = compare(*scored(20, 21.9), "time"), compare(*scored(20, 17.9), "time")
    assert near.interval == pytest.approx((-0.1, 3.9)) and near.told_apart is False
    assert far.interval == pytest.approx((-4.1, -0.1)) and far.told_apart is True
    unknown = compare(*scored(20, 30, pair_width=None), "time")
    assert unknown.interval is None and unknown.told_apart is None


def test_widths_of_both_count() -> None:
    found = compare(routine("a.mp4", clips=9), routine("b.mp4", clips=9, seed=1), "time")
    for stretch in found.stretches:
        assert stretch.high - stretch.difference == pytest.approx(0.05 * np.sqrt(2))
        assert stretch.sure is (stretch.low > 0 or stretch.high < 0)
    named = [found.stretches[i] for i in found.strongest(better=True)]
    assert all(stretch.sure and stretch.difference > 0 for stretch in named) and named
    gaps = [stretch.difference for stretch in named]
    assert gaps == sorted(gaps, reverse=True)


def test_features_without_times_are_laid_by_clip_or_by_share() -> None:
    first, second = timeless(routine("a.npy", clips=30)), timeless(routine("b.npy", clips=20))
    assert compare(first, second, "time").unit == "clip"
    assert compare(first, second, "phase").unit == "share"
    with pytest.raises(AqaError, match="has clip times and the other none: add --align"):
        compare(first, routine("b.mp4"), "time")
    assert compare(first, routine("b.mp4"), "phase").stretches


def test_a_model_that_cannot_explain_still_compares_scores() -> None:
    first, second = (replace(each, explained=None) for each in scored(20, 30))
    found = compare(first, second, "time")
    assert found.difference == 10 and found.stretches == () == found.phases and found.start == 0


def test_pairs_of_a_fold_are_covered_by_what_the_others_give() -> None:
    """``pair_coverage`` is of pairs that had no part in the width, and near 90 %."""
    random = np.random.default_rng(0)
    errors = [random.normal(0, 2, 80) for _ in range(5)]
    from aqa.models import Explanation, Seen

    says = Explanation(0.0, np.zeros(4), np.linspace(0.1, 0.9, 4), 0.0, np.full(4, 0.1))
    seen = [Seen(str(fold), says, says) for fold in range(5)]
    found = find_certainty(seen, [1.0, 2.0], errors)
    assert found.pair_width == pytest.approx(1.645 * 2 * np.sqrt(2), rel=0.06)
    assert 0.87 <= found.pair_coverage <= 0.93
    wild = [*errors[:4], 10 * errors[4]]
    pairs = [np.abs(each[:, None] - each)[np.triu_indices(80, 1)] for each in wild]
    inside = [
        (gaps <= conformal_quantile(np.concatenate(pairs[:i] + pairs[i + 1 :]), 0.9)).mean()
        for i, gaps in enumerate(pairs)
    ]
    assert find_certainty(seen, [1.0, 2.0], wild).pair_coverage == pytest.approx(np.mean(inside))


def test_a_trend_is_the_line_of_least_squares() -> None:
    results = scored(20, 22, 21, 25, 30, pair_width=1e-6)
    days = [date(2020 + year, 1, 1) for year in (0, 1, 2, 4, 5)]
    found = find_trend(results, days)
    line = linregress(found.places, [20, 22, 21, 25, 30])
    assert (found.slope, found.level) == pytest.approx((line.slope, line.intercept))
    assert found.width == pytest.approx(2.3534 * line.stderr, rel=1e-3)  # Student's t, 3 degrees
    assert found.per == "year" and found.clear is True
    # A model that errs by much: the same line, but nothing is clear.
    unsure = find_trend(scored(20, 22, 21, 25, 30, pair_width=20.0), days)
    assert unsure.slope == found.slope and unsure.clear is False
    spread = np.sqrt(((np.array(unsure.places) - np.mean(unsure.places)) ** 2).sum())
    assert unsure.width == pytest.approx(20 / np.sqrt(2) / spread)
    assert find_trend(results, None).per == "routine"
    assert find_trend(scored(1, 2, 3, pair_width=None), None).width is None


def test_no_trend_of_two_or_of_one_day() -> None:
    assert find_trend(scored(1, 2), None) is None
    assert find_trend(scored(1, 2, 3), [date(2020, 1, 1)] * 3) is None


def test_the_order_is_that_given_or_that_of_the_days(tmp_path: Path) -> None:
    results, labels = scored(20, 30, 25), tmp_path / "days.csv"
    ids = {result.video: Path(result.video).stem for result in results}
    assert [r.score for r in compare_results(results, "time", None, ids).results] == [20, 30, 25]
    labels.write_text("id,date\n2.mp4,2020-05-01\n0,2021-01-01\n1,2020-06-30\n")
    found = compare_results(results, "time", labels, ids)
    assert [result.score for result in found.results] == [25, 30, 20]
    assert [each.difference for each in found.comparisons] == [5, -10]
    assert found.trends[0].dates[0] == date(2020, 5, 1)
    labels.write_text("id,score\n0,1\n")
    assert compare_results(results, "time", labels, ids).dates is None


def test_days_that_are_wrong_or_missing_are_named(tmp_path: Path) -> None:
    results, labels = scored(20, 30), tmp_path / "days.csv"
    ids = {result.video: Path(result.video).stem for result in results}
    labels.write_text("id,date\n0,2020-05-01\n1,1.5.2020\n")
    with pytest.raises(AqaError, match=r"days.csv: no date: line 3: '1.5.2020' .*2026-01-31"):
        compare_results(results, "time", labels, ids)
    labels.write_text("id,date\n0,2020-05-01\n")
    with pytest.raises(UsageError, match=r"days.csv: no date of 1.mp4: give one, or drop"):
        compare_results(results, "time", labels, ids)
    with pytest.raises(UsageError, match="nothing to compare: 1 of the inputs"):
        compare_results(results[:1], "time", None, ids)
