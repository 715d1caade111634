"""Tables as text, a row a line: csv and tsv in any usual encoding, separator and way to write numbers."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from saln.datasets.charset import decode, guess_note
from saln.datasets.errors import DataError
from saln.datasets.tables import BLOCK, Opened
from saln.needs import extra_pilot

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SAMPLE = 1 << 16
"""Characters from which the separator is told."""
DECIMAL_COMMA = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$"
WHOLE = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)$"
STRAY_QUOTE = re.compile(r'(?:^|\t)"[^"\t\n]*[\t\n]', re.MULTILINE)
"""A quotation mark that opens a field of a tsv file and does not close it."""
MISSING = ("?",)
"""What is a missing value beside Arrow's own words."""


def open_delimited(path: Path, encoding: str | None = None) -> Opened:
    """Columns of a csv or tsv file, parsed once.

    Separators are commas, semicolons, tabs or bars, whichever divides the first lines best. Where they are no commas,
    a column of numbers with decimal commas is numbers. Empty values, `?`, and what Arrow takes for missing (NA, N/A,
    NaN, NULL and the like) are NaN among numbers and empty among texts. Blanks around names and values do not count.
    """
    with extra_pilot():
        import pyarrow
        import pyarrow.compute

    text, found = decode(path.read_bytes(), str(path), encoding)
    text = text.replace("\r\n", "\n")
    separator = _separator(text[:SAMPLE], preferred="\t" if path.suffix.lower() == ".tsv" else ",")
    table = _parsed(text, separator, str(path))
    names = [name.strip() for name in table.column_names]
    _refuse_numbers_as_names(names, str(path))
    places = {name: place for place, name in enumerate(names)}

    @cache
    def column(name: str) -> Any:
        values = table.column(places[name])
        if not pyarrow.types.is_string(values.type):
            return values
        values = pyarrow.compute.utf8_trim_whitespace(values)
        return values if separator == "," else _with_decimal_commas(values)

    notes = guess_note(path.name, found, encoding)
    return Opened(names, column=column, notes=notes, n_rows=table.num_rows)


def _separator(sample: str, preferred: str) -> str:
    """What divides the first line into the most fields, and the lines after it into as many."""
    whole = sample[: sample.rfind("\n") + 1] or sample
    best, best_key = preferred, (0.0, 0, False)
    for separator in SEPARATORS:
        try:
            rows = list(csv.reader(io.StringIO(whole), delimiter=separator))
        except csv.Error:  # a field of more than 128 KiB: told by the first line alone
            rows = [whole.split("\n", 1)[0].split(separator)]
        rows = [row for row in rows if row]
        width = len(rows[0]) if rows else 1
        if width < 2:
            continue
        share = sum(len(row) == width for row in rows) / len(rows)
        best, best_key = max((best, best_key), (separator, (share, width, separator == preferred)), key=lambda x: x[1])
    return best


def _parsed(text: str, separator: str, where: str) -> Any:
    with extra_pilot():
        import pyarrow

    if separator == "\t" and STRAY_QUOTE.search(text):
        try:
            return _arrow_table(text, separator, quotes=False)
        except pyarrow.ArrowInvalid:
            pass  # then they are quotation marks around tabs or lines
    if text.count('"') % 2 and _ends_in_quotes(text, separator):
        raise DataError(f"{where}: a quotation mark is opened and not closed")
    try:
        return _arrow_table(text, separator, quotes=True)
    except pyarrow.ArrowInvalid as error:
        message = str(error).splitlines()[0].replace("CSV parse error: Row #", "the header being row 1, row ")
        raise DataError(f"{where}: {message}") from error


def _arrow_table(text: str, separator: str, *, quotes: bool) -> Any:
    with extra_pilot():
        import pyarrow
        import pyarrow.csv

    words = [*pyarrow.csv.ConvertOptions().null_values, *MISSING]
    return pyarrow.csv.read_csv(
        pyarrow.BufferReader(text.encode()),
        # Threads would be faster, and errors could not tell the row.
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK),
        # In a file of one column, an empty line is a missing value.
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=separator,
            quote_char='"' if quotes else False,
            newlines_in_values=quotes,
            ignore_empty_lines=separator in text.split("\n", 1)[0],
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            null_values=[blank + word for word in words for blank in ("", " ")], strings_can_be_null=True
        ),
    )


def _ends_in_quotes(text: str, separator: str) -> bool:
    """Arrow would take the rest of the file for one value without a word."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    try:
        for _ in csv.reader(io.StringIO(text), delimiter=separator, strict=True):
            pass
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _with_decimal_commas(values: Any) -> Any:
    """Texts that are all numbers, some with a decimal comma, as numbers; others as they are."""
    with extra_pilot():
        import pyarrow.compute as pc

    given = values.drop_null()
    has_comma = pc.match_substring_regex(given, DECIMAL_COMMA)
    numbers = pc.or_(has_comma, pc.match_substring_regex(given, WHOLE))
    if not (pc.any(has_comma).as_py() and pc.all(numbers).as_py()):
        return values
    return pc.replace_substring(pc.replace_substring(values, ".", ""), ",", ".").cast("float64")


def _refuse_numbers_as_names(names: list[str], where: str) -> None:
    """A first line of measured values is a row; whole numbers that differ may be names."""
    numbers = [name for name in names if re.fullmatch(r"[+-]?\d*[.,]?\d+([eE][+-]?\d+)?", name)]
    fractions = any(not name.isdigit() for name in numbers)
    repeated = max(Counter(numbers).values(), default=0) > 1
    if len(numbers) == len(names) and (fractions or repeated):
        raise DataError(f"{where}: the first line holds numbers ({', '.join(names[:4])}); wanted the columns' names")
