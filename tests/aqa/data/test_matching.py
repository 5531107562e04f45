"""A label is joined to the video that it means, or to none."""

import pytest

from aqa.data import match_ids
from aqa.data.matching import KNOWN_ENDINGS, near


@pytest.mark.parametrize(
    ("written", "there", "meant"),
    [
        ("a", {"a"}, "a"),
        ("a.mp4", {"a", "a.mp4"}, "a.mp4"),  # the exact id first
        ("a.MP4", {"a"}, "a"),
        ("a.npy", {"a"}, "a"),
        ("final.v2", {"final.v2", "final"}, "final.v2"),
        ("final.v2.mov", {"final.v2", "final"}, "final.v2"),
        ("day 1/a.mp4", {"day 1/a", "b"}, "day 1/a"),
        ("/videos/day 1/a.mp4", {"day 1/a"}, "day 1/a"),
        ("/videos/a.mov", {"a"}, "a"),
        (r"C:\videos\a.mov", {"a"}, "a"),
        ("teamX/c", {"c"}, "c"),
    ],
)
def test_what_is_meant(written: str, there: set[str], meant: str) -> None:
    matching = match_ids([written], there)
    assert matching.ids == {written: meant} and not matching.several
    assert matching.notes == (
        []
        if written == meant
        else [f"1 label matched without folder or ending: {written} -> {meant}"]
    )


@pytest.mark.parametrize(
    ("written", "there"),
    [("final.v2", {"final"}), ("a.b", {"a"}), ("c", {"teamX/c"}), ("../z", {"y"}), ("", {"a"})],
)
def test_what_is_not_there(written: str, there: set[str]) -> None:
    matching = match_ids([written], there)
    assert not matching.ids and not matching.several


def test_two_labels_never_share_a_video() -> None:
    matching = match_ids(["teamX/c", "teamY/c", "d"], {"c", "d"})
    assert matching.ids == {"d": "d"}
    assert matching.several == {"teamX/c": ["teamY/c"], "teamY/c": ["teamX/c"]}
    matching = match_ids(["c", "teamX/c"], {"c"})
    assert matching.ids == {"c": "c"} and matching.several == {"teamX/c": ["c"]}


def test_a_label_never_chooses_between_two_videos() -> None:
    matching = match_ids(["/data/b/c.mov"], {"b/c", "c"})
    assert not matching.ids and matching.several == {"/data/b/c.mov": ["b/c", "c"]}


def test_every_ending_of_footage_is_known() -> None:
    from extractors.readers.file_names import VIDEO_SUFFIXES

    assert VIDEO_SUFFIXES < KNOWN_ENDINGS


def test_composed_and_decomposed_letters_are_the_same_id() -> None:
    composed, decomposed = "M\u00fcller", "Mu\u0308ller"
    assert match_ids([composed], [decomposed]).ids == {composed: decomposed}
    assert match_ids([decomposed + ".mp4"], [composed]).ids == {decomposed + ".mp4": composed}
    both = match_ids(["M\u00fcller.mp4"], [composed, decomposed])
    assert both.ids == {} and both.several == {"M\u00fcller.mp4": [decomposed, composed]}


@pytest.mark.parametrize(
    ("written", "there"), [("1", "001"), ("1.0", "001"), ("run00", "run00_rgb")]
)
def test_a_near_name_is_shown(written: str, there: str) -> None:
    assert near(written, ["zebra", there, "other"]) == there


def test_of_several_near_names_that_of_the_pictures_is_shown() -> None:
    assert near("run00", ["run00_fps", "run00_rgb", "run00_flow"]) == "run00_rgb"


def test_nothing_is_near() -> None:
    assert near("g2_0", ["g2_1", "g2_00", "g1_0"]) is None
