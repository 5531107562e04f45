"""A server on Ray Serve: what comes out, what is kept through kills, and its page in a browser."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from quick import COMMAND, TINY_SPEC

from aqa import load_config, load_dataset, save_checkpoint, train
from aqa.data import FeatureFolder
from pipeline.demo.drawn import random_routine, write_video
from pipeline.extraction import feature_origin

LIMIT_S = 100.0
SMALL = ["model.members=2", "model.waves=64"]


@dataclass(frozen=True)
class Server:
    address: str
    process: subprocess.Popen[str]
    folder: Path

    def web(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=60)

    def send(self, video: Path, name: str = "") -> dict[str, Any]:
        with self.web() as web:
            named = {"name": name or video.name}
            answer = web.post("/v1/score", params=named, content=video.read_bytes())
        assert answer.status_code == 202, answer.text
        return answer.json()

    def job(self, job_id: str) -> dict[str, Any]:
        with self.web() as web:
            return web.get(f"/v1/jobs/{job_id}").json()

    def wait(self, job_id: str, *states: str) -> dict[str, Any]:
        ends = time.monotonic() + LIMIT_S
        while (found := self.job(job_id))["state"] not in (states or ("done", "failed")):
            assert time.monotonic() < ends, found
            time.sleep(0.1)
        return found

    def replicas(self, kind: str) -> list[psutil.Process]:
        """Their processes, by the name that Ray gives them."""
        app = "aqa-" + hashlib.sha256(str(self.folder).encode()).hexdigest()[:10]
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if f"ServeReplica:{app}-{kind}" in " ".join(process.info["cmdline"] or ())
        ]


@contextmanager
def running(
    folder: Path, checkpoint: Path, *options: object, **environment: str
) -> Iterator[Server]:
    """In a folder for temporary files of its own: Ray's sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix="aqa") as temporary, (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0", "--folder", folder / "data", "--checkpoint",
             checkpoint, *map(str, options)],
            env=os.environ | {"TMPDIR": temporary} | environment,
            cwd=folder, text=True, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
        try:
            found = None
            for line in process.stdout:
                if found := re.search(r"http://\S+", line):
                    break
            assert found, (folder / "log").read_text()
            yield Server(found[0], process, folder / "data")
        finally:
            process.terminate()
            process.wait(60)
            process.stdout.close()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on features of the small backbone that are noise: it scores, whatever that means."""
    place = tmp_path_factory.mktemp("model")
    origin, random = feature_origin(TINY_SPEC), np.random.default_rng(0)
    folder, labels = FeatureFolder(place / "features"), ["id,score"]
    folder.write_origin(origin, {})
    for number in range(24):
        features = random.normal(size=(10, 24)).astype(np.float32)
        folder.save(f"v{number}", features, origin, {})
        labels.append(f"v{number},{10 * features[:, 0].mean():.3f}")
    (place / "scores.csv").write_text("\n".join(labels) + "\n")
    config = load_config("own", SMALL)
    dataset = load_dataset(config, features=place / "features", labels=place / "scores.csv")
    return save_checkpoint(train(config, dataset, seed=0), place / "model.pt")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, random = tmp_path_factory.mktemp("videos"), np.random.default_rng(0)
    paths = [folder / f"{number}.mp4" for number in range(4)]
    for path, elements in zip(paths, (3, 8, 20, 150), strict=True):
        write_video(path, random_routine(random, elements), random)
    return paths


@pytest.fixture(scope="module")
def server(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("serve"), checkpoint) as started:
        yield started


def test_what_comes_out_is_what_score_says(
    server: Server, checkpoint: Path, videos: list[Path], cli: Callable[..., Any]
) -> None:
    named = {videos[0]: "a b\u00fc.mp4", videos[1]: "<i>'.mp4", videos[2]: "c.mp4"}
    jobs = {video: server.send(video, name) for video, name in named.items()}
    twice = server.send(videos[1], "again.mp4")
    alone = cli("score", *named, "--checkpoint", checkpoint, "--json")
    expected = {Path(each["video"]): each for each in json.loads(alone.stdout)["results"]}
    for video, sent in jobs.items():
        job = server.wait(sent["id"])
        assert job["state"] == "done", job["error"]
        (result,) = job["results"]
        wanted = expected[video] | {"video": named[video], "checkpoint": "model.pt"}
        assert json.loads(json.dumps(result)) == wanted
    same = server.wait(twice["id"])
    assert same["results"][0]["score"] == expected[videos[1]]["score"]
    assert len(list((server.folder / "uploads").iterdir())) == 3


def test_everything_can_be_had_and_no_place_is_named(server: Server, videos: list[Path]) -> None:
    job = server.wait(server.send(videos[1], "mine.mp4")["id"])
    base = f"/v1/jobs/{job['id']}"
    with server.web() as web:
        answers = {
            path: web.get(path)
            for path in (base, f"{base}/report", f"{base}/report?download=true", "/v1/jobs", "/",
                         f"{base}/results.json", "/openapi.json", "/docs", "/metrics", "/healthz")
        }  # fmt: skip
        for path, answer in answers.items():
            assert answer.status_code == 200, path
            assert str(server.folder.parent) not in answer.text and "/tmp" not in answer.text, path
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert (
            answers[f"{base}/report?download=true"]
            .headers["content-disposition"]
            .endswith("mine.html")
        )
        part = web.get(f"{base}/video", headers={"range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, videos[1].read_bytes()[100:200])
        assert part.headers["content-type"] == "video/mp4"
        pictures = zipfile.ZipFile(io.BytesIO(web.get(f"{base}/thumbnails.zip").content))
        assert len(pictures.namelist()) == len(job["results"][0]["clips"]) == 8
        assert pictures.read(pictures.namelist()[0])[:2] == b"\xff\xd8"
        assert 'aqa_videos{state="done"}' in answers["/metrics"].text
        other = server.wait(server.send(videos[0], "mine.mp4")["id"])
        pair = {"first": job["id"], "second": other["id"]}
        shown = web.get("/v1/compare", params=pair).text
        assert "mine.mp4 (2)" in shown and str(server.folder.parent) not in shown
        assert "--checkpoint model.pt --report report.html --align phase" in shown
        assert web.get("/v1/compare", params=pair | {"second": job["id"]}).status_code == 409
        assert web.get("/v1/jobs/none").status_code == 404


def test_what_is_not_taken_is_one_line(server: Server, videos: list[Path], tmp_path: Path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(videos[2].read_bytes()[:-3000])
    with server.web() as web:

        def post(name: str, content: bytes, **headers: str) -> tuple[int, str]:
            answer = web.post("/v1/score", params={"name": name}, content=content, headers=headers)
            return answer.status_code, answer.json()["detail"]

        before = len(web.get("/v1/jobs").json()["jobs"])
        status, said = post("cut.mp4", cut.read_bytes())
        assert status == 422 and said.startswith("cut.mp4: ") and "\n" not in said
        assert "/" not in said.replace("and/or", "")
        assert post("a.html", b"<script>")[0] == 415
        form = {"content-type": "multipart/form-data; boundary=x"}
        assert "--data-binary" in post("a.mp4", b"--x", **form)[1]
        assert len(web.get("/v1/jobs").json()["jobs"]) == before


def test_a_replica_that_is_killed_loses_nothing(server: Server, videos: list[Path]) -> None:
    job = server.send(videos[3], "long.mp4")
    server.wait(job["id"], "running", "done")
    assert len(server.replicas("backbone")) == 2
    for replica in server.replicas("backbone"):
        replica.kill()
    after = server.send(videos[0], "after.mp4")
    done = server.wait(job["id"])
    assert done["state"] == "done", done["error"]
    assert len(done["results"][0]["clips"]) == 150
    assert server.wait(after["id"])["state"] == "done"


def test_deleted_is_gone(server: Server, videos: list[Path]) -> None:
    job = server.wait(server.send(videos[3], "gone.mp4")["id"])
    with server.web() as web:
        for each in web.get("/v1/jobs", params={"search": "long"}).json()["jobs"]:
            assert web.delete(f"/v1/jobs/{each['id']}").status_code == 204
        assert web.get(f"/v1/jobs/{job['id']}/report").status_code == 200
        assert web.delete(f"/v1/jobs/{job['id']}").status_code == 204
        assert web.get(f"/v1/jobs/{job['id']}").status_code == 404
    kept = [*(server.folder / "uploads").iterdir(), *(server.folder / "features").glob("*.npy")]
    assert max(path.stat().st_size for path in kept) < videos[3].stat().st_size


def until(page: Any, expression: str) -> None:
    """Playwright's own waiting evaluates text in the page, which its policy forbids."""
    ends = time.monotonic() + 30
    while not page.evaluate(expression):
        assert time.monotonic() < ends, expression
        time.sleep(0.05)


