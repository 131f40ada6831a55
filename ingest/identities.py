"""Set and remove identities: one event of `policies`, decided in apply."""

from ingest.ports import Ports
from schemas.errors import IdentitiesChanged, LimitExceeded
from schemas.events import EVENT_LIMIT, POLICIES, IdentitiesChange, IdentityChange, Origin, encode_event
from schemas.partitioning import identity_partition_of


async def change_identities(
    ports: Ports, seen: dict[str, int], changes: tuple[IdentityChange, ...], origin: Origin
) -> None:
    """See `ingest.producer.Producer.change_identities`."""
    submitter = ports.submitter
    event = encode_event(IdentitiesChange(origin, seen, changes))
    if len(event) > EVENT_LIMIT:
        raise LimitExceeded(f"The change has {len(event)} bytes; at most {EVENT_LIMIT} fit into one event.")
    partition = identity_partition_of(submitter.partitions(POLICIES))
    receipt = await submitter.submit(POLICIES, partition, event)
    if receipt.refusal:
        raise IdentitiesChanged()
    await ports.directory.settle()
