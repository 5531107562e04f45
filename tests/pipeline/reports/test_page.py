"""What a report page holds: sizes, sums, texts in five languages, nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import ASSETS, TEXTS, embedded, routine, written


def test_what_a_page_holds_stays_small(tmp_path: Path) -> None:
    one = written(tmp_path / "one.html", [routine("a.mp4")])
    assert len(one.encode()) < 200_000
    several = [routine(f"{number}.mp4", seed=number) for number in range(11)]
    more = len(written(tmp_path / "more.html", several).encode()) - len(one.encode())
    assert more < 10 * 20_000
    assert "MIT License" in one and "Leon Sorokin" in one


def test_columns_add_up_to_the_score(tmp_path: Path) -> None:
    result = routine("a.mp4")
    document = embedded(written(tmp_path / "a.html", [result]), "document")
    (entry,) = document["routines"][0]["entries"]
    total = entry["baseline"] + sum(entry["parts"]["points"])
    assert total == pytest.approx(entry["score"], abs=1e-6)
    assert document["routines"][0]["source"] is None  # no such file
    assert document["command"] == "aqa-pipeline score a.mp4"


def test_scores_of_one_video_are_one_routine(tmp_path: Path) -> None:
    results = [routine("a.mp4"), routine("a.mp4", name="pcs"), routine("b.mp4")]
    routines = embedded(written(tmp_path / "a.html", results), "document")["routines"]
    names = [[entry["score_name"] for entry in each["entries"]] for each in routines]
    assert names == [["tes", "pcs"], ["tes"]]


def test_every_text_is_there_in_every_language() -> None:
    script = "".join(path.read_text("utf-8") for path in (ASSETS / "script").iterdir())
    keys = set(TEXTS["en"])
    assert set(TEXTS) == {"en", "de", "fr", "ja", "zh"}
    for language, texts in TEXTS.items():
        assert set(texts) == keys, language
        for key, text in texts.items():
            assert set(re.findall(r"\{\w+\}", text)) == set(
                re.findall(r"\{\w+\}", TEXTS["en"][key])
            )
    used = set(re.findall(r'\bt\("(\w+)"', script)) | set(
        re.findall(r'labelled\(".*?", "(\w+)"', script)
    )
    assert used <= keys
    known = used | {f"{name} quarter" for name in ("first", "second", "third", "last")}
    known |= {
        "won",
        "lost",
        "sure",
        "noise",
        "sofar",
        "clipscore",
        "points",
        "weights",
        "time",
        "clip",
        "share",
        "better",
        "worse",
        "told",
        "untold",
        "peryear",
        "perroutine",
        "clear",
        "unclear",
        "pause",
    }
    assert keys <= known, "texts that nothing shows"
    # No words of a language in the script itself, but for the names of languages and of us.
    literals = re.findall(r'[`"]([A-Z][a-z]+ [a-z]+[^`"]*)[`"]', script)
    assert [text for text in literals if "aqa" not in text] == []


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    text = written(tmp_path / "a.html", [routine("a.mp4")])
    assert "<link" not in text and "@import" not in text and "<script src" not in text
