"""A new master key for a ring: every key is wrapped anew, no data is rewritten, no process stops for it."""

from access.keyring import KeyRing
from access.master_sources import MasterSource
from disk.durable import sync_path
from schemas.errors import ConfigurationError


def rotate_master(ring: KeyRing, target: MasterSource | None = None) -> tuple[int, bool]:
    """Replace the master key; `target` keeps the new one, the source of the ring unless another is given.

    Returns how many keys were wrapped anew, and whether the old master is of no use any more. It still is
    where the new one has another source: processes that know the old one alone find the new one by it. Once
    all have been started with the new one, call this again there, with `target` unset.

    Whatever interrupts it, calling it again goes on. Raises ConfigurationError when there is no new master,
    BlobCorrupt for a key that no master opens; then nothing has been lost, and the old one is still of use.
    """
    masters = ring.masters
    target = masters.source if target is None else target
    with masters.locked():
        current = masters.source.load()
        following = masters.following(current)
        if following is None:
            following = target.new_master()
            if following != current:
                masters.announce(current, following)
            elif not masters.announced():
                raise ConfigurationError("the new master key is the one in force already: give another one")
    count = ring.rewrap()
    with masters.locked():
        target.replace(following)
        if target is not masters.source:
            return count, False
        masters.forget_announced()
        masters.source.remove_others(ring.directory)
        sync_path(ring.directory)
    return count, True
