from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import torch
from torchvision.models import video

from extractors import ExtractorError, build_backbone
from extractors.backbones import weights
from extractors.backbones.weights import PUBLISHED, Published, resolve, sha256_of

ROOT = Path(__file__).resolve().parents[3]
OFFICIAL_FILE = "swin_base_patch244_window877_kinetics600_22k.pth"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("AQA_WEIGHTS_URL", folder.as_uri())
    monkeypatch.setenv("AQA_WEIGHTS_DIR", str(tmp_path / "cache"))
    return folder


def test_official_name_is_fetched_once_and_checked_ever_after(mirror: Path) -> None:
    (mirror / OFFICIAL_FILE).write_bytes(b"weights")
    first = resolve("swin3d_b", "kinetics600-22k")
    assert (first.name, first.path.read_bytes()) == ("kinetics600-22k", b"weights")
    assert sorted(p.name for p in first.path.parent.iterdir()) == [
        OFFICIAL_FILE,
        OFFICIAL_FILE + ".sha256",
    ]
    (mirror / OFFICIAL_FILE).unlink()
    assert resolve("swin3d_b", "kinetics600-22k") == first  # no mirror needed any more
    first.path.write_bytes(b"changed")
    with pytest.raises(ExtractorError, match=r"has changed or is incomplete.*delete it to fetch"):
        resolve("swin3d_b", "kinetics600-22k")


def test_publishers_hash_is_checked(mirror: Path) -> None:
    (mirror / "swin3d_t-7615ae03.pth").write_bytes(b"not what torchvision published")
    with pytest.raises(ExtractorError, match=r"KINETICS400_V1: .* cannot be fetched .invalid hash"):
        resolve("swin3d_t", "KINETICS400_V1")
    assert list((mirror.parent / "cache").iterdir()) == []  # nothing half-fetched stays


def test_a_download_that_breaks_off_is_not_kept(mirror: Path, monkeypatch) -> None:
    class BreaksOff(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"w" * 600)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), BreaksOff) as server:
        threading.Thread(target=server.handle_request).start()
        monkeypatch.setenv("AQA_WEIGHTS_URL", f"http://127.0.0.1:{server.server_port}/")
        with pytest.raises(ExtractorError, match=r"fetched \(it broke off after 600 of 1000 bytes"):
            resolve("swin3d_b", "kinetics600-22k")
    assert list((mirror.parent / "cache").iterdir()) == []


FETCH = (
    "from extractors.backbones.weights import resolve; "
    "print(resolve('swin3d_b', 'kinetics600-22k').path)"
)


def test_two_processes_that_fetch_at_once(mirror: Path) -> None:
    content = bytes(range(256)) * 80_000
    (mirror / OFFICIAL_FILE).write_bytes(content)
    processes = [
        subprocess.Popen([sys.executable, "-c", FETCH], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    paths = {Path(process.communicate(timeout=60)[0].decode().strip()) for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    (path,) = paths
    assert path.read_bytes() == content
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, path.name + ".sha256"]


def test_progress_is_shown(mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mirror / OFFICIAL_FILE).write_bytes(bytes(1_500_000))
    resolve("swin3d_b", "kinetics600-22k")
    first, last = capsys.readouterr().err.splitlines()
    assert first == f"downloading {mirror.as_uri()}/{OFFICIAL_FILE} to {mirror.parent / 'cache'}"
    assert last == "  1.5 of 1.5 MB"


@pytest.mark.parametrize("address", ["nowhere", "http://127.0.0.1:9/", "ftp://[::"])
def test_an_address_that_is_none(mirror: Path, monkeypatch, address: str) -> None:
    monkeypatch.setenv("AQA_WEIGHTS_URL", address)
    with pytest.raises(ExtractorError, match=r"kinetics600-22k: .* cannot be fetched \(.+\); put"):
        resolve("swin3d_b", "kinetics600-22k")


def test_a_cache_folder_that_is_a_file(mirror: Path) -> None:
    (mirror / OFFICIAL_FILE).write_bytes(b"weights")
    (mirror.parent / "cache").write_text("")
    with pytest.raises(ExtractorError, match=r"cannot be fetched \(.*File exists"):
        resolve("swin3d_b", "kinetics600-22k")


def test_a_file_put_into_the_cache_by_hand_is_checked(mirror: Path) -> None:
    cache = mirror.parent / "cache"
    cache.mkdir()
    (cache / "swin3d_t-7615ae03.pth").write_bytes(b"wrong")
    with pytest.raises(ExtractorError, match="expected 7615ae03"):
        resolve("swin3d_t", "KINETICS400_V1")


def test_unreachable_says_where_from_and_where_to(mirror: Path) -> None:
    with pytest.raises(ExtractorError) as error:
        resolve("swin3d_b", "kinetics600-22k")
    assert f"{mirror.as_uri()}/{OFFICIAL_FILE} cannot be fetched" in str(error.value)
    assert f"put the file {OFFICIAL_FILE} into {mirror.parent / 'cache'}" in str(error.value)


@pytest.mark.parametrize(
    ("architecture", "name", "words"),
    [
        ("swin3d_t", "kinetics600-22k", "no name for swin3d_t .names: kinetics400-1k, KINETICS"),
        ("swin3d_mini", "KINETICS400_V1", "no name for swin3d_mini .names: none published"),
        ("swin3d_b", "missing.pth", "weights 'missing.pth': no such file, and no name"),
    ],
)
def test_unknown_names(architecture: str, name: str, words: str) -> None:
    with pytest.raises(ExtractorError, match=words):
        resolve(architecture, name)


def test_files_are_named_by_what_they_are(tmp_path: Path) -> None:
    own, official = tmp_path / "own.pth", tmp_path / OFFICIAL_FILE
    for path in (own, official):
        path.write_bytes(b"weights")
    assert resolve("swin3d_b", own).name == f"file:{sha256_of(own)[:12]}"
    assert resolve("swin3d_b", str(official)).name == "kinetics600-22k"
    pretender = tmp_path / "swin3d_t-7615ae03.pth"
    pretender.write_bytes(b"weights")
    assert resolve("swin3d_t", pretender).name.startswith("file:")


def test_torchvisions_addresses_are_torchvisions() -> None:
    published = {
        (p.architecture, p.name): f"{p.base}/{p.file}"
        for p in PUBLISHED
        if "download.pytorch.org" in p.base
    }
    known = {
        (enum.__name__.removesuffix("_Weights").lower(), entry.name): entry.url
        for enum in (video.Swin3D_T_Weights, video.Swin3D_S_Weights, video.Swin3D_B_Weights)
        for entry in enum
    }
    assert published == known


def test_from_name_to_features(mirror: Path, monkeypatch) -> None:
    """The whole way with a small network standing in for a published one."""
    small = Published("swin3d_mini", "tiny-v1", weights._OFFICIAL, "tiny.pth")
    monkeypatch.setattr(weights, "PUBLISHED", (small,))
    trunk = build_backbone("swin3d_mini", seed=3)
    torch.save(trunk.trunk.state_dict(), mirror / "tiny.pth")
    got = build_backbone("swin3d_mini", "tiny-v1")
    assert got.identity.weights == "tiny-v1"
    assert got.identity.weights_digest == trunk.identity.weights_digest
