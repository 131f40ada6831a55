"""The objects by which growth is measured: tiny ones, under keys spread evenly over a hundred prefixes."""

BODY = b"0123456789abcdef"
PREFIXES = 100


def key_of(number: int) -> str:
    """The key of the object of that number."""
    return f"prefix-{number % PREFIXES:03}/key-{number // PREFIXES:07}"
