"""How a server process is told to stop."""

import asyncio
import signal


def stop_on_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT from now on."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping
