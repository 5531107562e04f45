"""What a person does with a report page, in a real browser."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pages import TEXTS, embedded, routine, written

from pipeline.errors import Failure
from pipeline.reports import write_report
from pipeline.scoring import Result
from pipeline.scoring.result import Phase

NASTY = "<img src=x onerror=window.caught=1>';\"alert(1)//</script>.mp4"


def saved(page: Any, name: str) -> str:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name).first.click()
    return Path(waiting.value.path()).read_text("utf-8")


def test_as_many_clips_as_the_json_and_its_sum(opened: Callable, tmp_path: Path) -> None:
    result = routine("a.mp4")
    written(tmp_path / "a.html", [result])
    page = opened(tmp_path / "a.html")
    assert page.locator("tr[data-clip]").count() == 140
    page.get_by_text("All clips (140)").click()
    first = page.locator("tr[data-clip]").first
    assert first.locator("td").nth(1).inner_text() == f"{result.gains[0]:+.3f}".replace(
        "-", "\u2212"
    )
    page.get_by_text("How it was made").click()
    (again,) = json.loads(saved(page, "Results as JSON"))["results"]
    expected = json.loads(json.dumps(result.to_dict(), default=bool))
    assert set(again) == set(expected)
    for part, wanted in zip(again["contributions"], expected["contributions"], strict=True):
        assert part == pytest.approx(wanted, abs=1e-6)
    total = sum(part["points"] for part in again["contributions"])
    assert total == pytest.approx(again["score"] - again["baseline"], abs=1e-6)
    assert saved(page, "Clips as CSV").count("\n") == 141


def test_columns_are_sorted(opened: Callable, tmp_path: Path) -> None:
    result = routine("a.mp4", clips=20)
    written(tmp_path / "a.html", [result])
    page = opened(tmp_path / "a.html")
    page.get_by_text("All clips (20)").click()
    page.get_by_role("button", name="Points", exact=True).click()
    shown = page.locator("tr[data-clip] td:nth-child(2)").all_inner_texts()
    assert shown == [f"{p:+.3f}".replace("-", "\u2212") for p in sorted(result.gains, reverse=True)]
    assert page.locator('th[aria-sort="descending"]').count() == 1


def test_a_click_a_key_and_a_row_move_the_video(
    opened: Callable, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    video = routine_video("in/\u00fc #1.mp4", elements=20)  # 12.8 s
    written(tmp_path / "a.html", [routine(str(video), clips=10)])
    page = opened(tmp_path / "a.html")
    page.wait_for_function("document.querySelector('video').readyState > 1")
    now = lambda: page.evaluate("document.querySelector('video').currentTime")  # noqa: E731
    over = page.locator(".u-over").nth(1)
    over.click(position={"x": over.bounding_box()["width"] / 2, "y": 60})
    assert now() == pytest.approx(6.4, abs=0.1)
    head = page.locator(".head").nth(1).evaluate("e => e.getBoundingClientRect().left")
    box = over.bounding_box()
    assert head == pytest.approx(box["x"] + box["width"] / 2, abs=3)
    page.keyboard.press("ArrowRight")
    at = now()
    assert at / 1.28 == pytest.approx(round(at / 1.28), abs=0.01) and 6.3 < at < 7.8
    page.keyboard.press("ArrowLeft")
    assert now() == pytest.approx(at - 1.28, abs=0.1)
    before = now()
    page.keyboard.press(".")
    assert now() == pytest.approx(before + 0.04, abs=0.01)
    page.get_by_text("All clips (10)").click()
    page.locator("tr[data-clip]").nth(3).locator("td").nth(1).click()
    assert now() == pytest.approx(3 * 1.28, abs=0.01)
    assert "now" in page.locator("tr[data-clip]").nth(3).get_attribute("class")
    page.locator(".moments button").first.click()
    assert now() != pytest.approx(3 * 1.28, abs=0.5)
    page.locator("h2").first.click()
    page.keyboard.press(" ")
    page.wait_for_function("!document.querySelector('video').paused")
    started = now()
    page.wait_for_function(f"document.querySelector('video').currentTime > {started} + 0.2")
    page.keyboard.press(" ")
    assert page.evaluate("document.querySelector('video').paused")


def test_a_clip_is_repeated(
    opened: Callable, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    written(tmp_path / "a.html", [routine(str(routine_video("a.mp4", elements=8)), clips=4)])
    page = opened(tmp_path / "a.html")
    page.wait_for_function("document.querySelector('video').readyState > 1")
    page.get_by_label("Loop this clip").check()
    page.evaluate("document.querySelector('video').currentTime = 1.0")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("document.querySelector('video').currentTime > 1.1")
    page.wait_for_function("document.querySelector('video').currentTime < 0.5")


def test_notes_survive_saving(opened: Callable, tmp_path: Path) -> None:
    written(tmp_path / "a.html", [routine("a.mp4")])
    page = opened(tmp_path / "a.html")
    page.locator(".u-over").first.click()
    page.get_by_label("Note at").fill("=look </script> --> here")
    page.get_by_role("button", name="Add").click()
    assert page.locator("li", has_text="=look").count() == 1
    vtt = saved(page, "Notes as WebVTT")
    assert vtt.startswith("WEBVTT\n\n00:01:") and vtt.count("-->") == 1
    assert "'=look" in saved(page, "Notes as CSV")
    again = tmp_path / "again.html"
    again.write_text(saved(page, "Save page with notes"), "utf-8")
    assert "=look" in json.dumps(embedded(again.read_text("utf-8"), "notes"))
    other = opened(again)  # a browser that knows nothing of the first
    assert other.locator("li", has_text="=look </script> --> here").count() == 1
    # A second window of the same browser: it keeps what it holds in memory while the first is open.
    window = page.context.new_page()
    window.goto((tmp_path / "a.html").as_uri())
    window.locator("li", has_text="=look").wait_for()


def test_names_are_data(opened: Callable, tmp_path: Path) -> None:
    written(tmp_path / "a.html", [routine(NASTY), routine('a.mp4";alert(1)//', seed=1)])
    page = opened(tmp_path / "a.html")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    assert page.evaluate("window.caught") is None and page.locator("img").count() == 0
    assert page.get_by_role("heading", name='a.mp4";alert(1)').count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opened: Callable, tmp_path: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    results = [routine("a.mp4", clips=30), routine("a.mp4", clips=30, name="pcs", seed=1)]
    written(tmp_path / "a.html", [*results, routine("b.mp4", clips=30)], Failure("c", "c: gone"))
    page = opened(tmp_path / "a.html", color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [360, 1000, 1920])
def test_no_language_overflows(opened: Callable, tmp_path: Path, width: int) -> None:
    long = "a_very_long_name_of_a_file_without_any_blank_in_it_" * 3 + ".mp4"
    written(tmp_path / "a.html", [routine(long), routine("b.mp4", seed=1)])
    page = opened(tmp_path / "a.html", width)
    for language in TEXTS:
        page.locator("header select").select_option(language)
        page.wait_for_selector("canvas")
        assert page.evaluate("document.documentElement.lang") == language
        assert page.evaluate("document.documentElement.scrollWidth") <= width, language
        assert page.get_by_role("heading", name=TEXTS[language]["won"]).count() >= 1


def test_hundreds_of_routines_open_at_once(opened: Callable, tmp_path: Path) -> None:
    written(tmp_path / "a.html", [routine(f"{n}.mp4", seed=n) for n in range(300)])
    page = opened(tmp_path / "a.html")
    # Most wait until they are looked at.
    assert page.locator("section.waiting").count() > 280
    page.get_by_role("button", name="tes", exact=True).click()
    page.get_by_role("link", name="250.mp4", exact=True).click()
    page.wait_for_selector("#routine-250 canvas")


def test_paper_holds_every_routine(opened: Callable, tmp_path: Path) -> None:
    written(tmp_path / "a.html", [routine(f"{n}.mp4", clips=20, seed=n) for n in range(6)])
    page = opened(tmp_path / "a.html", color_scheme="dark")
    assert page.pdf().count(b"/Type /Page\n") >= 7
    assert page.locator("section.waiting").count() == 0


def moving(video: Path, clips: int = 4) -> Result:
    return routine(str(video), clips=clips)


def test_moments_have_pictures(
    opened: Callable, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    text = written(tmp_path / "a.html", [moving(routine_video("a.mp4", elements=8))])
    (held,) = embedded(text, "document")["routines"]
    assert set(held["pictures"]) == {str(i) for e in held["entries"] for i in e["won"] + e["lost"]}
    page = opened(tmp_path / "a.html")
    pictures = page.locator(".moments img")
    assert pictures.count() == len(held["pictures"]) > 0
    assert pictures.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 192


def test_a_copy_in_the_page_plays_what_no_browser_does(opened: Callable, tmp_path: Path) -> None:
    """MPEG-4 part 2 in AVI; each frame has a grey of its own."""
    import av

    source = tmp_path / "in" / "old.avi"
    source.parent.mkdir()
    with av.open(str(source), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(60):
            grey = np.full((64, 96, 3), 4 * number, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        file.mux(stream.encode())
    page_at = tmp_path / "a.html"
    (said,) = write_report(page_at, [moving(source, clips=2)], [])
    assert "old.avi" in said and "mpeg4" in said and "--embed-video" in said
    assert write_report(page_at, [moving(source, clips=2)], [], embed=True) == []
    source.unlink()
    page = opened(page_at)
    page.wait_for_function("document.querySelector('video').readyState > 1")
    assert page.evaluate("document.querySelector('video').duration") == pytest.approx(2.4, abs=0.1)
    page.evaluate("document.querySelector('video').currentTime = 1.42")
    # A frame may be shown only a while after "seeked".
    page.wait_for_function(
        """(grey) => {
            const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
            const context = canvas.getContext('2d');
            context.drawImage(document.querySelector('video'), 0, 0, 8, 8);
            return Math.abs(context.getImageData(4, 4, 1, 1).data[0] - grey) <= 8;
        }""",
        arg=4 * 35,
    )


def test_a_folder_of_frames_is_seen(opened: Callable, frames: Path, tmp_path: Path) -> None:
    """50 images, each of another grey, at 25 a second."""
    page_at = tmp_path / "a.html"
    assert write_report(page_at, [moving(frames, clips=2)], [], embed=True) == []
    (held,) = embedded(page_at.read_text(), "document")["routines"]
    assert held["frame_s"] == pytest.approx(0.04)
    for clip, data in held["pictures"].items():
        grey = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert grey.mean() == pytest.approx(5 * (16, 48)[int(clip)], abs=6)
    page = opened(page_at)
    page.wait_for_function("document.querySelector('video').readyState > 1")
    assert page.evaluate("document.querySelector('video').duration") == pytest.approx(2, abs=0.1)


def test_parts_that_a_config_names_and_versions_are_shown(opened: Callable, tmp_path: Path) -> None:
    result = routine("a.mp4", clips=20)
    phases = (*result.explained.phases, Phase("step sequence", 5.12, 10.24, 0.5))
    result = replace(
        result,
        explained=replace(result.explained, phases=phases),
        versions={"torch": "2.15.0", "engine": "openvino 2026.4"},
    )
    written(tmp_path / "a.html", [result])
    page = opened(tmp_path / "a.html")
    assert page.get_by_text("step sequence +0.50").count() == 1
    page.get_by_text("How it was made").click()
    assert page.get_by_text("engine openvino 2026.4").is_visible()


def test_a_video_that_moved_can_be_chosen_again(
    opened: Callable, routine_video: Callable[..., Path], tmp_path: Path
) -> None:
    video = routine_video("a.mp4", elements=4)
    written(tmp_path / "a.html", [moving(video, clips=2)])
    elsewhere = video.rename(tmp_path / "b.mp4")
    page = opened(tmp_path / "a.html", missing=True)
    page.get_by_text("or it is not where it was").wait_for()
    page.locator("input[type=file]").set_input_files(elsewhere)
    page.wait_for_function("document.querySelector('video').readyState > 1")


def test_the_judges_score_stands_beside(opened: Callable, tmp_path: Path) -> None:
    result = replace(routine("a.mp4"), judged=28.0)
    written(tmp_path / "a.html", [result])
    page = opened(tmp_path / "a.html")
    assert page.get_by_text("Judges: 28.00").count() == 1


def test_a_model_that_weighs_queries_and_features_without_times(
    opened: Callable, tmp_path: Path
) -> None:
    whole = routine("a.npy", clips=12)
    result = replace(
        whole,
        clips=tuple(replace(c, start_s=None, end_s=None, aligned=False) for c in whole.clips),
        explained=None,
        interval=None,
        training_scores=None,
    )
    written(tmp_path / "a.html", [result])
    page = opened(tmp_path / "a.html")
    assert page.get_by_text(TEXTS["en"]["queries"]).count() == 1
    over = page.locator(".u-over").first
    over.click(position={"x": 0.8 * over.bounding_box()["width"], "y": 50})
    assert page.get_by_label("Note at Clip 10").count() == 1
    (again,) = json.loads(saved_json(page))["results"]
    assert again["contributions"] == [] and len(again["clips"]) == 12


def saved_json(page: Any) -> str:
    page.get_by_text("How it was made").click()
    return saved(page, "Results as JSON")


def test_a_video_that_cannot_be_read_costs_only_its_pictures(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"words")
    page = tmp_path / "a.html"
    (said,) = write_report(page, [routine(str(broken))], [], embed=True)
    assert "broken.mp4" in said and "not all of it is shown" in said
    assert len(embedded(page.read_text(), "document")["routines"]) == 1
