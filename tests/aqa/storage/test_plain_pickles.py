import collections
import os
import pickle
import resource
from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from aqa import AqaError
from aqa.storage.plain_pickles import load_plain_pickle

PLAIN = {
    ("game", 3): ["Free", 87.5, None, [10, 20], np.arange(4), np.float64(2.5), np.int64(7)],
    "text": ("é", b"\xff", {1, 2}, frozenset("a"), 3 + 4j, True, np.array(["Ä", "b"])),
    "order": collections.OrderedDict(a=1),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read(tmp_path, protocol):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(PLAIN, protocol=protocol))
    loaded = load_plain_pickle(path)
    assert loaded["text"][:3] == PLAIN["text"][:3]
    assert loaded["order"] == PLAIN["order"]
    np.testing.assert_array_equal(loaded["game", 3][4], np.arange(4))
    assert loaded["game", 3][5] == 2.5


def test_pickles_of_python_2_are_read(tmp_path):
    # pickle.dumps({("game", 1): ["Free", 87.5]}, 2) of Python 2: str as bytes.
    path = tmp_path / "a.pkl"
    path.write_bytes(
        b"\x80\x02}q\x00U\x04gameq\x01K\x01\x86q\x02]q\x03(U\x04Freeq\x04G@U\xe0\x00\x00\x00\x00"
        b"\x00es."
    )
    assert load_plain_pickle(path) == {("game", 1): ["Free", 87.5]}


class Attack:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __str__(self):
        return self.call[0].__name__

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "attack",
    [
        Attack(os.system, "touch HACKED"),
        Attack(eval, "open('HACKED', 'w')"),
        Attack(exec, "open('HACKED', 'w')"),
        Attack(getattr, "text", "format"),
        Attack(np.load, "x.npy"),
        Attack(open, "HACKED", "w"),
        Attack(__import__, "os"),
        Attack(bytearray, 10**12),
        date(2020, 1, 1),
        Fraction(1, 2),
    ],
    ids=str,
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickles_that_ask_for_code_are_refused(tmp_path, monkeypatch, attack, protocol):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"a": [attack]}, protocol=protocol))
    with pytest.raises(AqaError, match=r"evil.pkl is refused: .*it asks for"):
        load_plain_pickle(path)
    assert not (tmp_path / "HACKED").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'touch HACKED'\ntR.",  # GLOBAL
        b"(S'touch HACKED'\nios\nsystem\n.",  # INST
        b"c_codecs\nencode\n(Va\nVzip\ntR.",  # an encoder other than the one for bytes
        b"cnumpy\ndtype.__class__\n.",  # a dotted name
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",  # STACK_GLOBAL
        b"Pid\n.",  # a persistent id
        b"",
        b"garbage",
        pickle.dumps([1, 2, 3])[:-2],
    ],
)
def test_crafted_and_damaged_pickles_are_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pkl").write_bytes(content)
    with pytest.raises(AqaError, match="refused"):
        load_plain_pickle("evil.pkl")
    assert not (tmp_path / "HACKED").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AqaError, match=r"none.pkl: no such file"):
        load_plain_pickle(tmp_path / "none.pkl")


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x95" + (700 << 30).to_bytes(8, "little") + b"}.",
        b"\x80\x04}r" + (1 << 31).to_bytes(4, "little") + b".",
        b"\x80\x05\x96" + (700 << 30).to_bytes(8, "little") + b"x.",
    ],
    ids=["frame", "memo", "bytes"],
)
def test_a_damaged_byte_does_not_take_the_memory(tmp_path, content):
    path = tmp_path / "big.pkl"
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AqaError, match=r"big\.pkl is refused: "):
        load_plain_pickle(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + (100 << 10)
