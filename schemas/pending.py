"""Bytes on their way to stable storage."""

from collections.abc import Generator
from typing import Protocol


class Pending(Protocol):
    """Bytes that were taken and are not durable yet. No event may be appended that names them before it has
    settled; whoever appends the event sees to that, so that both go to the device in one step."""

    def settle(self) -> None:
        """Make them durable, with all that was taken before them. Blocking: call it from a thread.
        Raises StorageFull, or ServiceUnavailable when the device fails: they are lost then, also when this
        is called again."""

    def __await__(self) -> Generator[object, None, None]:
        """The same from the event loop, which it does not hold up."""
