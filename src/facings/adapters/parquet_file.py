"""Tables as Parquet files by pyarrow, an optional dependency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

from facings.errors import BadInput, DependencyMissing

_ROWS_A_GROUP = 50_000


def write_parquet(path: Path, rows: Iterable[Mapping[str, object]], columns: Mapping[str, type]) -> None:
    """Write rows as a Parquet file, a group of rows at a time.

    Args:
        path: The file; folders are made.
        rows: A value or None for each column.
        columns: Name → `int`, `float` (64 bits) or `str`.

    Raises:
        DependencyMissing: pyarrow is not installed.
        BadInput: The file cannot be written.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise DependencyMissing("Parquet needs pyarrow.", "pip install 'facings[parquet]'") from error
    types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    several = iter(rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with parquet.ParquetWriter(path, schema) as writer:
            while group := list(islice(several, _ROWS_A_GROUP)):
                writer.write_table(pa.Table.from_pylist(group, schema=schema))
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror or error}).") from error
