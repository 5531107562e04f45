"""``aqa-pipeline data``: what is there of published data sets, and how more comes in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.options import DataRoot, Json, Quiet, Version, guarded
from pipeline.errors import UsageError
from pipeline.workspace import Console

data = typer.Typer(
    name="data",
    help="The published data sets: what is there, whether it is whole, how it comes in.",
    invoke_without_command=True,
    no_args_is_help=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="fisv, rg or logo.")]


@data.callback()
def _data(
    context: typer.Context,
    data_root: DataRoot = None,
    json: Json = False,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """What there is of the published data sets below the data root.

    Alone: a table of their parts against what was published, what is missing, what
    cannot be read, what is there twice, and which commands the parts are for.
    """
    if context.invoked_subcommand is None:
        guarded(_stock)(data_root, json, quiet)


def _stock(root: Path | None, json: bool, quiet: bool) -> int:
    from pipeline.datasets import take_stock
    from pipeline.reports import print_document
    from pipeline.workspace import data_root, load_settings

    settings, console = load_settings(), Console(quiet, json)
    states = take_stock(data_root(root, settings), settings.raw)
    if json:
        print_document({"datasets": [state.to_dict() for state in states]})
        return 0
    for state in states:
        if not any(row.found for row in state.rows):
            console.result(f"{state.name}: nothing is there (aqa-pipeline data where "
                           f"{state.name.split()[0]})")  # fmt: skip
            continue
        rows = [
            (row.part, str(row.found), str(row.expected or ""), "; ".join(row.notes))
            for row in state.rows
        ]
        console.table(state.name, ["part", "there", "published", ""], rows)
        for line in state.allows:
            console.note(f"  allows: {line}")
    return 0


def check(
    dataset: Dataset,
    root: Annotated[Path | None, typer.Option("--data-root", help="As for `data`.")] = None,
    output: Annotated[
        Path, typer.Option(help="Folder for the report, and for what is done so far.")
    ] = Path("data-check"),
    against: Annotated[
        Path | None, typer.Option(help="A report of another copy, to be compared with.")
    ] = None,
    processes: Annotated[int, typer.Option(min=0, help="0: one per core.")] = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Reads every file of a data set, and gives a digest of each and of the whole.

    Two copies whose digests are equal are the same data, wherever they lie. Broken
    off, it goes on; what has not changed since is not read again.
    """
    from pipeline.datasets import Report, check_dataset, differences, read_report
    from pipeline.footage import footage_dataset
    from pipeline.reports import print_document
    from pipeline.workspace import counted, data_root, load_settings, require_writable

    settings, console = load_settings(), Console(quiet, json)
    kind, kept = footage_dataset(dataset), output / f"{dataset}.json"
    theirs = None if against is None else read_report(against)
    require_writable(output)
    count, report = processes or len(os.sched_getaffinity(0)), None
    place = data_root(root, settings)
    with console.progress(f"check {dataset}", 0, "file") as progress:
        for step in check_dataset(kind, place, settings.raw.get(dataset), kept, count):
            if isinstance(step, Report):
                report = step
            else:
                progress.total = step[1]
                progress.advance(by=step[0] - progress.done)
    ours = report.to_dict()
    apart = [] if theirs is None else differences(ours, theirs)
    if json:
        print_document(ours | ({"differences": apart} if theirs is not None else {}))
    else:
        for part, many in report.counts.items():
            digest = f", {report.digests[part]}" if many else ""
            console.result(f"{part}: {counted(many, 'file')}{digest}")
        console.result(f"all of {dataset}: {report.digests['all']}")
        if theirs is not None:
            console.result("the same data" if not apart else f"not the data of {against}:")
        for line in apart:
            console.result(f"  {line}")
    for line in report.problems:
        console.error(line)
    console.note(f"report: {kept}")
    return 1 if report.problems or apart else 0


