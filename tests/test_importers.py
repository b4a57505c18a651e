"""The test kit that every importer passes, over a small sample of made-up rows in its form.

A sample is whole, in `tests/data/imports/FOLDER`. Here it is gzipped, cut, given other columns,
doubled, emptied and spoilt. Whatever happens to a file, the rows that were read are those that
were used, skipped or rejected; nothing without a name comes out; and what cannot be read says
which file, which line and why.
"""

from __future__ import annotations

import gzip
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pharmakon.errors import LoadError, PharmakonError
from pharmakon.importers import IMPORTERS, Claim, Importer, Record, Report, Thing, run
from pharmakon.importers.rdf import STATEMENTS

SAMPLES = Path(__file__).parent / "data" / "imports"

#: What of a row may be written with: every importer must survive it in any cell.
NOISE = "\x01\t\"'<>&;|,\\\x7fé\u2028𝛼"

every = pytest.mark.parametrize("importer", IMPORTERS.values(), ids=list(IMPORTERS))
every_table = pytest.mark.parametrize(
    ("importer", "name"),
    [
        pytest.param(one, table.name, id=f"{one.name}-{table.name}")
        for one in IMPORTERS.values()
        for table in one.tables
    ],
)


@pytest.fixture
def sample(importer: Importer, tmp_path: Path) -> Path:
    """A copy of an importer's sample, which a test may spoil."""
    return Path(shutil.copytree(SAMPLES / importer.folder, tmp_path / "sample"))


def imported(
    importer: Importer, folder: Path, *, keep_going: bool = True
) -> tuple[list[Record], Report]:
    found: list[Record] = []
    report = run(importer, folder, found.extend, keep_going=keep_going)
    return found, report


def survived(importer: Importer, folder: Path, name: str) -> list[Record]:
    """Return what is read of a spoilt file: what can be, or nothing and an error that names it."""
    try:
        found, report = imported(importer, folder)
    except PharmakonError as error:
        found, report, said = [], Report(), str(error)
    else:
        said = name
    assert name in said
    assert adds_up(report), "each row is used, skipped or rejected"
    assert all(one.line > 0 and one.reason for one in report.rejected)
    assert all(text.strip() for text in texts(found)), "nothing is without a name"
    return found


def adds_up(report: Report) -> bool:
    return report.read == report.used + sum(report.skipped.values()) + len(report.rejected)


def texts(records: list[Record]) -> Iterator[str]:
    for record in records:
        if isinstance(record, Thing):
            if not record.is_mapping:  # it names nothing, and joins what others name
                yield record.label
            yield from (record.key, *record.names, *record.same, *record.broader)
        elif isinstance(record, Claim):
            yield from (record.subject, record.record, record.comment)


@every
def test_a_sample_is_read_whole(importer: Importer, sample: Path):
    found, report = imported(importer, sample, keep_going=False)

    assert found, f"the sample of {importer.name} says nothing"
    assert report.rejected == []
    assert adds_up(report)


@every
def test_nothing_has_an_empty_name(importer: Importer, sample: Path):
    found, _ = imported(importer, sample)

    empty = [one for one in found if any(text != text.strip() or not text for text in texts([one]))]
    assert empty == []


@every
def test_a_key_is_a_curie_of_the_sources_own(importer: Importer, sample: Path):
    found, _ = imported(importer, sample)

    for one in found:
        if isinstance(one, Thing):
            prefix, colon, local = one.key.partition(":")
            assert colon, one
            assert prefix, one
            assert local, one
            assert prefix == prefix.lower(), one


@every
def test_a_gzipped_file_says_the_same(importer: Importer, sample: Path):
    plain = imported(importer, sample)
    for path in [path for path in sample.iterdir() if path.is_file()]:
        with gzip.open(f"{path}.gz", "wb") as packed:
            packed.write(path.read_bytes())
        path.unlink()

    assert imported(importer, sample) == plain


@every
def test_reading_again_says_the_same(importer: Importer, sample: Path):
    assert imported(importer, sample) == imported(importer, sample)


