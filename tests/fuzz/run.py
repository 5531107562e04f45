"""Feeds damaged inputs to the readers and counts how each ends: ``make fuzz``.

    python tests/fuzz/run.py --videos 10000 --documents 10000 --processes 2 --output fuzz-run

Documents are feature files, labels, lists, configs, pickles and checkpoints. Mutant number n is the
same in every run. What was done is in ``OUTPUT/videos.jsonl`` and ``documents.jsonl``; the same
command goes on after it. A mutant that ends in another way than it may is kept in ``OUTPUT``; then
the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import containers
import documents

from extractors import ExtractorError, open_clips

STALL_S = 20.0
LIMIT_S = 60.0
CLIPS = 500  # more of one mutant are not read
BATCH = 50
MAY_BE = ("frames", "read", "refused", "time limit")
SUBJECTS = {"videos": containers, "documents": documents}


def verdict(path: Path) -> tuple[str, str]:
    """How reading it ends, and what is said: one of ``MAY_BE``, or else a finding."""
    began = time.monotonic()
    try:
        with open_clips(path, "mini16x112", stall_limit_s=STALL_S) as stream:
            for number, _ in enumerate(stream):
                if number == CLIPS:
                    break
                if time.monotonic() - began > LIMIT_S:
                    return "slow", f"{number} of {len(stream)} clips in {LIMIT_S:g} s"
            return "frames", f"{len(stream)} clips"
    except ExtractorError as error:
        said = str(error)
        if "gave nothing for" in said:
            return "time limit", said
        one_line = said.count("\n") == 0 and path.name in said
        # What nobody foresaw is named, but is a fault of ours.
        foreseen = "is the file damaged, its storage out of reach, memory short?" not in said
        return ("refused" if one_line and foreseen else "unforeseen"), said
    except Exception as error:
        return "raised", f"{type(error).__name__}: {error}"


def mutant(number: int, seeds: dict[str, bytes], subject: str = "videos") -> tuple[str, bytes]:
    """(name of its seed, content) of this one."""
    rng = np.random.default_rng(number)
    name = sorted(seeds)[int(rng.integers(len(seeds)))]
    return name, SUBJECTS[subject].mutated(name, seeds[name], rng)


def verdicts(
    numbers: Iterable[int], seeds: dict[str, bytes], subject: str = "videos"
) -> Iterator[dict[str, object]]:
    with TemporaryDirectory() as folder:
        for number in numbers:
            seed, content = mutant(number, seeds, subject)
            # Some documents are known by their name.
            name = f"{number}-{seed}" if subject == "videos" else seed
            path = Path(folder) / name
            path.write_bytes(content)
            ended = verdict(path) if subject == "videos" else documents.verdict(path, seed)
            kind, said = ended
            path.unlink()
            yield {
                "number": number,
                "name": name,
                "verdict": kind,
                "said": said.replace(folder, ""),
            }


def _batch(numbers: range, seeds: dict[str, bytes], subject: str) -> list[dict[str, object]]:
    return list(verdicts(numbers, seeds, subject))


def fuzz(subject: str, mutants: int, processes: int, output: Path) -> bool:
    """Goes on with a subject to this number of mutants; whether each ended as it may."""
    record = output / f"{subject}.jsonl"
    lines = record.read_text().splitlines() if record.exists() else []
    known = [json.loads(line) for line in lines]
    done = {entry["number"] for entry in known}
    with TemporaryDirectory() as folder:
        seeds = SUBJECTS[subject].write_seeds(Path(folder))
    batches = [range(at, min(at + BATCH, mutants)) for at in range(0, mutants, BATCH)]
    left = [batch for batch in batches if not done.issuperset(batch)]
    with ProcessPoolExecutor(processes) as pool, record.open("a") as file:
        for found in pool.map(_batch, left, [seeds] * len(left), [subject] * len(left)):
            for entry in found:
                if entry["number"] in done:
                    continue
                known.append(entry)
                file.write(json.dumps(entry) + "\n")
                if entry["verdict"] not in MAY_BE:
                    number = int(entry["number"])
                    seed, content = mutant(number, seeds, subject)
                    (output / f"{number}-{seed}").write_bytes(content)
            file.flush()
            print(f"\r{len(known)} of {mutants} {subject}", end="", file=sys.stderr, flush=True)
    counts = Counter(entry["verdict"] for entry in known)
    print(f"\n{subject}: " + ", ".join(f"{n} {kind}" for kind, n in counts.most_common()))
    for entry in known:
        if entry["verdict"] not in MAY_BE:
            print(f"{entry['number']} {entry['name']}: {entry['verdict']}: {entry['said']}")
    return set(counts) <= set(MAY_BE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for subject in SUBJECTS:
        parser.add_argument(f"--{subject}", type=int, default=10_000, help="how many mutants")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("fuzz-run"))
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    good = [
        fuzz(subject, getattr(asked, subject), asked.processes, asked.output)
        for subject in SUBJECTS
    ]
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
