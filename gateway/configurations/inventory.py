"""Inventory: kept and given back. Nothing writes lists yet."""

from gateway.configurations.destinations import check_bucket_arn
from gateway.configurations.named import Named
from schemas.configurations.inventory import INVENTORY, InventoryConfiguration
from schemas.errors import MalformedXML


def check(configuration: InventoryConfiguration) -> None:
    """Raises MalformedXML, InvalidArgument."""
    destination = configuration.destination.s3_bucket_destination
    check_bucket_arn(destination.bucket)
    encryption = destination.encryption
    if encryption is not None and (encryption.sse_s3 is None) == (encryption.sse_kms is None):
        raise MalformedXML()
    fields = configuration.optional_fields.fields if configuration.optional_fields is not None else ()
    if len(set(fields)) < len(fields):
        raise MalformedXML()


_OPERATIONS = Named(INVENTORY, "InventoryConfiguration", "ListInventoryConfigurationsResult", check)

HANDLERS = _OPERATIONS.handlers("InventoryConfiguration", "InventoryConfigurations")