def bring(
    dataset: Dataset,
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE...", help="Archives and folders.")
    ],
    root: Annotated[Path | None, typer.Option("--data-root", help="As for `data`.")] = None,
    move: Annotated[bool, typer.Option("--move", help="Move files instead of linking.")] = False,
    copy: Annotated[bool, typer.Option("--copy", help="Copy files instead of linking.")] = False,
    stream: Annotated[
        str | None, typer.Option(help="Which stream, where a file holds several.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Folder for the features, for others than the published ones."),
    ] = None,
    channels: Annotated[
        int | None, typer.Option(min=1, help="Width of the features. Default: as published.")
    ] = None,
    axes: Annotated[
        Literal["TC", "CT"] | None, typer.Option(help="Which axis of the arrays is time.")
    ] = None,
    pool: Annotated[
        Literal["mean"] | None, typer.Option(help="Over an axis between time and channels.")
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Lays out what you have as the readers expect it: archives, folders, other layouts.

    Files are linked, not copied; nothing is overwritten; what was turned into what
    stands in imports.jsonl. What may be meant in two ways is asked for.
    """
    from pipeline.datasets import Turning, Wish, bring_in
    from pipeline.footage import footage_dataset
    from pipeline.workspace import counted, data_root, load_settings

    if move and copy:
        raise UsageError("--move or --copy, not both")
    console, kind = Console(quiet), footage_dataset(dataset)
    way = "move" if move else "copy" if copy else "link"
    turning = Turning(channels or kind.published.channels, axes, pool)
    place = data_root(root, load_settings())
    with console.progress(f"import {dataset}", 0, "file") as progress:

        def show(so_far: object) -> None:
            progress.total = sum(so_far.came.values()) + sum(so_far.there.values())
            progress.advance(by=progress.total - progress.done)

        wish = Wish(way, turning, stream, name)
        done = bring_in(kind, sources, place, wish, show)
    for part, many in done.came.items():
        more = f", {done.turned[part]} of them turned" if done.turned[part] else ""
        console.result(f"{part}: {counted(many, 'file')}{more}")
    for part, many in done.there.items():
        console.result(f"{part}: {counted(many, 'file')} there already")
    if not (done.came or done.there or done.failures):
        console.result("nothing came in")
    for line in dict.fromkeys(done.notes):
        console.note(line)
    console.failures(done.failures)
    console.note(f"in {place / kind.published.home}")
    return 1 if done.failures else 0


def export(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="fisv, rg, logo or own.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    format: Annotated[
        Literal["parquet", "webdataset"], typer.Option(help="Of the `datasets` library, or tars.")
    ] = "parquet",
    features: Annotated[
        Path | None, typer.Option(help="Of own: the feature folder. Else: another than usual.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Of own: id,score[,split].")] = None,
    root: Annotated[Path | None, typer.Option("--data-root", help="As for `data`.")] = None,
    quiet: Quiet = False,
) -> int:
    """Features and scores as other tools read them: Parquet, or WebDataset shards.

    Every number is kept to the bit, and what is known of the extraction goes along:
    `data restore FOLDER NEW_FOLDER` makes feature files and a table of it again.
    """
    from aqa.data import FeatureFolder, read_table
    from pipeline.datasets import every_part, samples_of
    from pipeline.datasets import export as write
    from pipeline.footage import footage_dataset
    from pipeline.workspace import counted, data_root, load_settings

    console, known = Console(quiet), {}
    if dataset == "own":
        if features is None or labels is None:
            raise UsageError("data export own: give --features DIR and --labels FILE")
        table, place, names = read_table(labels), FeatureFolder(features), None
        for split, rows in (("train", table.train), ("test", table.test)):
            known |= {row.video_id: (split, {"score": row.score}) for row in rows}
    else:
        settings = load_settings()
        parts = every_part(footage_dataset(dataset), data_root(root, settings))
        names = [name for part in parts for name in part.features]
        found = features or next((part.features_at for part in parts if part.features_at), None)
        if found is None:
            raise UsageError(next(why for part in parts for why in part.missing.values()))
        place = FeatureFolder(found)
        for part in parts:
            for score, table in part.labels.items():
                for split, rows in (("train", table.train), ("test", table.test)):
                    for row in rows:
                        known.setdefault(row.video_id, (split, {}))[1][score] = row.score
    names = place.ids() if names is None or features is not None else names
    samples = samples_of(place, names, known)
    with console.progress(f"export {dataset}", len(names), "video") as progress:
        for _ in write(samples, folder, format, dataset, place.origin()):
            progress.advance()
    console.result(f"{folder}: {counted(len(names), 'video')}")
    return 0


def restore(
    source: Annotated[Path, typer.Argument(metavar="EXPORT", help="What `data export` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    quiet: Quiet = False,
) -> int:
    """What `data export` wrote as feature files and a table of labels again, bit for bit."""
    from pipeline.datasets import restore as read

    console = Console(quiet)
    with console.progress("restore", 0, "video") as progress:
        for _ in read(source, folder):
            progress.total += 1
            progress.advance()
    console.result(f"{folder}: features/, labels.csv")
    return 0


def where(dataset: Dataset, json: Json = False, quiet: Quiet = False) -> int:
    """Where its publishers offer a data set, under which terms, and what to do with it next.

    Nothing is fetched: this is what their pages said on the day that is given.
    """
    from pipeline.datasets import where_of
    from pipeline.reports import print_document

    found, console = where_of(dataset), Console(quiet, json)
    if json:
        print_document(found)
        return 0
    console.result(found["title"])
    for part in found["parts"]:
        console.result(f"\n{part['part']}, by {part['by']}")
        for key in ("page", "called", "size", "terms", "read", "then"):
            console.result(f"  {key}: {part[key]}")
    return 0


for _command, _name in (
    (check, "check"),
    (bring, "import"),
    (where, "where"),
    (export, "export"),
    (restore, "restore"),
):
    data.command(_name)(guarded(_command, resumes=_command not in (export, restore)))
