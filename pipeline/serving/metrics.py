"""What Prometheus reads of a server."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.serving.store import Store
from pipeline.serving.uploads import Uploads
from pipeline.serving.work import Work


def metrics_text(store: Store, work: Work, uploads: Uploads, answers: Mapping[int, int]) -> str:
    """In Prometheus' text format. ``answers``: HTTP answers by status."""
    videos = GaugeMetricFamily("aqa_videos", "Videos that are kept.", labels=["state"])
    for state, count in store.counts().items():
        videos.add_metric([state], count)
    requests = CounterMetricFamily("aqa_http_answers", "HTTP answers.", labels=["status"])
    for status, count in sorted(answers.items()):
        requests.add_metric([str(status)], count)
    families: list[Metric] = [
        videos,
        requests,
        CounterMetricFamily("aqa_clips", "Clips computed since the start.", value=work.clips),
        GaugeMetricFamily(
            "aqa_clips_per_second", "Clips computed lately.", value=work.clips_per_s() or 0.0
        ),
        CounterMetricFamily(
            "aqa_upload_bytes", "Bytes received since the start.", value=uploads.bytes
        ),
    ]
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return generate_latest(registry).decode()


class _Collected:
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families
