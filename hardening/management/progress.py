"""A progress bar for terminals; silent where output is not one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

WIDTH = 30
INTERVAL_SECONDS = 0.1


class Progress:
    """Shows how far a command is. Use as a context manager, call `step` once a piece of work."""

    def __init__(self, stream: Any, total: int, label: str) -> None:
        """Draw on `stream`, if it is a terminal."""
        self.stream = stream
        self.total = total
        self.label = label
        self.done = 0
        self.shown = bool(stream.isatty()) and total > 0
        self._last = 0.0

    def __enter__(self) -> Self:
        """Draw the empty bar."""
        self._draw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Draw the last state and end the line."""
        if self.shown:
            self._draw()
            self.stream.write("\n", ending="")

    def step(self, count: int = 1) -> None:
        """Count so many pieces of work."""
        self.done += count
        if self.shown and time.monotonic() - self._last > INTERVAL_SECONDS:
            self._draw()

    def _draw(self) -> None:
        if not self.shown:
            return
        self._last = time.monotonic()
        filled = WIDTH * min(self.done, self.total) // self.total  # a total may be an estimate
        bar = "█" * filled + "░" * (WIDTH - filled)
        self.stream.write(f"\r{self.label} {bar} {self.done}/{self.total}", ending="")
        self.stream.flush()