@every_table
def test_a_gzipped_file_that_is_cut_is_named(importer: Importer, name: str, sample: Path):
    whole = gzip.compress((sample / name).read_bytes())
    (sample / name).unlink()
    (sample / f"{name}.gz").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(LoadError, match="cut or damaged") as caught:
        imported(importer, sample)

    assert caught.value.path.endswith(f"{name}.gz")


@every_table
def test_a_file_that_is_cut_ends_with_a_row_that_is_rejected_or_in_an_error(
    importer: Importer, name: str, sample: Path
):
    whole = (sample / name).read_bytes()
    for part in (0.3, 0.5, 0.7, 0.9):
        (sample / name).write_bytes(whole[: int(len(whole) * part)])
        survived(importer, sample, name)


@every_table
def test_a_file_that_is_missing_is_named(importer: Importer, name: str, sample: Path):
    (sample / name).unlink()

    with pytest.raises(LoadError, match="no such file") as caught:
        imported(importer, sample)

    assert caught.value.path.endswith(name)


@every_table
def test_an_empty_file_is_no_row_or_an_error(importer: Importer, name: str, sample: Path):
    (sample / name).write_bytes(b"")

    survived(importer, sample, name)


@every_table
def test_a_file_of_another_kind_stops_the_import(importer: Importer, name: str, sample: Path):
    rows = "".join(f"this is line {number}, of a text\n" for number in range(200))
    (sample / name).write_text(rows, "utf-8")

    with pytest.raises(PharmakonError, match=name.replace(".", r"\.")):
        imported(importer, sample, keep_going=False)


@every_table
def test_a_row_that_comes_twice_says_the_same_twice(importer: Importer, name: str, sample: Path):
    once, _ = imported(importer, sample)
    lines = (sample / name).read_text("utf-8", "surrogateescape").splitlines(keepends=True)
    (sample / name).write_text("".join([*lines, lines[-1]]), "utf-8", "surrogateescape")

    twice = survived(importer, sample, name)

    # Of an array of JSON, no line can come twice.
    assert not twice or set(twice) >= set(once)


@every_table
@pytest.mark.parametrize("seed", range(10))
def test_rows_that_are_spoilt_are_rejected_and_the_others_are_read(
    importer: Importer, name: str, sample: Path, seed: int
):
    """One byte in a hundred is replaced by what does not belong there."""
    chance = random.Random(f"{importer.name} {name} {seed}")  # noqa: S311 - noise, no secret
    spoilt = bytearray((sample / name).read_bytes())
    noise = [*NOISE.encode(), 0x00, 0xFF, 0xE9]
    for place in chance.sample(range(len(spoilt)), max(1, len(spoilt) // 100)):
        spoilt[place] = chance.choice(noise)
    (sample / name).write_bytes(bytes(spoilt))

    survived(importer, sample, name)


@every_table
def test_empty_cells_make_no_thing_without_a_name(importer: Importer, name: str, sample: Path):
    lines = (sample / name).read_text("utf-8", "surrogateescape").splitlines()
    for separator in ("\t", ",", "|"):
        head, *rows = lines
        emptied = [separator * row.count(separator) for row in rows]
        (sample / name).write_text("\n".join([head, *emptied]) + "\n", "utf-8", "surrogateescape")
        survived(importer, sample, name)


@every
def test_many_broken_rows_stop_it_unless_told_otherwise(importer: Importer, sample: Path):
    name = importer.tables[0].name
    lines = (sample / name).read_bytes().splitlines(keepends=True)
    (sample / name).write_bytes(b"".join([*lines, b"\xff\xfe broken\n" * 500]))

    with pytest.raises(PharmakonError, match=name.replace(".", r"\.")):
        imported(importer, sample, keep_going=False)


@every
def test_it_says_what_it_is(importer: Importer):
    assert importer.title
    assert importer.publisher
    assert importer.licences or importer is STATEMENTS, "only its author knows"
    assert all(one.startswith("https://") for one in (*importer.licences, importer.homepage))
    assert importer.description.endswith(".")
    assert importer.release[:4].isdigit()
