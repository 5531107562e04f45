"""Labels, configs, lists and checkpoints as they come, each through the command that reads it: they
are read rightly or refused in one line that names them, and nothing in them is run."""

from __future__ import annotations

import os
import pickle
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result as CliResult

TOUCH = "touch HACKED"


class Attack:
    def __init__(self, function: Callable, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


ATTACKS = [
    Attack(os.system, TOUCH),
    Attack(eval, "__import__('os').system('touch HACKED')"),
    Attack(exec, "open('HACKED', 'w')"),
    Attack(open, "HACKED", "w"),
    Attack(subprocess.call, TOUCH.split()),
    Attack(subprocess.Popen, TOUCH.split()),
    Attack(runpy.run_path, "attack.py"),
    Attack(__import__, "attack"),
    Attack(np.load, "HACKED.npy"),
    Attack(torch.hub.load, ".", "attack"),
    Attack(getattr, "text", "format"),
    Attack(torch.load, "attack.pt"),
]
LABELS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "labels.csv"),
    "header only": (b"id,score\n", "labels.csv"),
    "no score": (b"id,points\na,1\n", "score"),
    "a cell too many": (b"id,score\na,10,5\nb,2\n", "labels.csv"),
    "words": (b"id,score\na,good\nb,2\n", "good"),
    "infinite": (b"id,score\na,inf\nb,2\n", "labels.csv"),
    "nan": (b"id,score\na,nan\nb,2\n", "labels.csv"),
    "utf-16 cut": ("id,score\na,1\nb,2\n".encode("utf-16")[:-1], "labels.csv"),
    "cp1252": ("id,score\nMüller,1\nb,2\n".encode("cp1252"), "UTF-8"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(60), "CSV"),
    "zeros": (bytes(100), "labels.csv"),
    "given twice": (b"id,score\na,1\na,2\n", "a"),
    "nobody has it": (b"id,score\nzz,1\na,2\n", "zz"),
    "another split": (b"id,score,split\na,1,train\nb,2,maybe\n", "maybe"),
}
CONFIGS: dict[str, tuple[bytes, str]] = {
    "runs code": (b"!!python/object/apply:os.system ['touch HACKED']\n", "config.yaml"),
    "a list": (b"- a\n- b\n", "config.yaml"),
    "unknown": (b"dataset: {kind: csv}\nspeed: 3\n", "speed"),
    "wrong type": (b"dataset: {kind: csv}\ntraining: {epochs: many}\n", "epochs"),
    "negative": (b"dataset: {kind: csv}\ntraining: {epochs: -1}\n", "epochs"),
    "no such kind": (b"dataset: {kind: chess}\n", "chess"),
    "tab": (b"dataset:\n\tkind: csv\n", "config.yaml"),
    "zeros": (bytes(40), "config.yaml"),
    "latin": (b"dataset: {kind: '\xe9'}\n", "config.yaml"),
    "laughs": (b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "config.yaml"),
    "empty": (b"", "config.yaml"),
}


@pytest.fixture
def features() -> None:
    Path("f").mkdir()
    for name in "ab":
        np.save(f"f/{name}.npy", np.ones((4, 3), np.float32))
    Path("attack.py").write_text("open('HACKED', 'w')\n")
    Path("labels.csv").write_text("id,score\na,1\nb,2\n")


def refused(done: CliResult, name: str, words: str) -> None:
    assert done.exit_code == 2 and "Traceback" not in done.output, done.output
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and name in errors[0] and words in errors[0], done.stderr
    assert not Path("HACKED").exists()


@pytest.mark.parametrize("kind", LABELS)
def test_labels(cli: Callable[..., CliResult], features: None, kind: str) -> None:
    content, words = LABELS[kind]
    Path("labels.csv").write_bytes(content)
    refused(cli("train", "--labels", "labels.csv", "--features", "f"), "labels.csv", words)


@pytest.mark.parametrize("kind", CONFIGS)
def test_configs(cli: Callable[..., CliResult], features: None, kind: str) -> None:
    content, words = CONFIGS[kind]
    Path("config.yaml").write_bytes(content)
    command = ("train", "--config", "config.yaml", "--labels", "labels.csv", "--features", "f")
    refused(cli(*command), "config.yaml", words)


@pytest.mark.parametrize("number", range(len(ATTACKS)))
@pytest.mark.parametrize("form", ["torch", "pickle", "nested"])
def test_checkpoints_run_nothing(
    cli: Callable[..., CliResult], features: None, number: int, form: str
) -> None:
    attack = ATTACKS[number]
    content = {"model": {"weight": [attack]}} if form == "nested" else attack
    if form == "pickle":
        Path("model.pt").write_bytes(pickle.dumps(content))
    else:
        torch.save(content, "model.pt")
    refused(cli("score", "f/a.npy", "--checkpoint", "model.pt"), "model.pt", "")


@pytest.mark.parametrize(
    "content",
    [b"", bytes(300), b"no model", b"PK\x03\x04", b"\x80\x02}q\x00.", b"\x80\x04N."],
    ids=["empty", "zeros", "text", "zip", "dict", "none"],
)
def test_what_is_no_checkpoint(
    cli: Callable[..., CliResult], features: None, content: bytes
) -> None:
    Path("model.pt").write_bytes(content)
    refused(cli("score", "f/a.npy", "--checkpoint", "model.pt"), "model.pt", "")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", "path,id\nMüller.mp4,a\n".encode("cp1252")),
        ("list.csv", "path,id\na.mp4,a\n".encode("utf-16")),
        ("list.csv", bytes(80)),
        ("list.csv", b"id,score\na,1\n"),
        ("list.csv", b"path,frame_rate\na.mp4,fast\n"),
        ("list.txt", "Müller.mp4\n".encode("cp1252")),
        ("list.txt", bytes(80)),
        ("list.txt", b"none.mp4\n"),
    ],
)
def test_lists(cli: Callable[..., CliResult], name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    done = cli("extract", "--videos", name, "--ray-address", "none", "--output", "out")
    assert done.exit_code in (1, 2) and "Traceback" not in done.output
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and name in errors[0], done.stderr
