"""What the cluster needs beyond the embedded store: packages that not everybody installs."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import ConfigurationError


@contextmanager
def needs_cluster() -> Iterator[None]:
    """Imports of the cluster's engines go in here. Raises ConfigurationError when a package is missing."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise ConfigurationError(
            f"the package {missing.name} is not installed, and a cluster needs it: pip install "
            "'strandline[cluster]'"
        ) from None
