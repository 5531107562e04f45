"""Extraction in this process, without Ray: one backbone shared by a few threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from pipeline.extraction.stages.spec import ExtractionSpec, FeatureExtractor, Row, decode_batches
from pipeline.footage.videos import Video


def extract_rows(
    video: Video, spec: ExtractionSpec, extractor: FeatureExtractor, workers: int | None = None
) -> Iterator[Row]:
    """Feature rows of one video, in order. torch frees the interpreter while it computes, so on the
    CPU a thread per core runs the backbone; at most twice as many batches wait in memory."""
    import torch

    threads = (workers or os.cpu_count() or 1) if spec.device == "cpu" else 1
    waiting: deque[Future[Row]] = deque()
    torch_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            for row in decode_batches(video, spec):
                waiting.append(pool.submit(extractor, row))
                while len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        torch.set_num_threads(torch_threads)
