"""Score tables as spreadsheets save them: read, or refused with what to do; never a wrong score."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqa import AqaError
from aqa.data.datasets.own import read_table

READ = {
    "plain": "id,score\n001,10.5\nb/run 4,9\n",
    "semicolons, decimal commas": "id;score\n001;10,5\nb/run 4;9,0\n",
    "tabs": "id\tscore\n001\t10.5\nb/run 4\t9\n",
    "tabs, decimal commas": "id\tscore\n001\t10,5\nb/run 4\t9,0\n",
    "a line for Excel": "sep=;\nid;score\n001;10,5\nb/run 4;9\n",
    "upper case, blanks": " ID , Score \n001, 10.5\nb/run 4 ,9\n",
    "quoted decimal commas": 'id,score\n001,"10,5"\nb/run 4,"9,0"\n',
    "empty rows": "id,score\n001,10.5\n,\n\nb/run 4,9\n,\n,,,\n",
    "comments": "# judges 2024,final\n\nid,score\n001,10.5\n# note\nb/run 4,9\n",
    "old line ends": "id,score\r001,10.5\rb/run 4,9\r",
    "empty columns to the right": "id,score,,\n001,10.5,,\nb/run 4,9,,\n",
}


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_read(tmp_path: Path, kind: str, encoding: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(READ[kind].encode(encoding))
    labels = read_table(path)
    assert [(la.video_id, la.score) for la in labels.train] == [("001", 10.5), ("b/run 4", 9.0)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id,score\n001,10,5\n002,9\n", r"line 2: 3 cells under 2 columns \(is a comma the dec"),
        ("id,score\nM\xfcller,1\n".encode("cp1252"), r"not UTF-8 \(line 2\): save it as CSV UTF-8"),
        (b"PK\x03\x04" + bytes(60), "a workbook of a spreadsheet, not a CSV: save it as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0" + bytes(60), "a workbook of a spreadsheet, not a CSV"),
        (b'id,score\na,"1,234"\n', "line 2: '1,234' is no score"),
        (b"id\tscore\na\t1,234\n", "line 2: '1,234' is no score"),
        (b"id;score\na;1.234,5\n", "line 2: '1.234,5' is no score"),
        (b"id,score\n\na,DNF\n", "line 3: 'DNF' is no score"),
        (b"video,total\na,1\n", r"no column id and score: .* got video,total"),
        (b"", "no column id and score: .* got nothing"),
    ],
)
def test_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(content)
    with pytest.raises(AqaError, match=rf"scores\.csv.*{words}"):
        read_table(path)