def test_the_page_in_a_browser(server: Server, videos: list[Path]) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian package chromium)")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_context(locale="en", viewport={"width": 1000, "height": 900}).new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(server.address)
        page.locator("input[type=file]").set_input_files([
            {"name": name, "mimeType": "video/mp4", "buffer": videos[number].read_bytes()}
            for number, name in enumerate(("page0.mp4", "<img src=x onerror=alert(1)>.mp4"))
        ])  # fmt: skip
        page.get_by_role("link", name="Report: page0.mp4").wait_for()
        page.get_by_role("link", name="Report: <img src=x").wait_for()
        assert page.locator("td img").count() == 0
        page.get_by_role("searchbox").fill("page0")
        page.get_by_role("link", name="Report: <img").wait_for(state="detached")
        page.get_by_role("searchbox").fill("")
        page.get_by_role("checkbox", name="Choose: <img").check()
        page.get_by_role("checkbox", name="Choose: page0.mp4").check()
        assert Axe().run(page).violations_count == 0
        for width in (360, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            for language in ("de", "fr", "ja", "zh", "en"):
                page.locator("header select").select_option(language)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name="Compare").click()
        page.wait_for_selector("#comparison-0 canvas")
        ready = "[...document.querySelectorAll('.pair video')].every(v => v.readyState > 1)"
        until(page, ready)
        page.go_back()
        page.get_by_role("link", name="Report: page0.mp4").click()
        until(page, "document.querySelector('video').readyState > 1")
        page.locator(".u-over").first.click()
        assert page.evaluate("document.querySelector('video').currentTime") > 0.5
        page.go_back()
        assert problems == []
        page.locator("input[type=file]").set_input_files(
            {"name": "no.mp4", "mimeType": "video/mp4", "buffer": b"words"}
        )
        page.get_by_text("no.mp4: no video that can be read").wait_for()
        page.get_by_role("button", name="Delete: page0.mp4").click()
        page.get_by_role("button", name="Delete: page0.mp4").wait_for(state="detached")
        browser.close()
    # That a file was refused the browser notes, too.
    assert all("422" in line for line in problems)


def test_a_server_that_is_killed_goes_on(
    server: Server, checkpoint: Path, videos: list[Path]
) -> None:
    """The last test of this server: another takes its folder."""
    jobs = [server.send(video, f"kept-{video.name}") for video in (videos[3], *videos[:2])]
    server.wait(jobs[0]["id"], "running", "done")
    server.process.kill()
    with running(server.folder.parent, checkpoint) as again:
        done = [again.wait(job["id"]) for job in jobs]
        assert [job["state"] for job in done] == ["done"] * 3, done
        assert [len(job["results"][0]["clips"]) for job in done] == [150, 3, 8]


def test_on_a_cluster(
    ray_cluster: Callable[..., Any], checkpoint: Path, videos: list[Path], tmp_path: Path
) -> None:
    with ray_cluster({"num_cpus": 1}, {"num_cpus": 1}) as cluster:
        options = ("--ray-address", cluster.address)
        with running(tmp_path, checkpoint, *options, **cluster.environment) as server:
            job = server.wait(server.send(videos[2])["id"])
            assert job["state"] == "done", job
            assert len(server.replicas("backbone")) == 2
        assert server.replicas("backbone") == []  # the cluster goes on without it
