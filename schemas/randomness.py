"""Random tokens drawn from the operating system many at a time."""

import os

DRAWN = 256  # tokens


class RandomTokens:
    """os.urandom(size) without a system call for every key, nonce and id; no token is given out twice.

    For any number of threads: taking a token is one atomic list operation. A process that forks must make
    a new instance in the child, since both would go on with the same tokens.
    """

    __slots__ = ("_size", "_tokens")

    def __init__(self, size: int) -> None:
        self._size = size
        self._tokens: list[bytes] = []

    def __call__(self) -> bytes:
        try:
            return self._tokens.pop()
        except IndexError:
            return self._draw()

    def _draw(self) -> bytes:
        size = self._size
        drawn = os.urandom(DRAWN * size)
        tokens = [drawn[start : start + size] for start in range(0, len(drawn), size)]
        token = tokens.pop()
        self._tokens += tokens
        return token
