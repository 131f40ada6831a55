"""Which modules run which operations: each has a `HANDLERS` map from S3 operation name to coroutine."""

from types import ModuleType

from gateway.registry import Handler

MODULES: tuple[ModuleType, ...] = ()


def handlers() -> dict[str, Handler]:
    """Every operation that is built, with what runs it."""
    return {name: handler for module in MODULES for name, handler in module.HANDLERS.items()}
