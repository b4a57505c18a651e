"""The log: one line of JSON for each request."""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from datetime import UTC, datetime
from typing import TextIO

__all__ = ["Log"]

#: How many lines may wait; a reader who does not read costs lines, never requests.
_MOST_LINES = 10_000


class Log:
    """Writes lines to a file from a thread of its own, so that no request waits for it.

    Example:
        >>> import io
        >>> file = io.StringIO()
        >>> with Log(file) as log:
        ...     log.write(id="1f", path="/substance/naltrexone", status=200)
        >>> json.loads(file.getvalue())["status"]
        200
    """

    def __init__(self, file: TextIO) -> None:
        """Write to a file."""
        self._file = file
        self._lines: queue.Queue[dict[str, object] | None] = queue.Queue(_MOST_LINES)
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)

    def __enter__(self) -> Log:
        """Start to write."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what waits, and stop."""
        self._lines.put(None)
        self._thread.join(timeout=5)

    def write(self, **line: object) -> None:
        """Write a line; the time comes first."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait({"time": datetime.now(UTC).isoformat()} | line)

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
                if self._lines.empty():
                    self._file.flush()
            except (OSError, ValueError):  # nobody reads it any more
                return
