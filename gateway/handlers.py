"""Which modules run which operations: each has a `HANDLERS` map from S3 operation name to coroutine."""

from types import ModuleType

from gateway import (
    bucket,
    copy_object,
    delete_object,
    delete_objects,
    get_object,
    get_object_attributes,
    list_parts,
    listing,
    multipart,
    object_acl,
    object_lock,
    object_tagging,
    post_object,
    put_object,
    restore_object,
    select_object_content,
    upload_part,
    versioning,
)
from gateway.configurations import (
    accelerate,
    acl,
    analytics,
    cors,
    encryption,
    intelligent_tiering,
    inventory,
    lifecycle,
    logging,
    metrics,
    notification,
    ownership_controls,
    policy,
    public_access_block,
    replication,
    request_payment,
    tagging,
    website,
)
from gateway.configurations import object_lock as bucket_object_lock
from gateway.registry import Handler

MODULES: tuple[ModuleType, ...] = (
    accelerate,
    acl,
    analytics,
    bucket,
    bucket_object_lock,
    copy_object,
    cors,
    delete_object,
    delete_objects,
    encryption,
    get_object,
    get_object_attributes,
    intelligent_tiering,
    inventory,
    lifecycle,
    list_parts,
    listing,
    logging,
    metrics,
    multipart,
    notification,
    object_acl,
    object_lock,
    object_tagging,
    ownership_controls,
    policy,
    public_access_block,
    post_object,
    put_object,
    restore_object,
    select_object_content,
    replication,
    request_payment,
    tagging,
    upload_part,
    versioning,
    website,
)


def handlers() -> dict[str, Handler]:
    """Every operation that is built, with what runs it."""
    return {name: handler for module in MODULES for name, handler in module.HANDLERS.items()}
