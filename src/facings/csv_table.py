"""Tables that people and spreadsheets write: CSV with a header, read row by row with true line numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from facings.errors import BadInput, Problem


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without byte order mark.

    Raises:
        BadInput: It cannot be read, is not UTF-8, or holds zero bytes.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error}).") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8.", "Save the file as UTF-8.") from error
    if "\x00" in text:
        raise BadInput(f"{path}: the file holds zero bytes, so it is no text; wanted UTF-8.")
    return text


def read_table(
    path: Path, problems: list[Problem], *, needed: Sequence[str], allowed: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file as column → text without outer spaces, each with the line it begins on.

    The delimiter is the one of comma, semicolon and tab that the header has most of. Names of columns are taken in
    lower case. Empty lines are passed over.

    Args:
        path: The file.
        problems: Gets every row that has more or fewer fields than the header.
        needed: Columns that must be there.
        allowed: Columns that may be there; None for any.

    Raises:
        BadInput: The file is no such table, or a quote in it is not closed.
    """
    text = read_text(path)
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    rows = numbered_rows(path, text, delimiter)
    columns = [name.strip().lower() for name in next(rows, (1, []))[1]]
    unknown = [name for name in columns if allowed is not None and name not in allowed]
    if unknown or not set(needed) <= set(columns) or len(set(columns)) < len(columns):
        also = f" and any of {','.join(name for name in allowed if name not in needed)}" if allowed else ""
        raise BadInput(
            f"{path}:1: got columns {','.join(columns) or 'none'}, wanted {','.join(needed)}{also}, each once."
        )
    for line, row in rows:
        if len(row) == len(columns):
            yield line, dict(zip(columns, (value.strip() for value in row), strict=True))
        else:
            message = f"got a row of {len(row)} fields, wanted {len(columns)} as in the header."
            problems.append(Problem(f"{path}:{line}", BadInput.code, message))


def numbered_rows(path: Path, text: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The rows of CSV text, each with the number of the line it begins on; empty lines and rows
    of empty fields are passed over.

    Raises:
        BadInput: A quote is not closed, or a field is too long to be one.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            if any(field.strip() for field in row):  # spreadsheets write rows of empty fields
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{path}:{line}: broken CSV ({error}).", "Look for an unclosed quote.") from error
