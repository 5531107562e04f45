"""Feeds damaged inputs to the readers and counts how each ends: ``make fuzz``.

    python tests/fuzz/run.py --mutants 10000 --processes 2 --output fuzz-run

Mutant number n is the same in every run. What was done is in ``OUTPUT/verdicts.jsonl``; the same
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

from extractors import ExtractorError, open_clips

STALL_S = 20.0
LIMIT_S = 60.0
CLIPS = 500  # more of one mutant are not read
BATCH = 50
MAY_BE = ("frames", "refused", "time limit")


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


def mutant(number: int, seeds: dict[str, bytes]) -> tuple[str, bytes]:
    """(name, content) of this one."""
    rng = np.random.default_rng(number)
    name = sorted(seeds)[int(rng.integers(len(seeds)))]
    return f"{number}-{name}", containers.mutated(name, seeds[name], rng)


def verdicts(numbers: Iterable[int], seeds: dict[str, bytes]) -> Iterator[dict[str, object]]:
    with TemporaryDirectory() as folder:
        for number in numbers:
            name, content = mutant(number, seeds)
            path = Path(folder) / name
            path.write_bytes(content)
            kind, said = verdict(path)
            path.unlink()
            yield {
                "number": number,
                "name": name,
                "verdict": kind,
                "said": said.replace(folder, ""),
            }


def _batch(numbers: range, seeds: dict[str, bytes]) -> list[dict[str, object]]:
    return list(verdicts(numbers, seeds))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("fuzz-run"))
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    record = asked.output / "verdicts.jsonl"
    lines = record.read_text().splitlines() if record.exists() else []
    known = [json.loads(line) for line in lines]
    done = {entry["number"] for entry in known}
    with TemporaryDirectory() as folder:
        seeds = containers.write_seeds(Path(folder))
    batches = [range(at, min(at + BATCH, asked.mutants)) for at in range(0, asked.mutants, BATCH)]
    left = [batch for batch in batches if not done.issuperset(batch)]
    with ProcessPoolExecutor(asked.processes) as pool, record.open("a") as file:
        for found in pool.map(_batch, left, [seeds] * len(left)):
            for entry in found:
                if entry["number"] in done:
                    continue
                known.append(entry)
                file.write(json.dumps(entry) + "\n")
                if entry["verdict"] not in MAY_BE:
                    (asked.output / str(entry["name"])).write_bytes(
                        mutant(int(entry["number"]), seeds)[1]
                    )
            file.flush()
            print(f"\r{len(known)} of {asked.mutants}", end="", file=sys.stderr, flush=True)
    counts = Counter(entry["verdict"] for entry in known)
    print("\n" + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))
    for entry in known:
        if entry["verdict"] not in MAY_BE:
            print(f"{entry['name']}: {entry['verdict']}: {entry['said']}")
    return int(bool(set(counts) - set(MAY_BE)))


if __name__ == "__main__":
    sys.exit(main())
