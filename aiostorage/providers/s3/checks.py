"""What is refused before any request: whatever the service may ignore, or do otherwise. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage.errors import InvalidArgumentError, UnsupportedError

if TYPE_CHECKING:
    from aiostorage.models import ContainerOptions, ObjectRef, ReadOptions, WriteOptions
    from aiostorage.providers.s3.profiles import Vendor


def require(vendor: Vendor, is_possible: bool, operation: str, what: str) -> None:
    """Refuse an operation.

    Raises:
        UnsupportedError: It is not possible.
    """
    if not is_possible:
        message = f"{what} cannot be relied on here; the vendor is taken to be {vendor.name!r}"
        raise UnsupportedError(message, provider="s3", operation=operation)


def check_version(vendor: Vendor, operation: str, version_id: str | None) -> None:
    """Refuse versions where there are none."""
    require(vendor, version_id is None or vendor.versioning, operation, "versions")


def check_container(vendor: Vendor, options: ContainerOptions) -> None:
    """Refuse what a container cannot be made with."""
    operation = "create_container"
    require(vendor, not options.object_lock or vendor.retention, operation, "object locks")
    require(vendor, options.storage_class is None, operation, "storage classes of containers")
    require(vendor, options.acl is None or vendor.acl, operation, "acl of containers")


def check_reading(vendor: Vendor, operation: str, options: ReadOptions) -> None:
    """Refuse a read."""
    check_version(vendor, operation, options.version_id)
    if options.if_match is not None or options.if_none_match is not None:
        require(vendor, vendor.read_conditions, operation, "conditions on reads")
    require(vendor, options.customer_key is None or "customer" in vendor.encryption, operation, "keys of ours")
    if options.part_number is not None:
        require(vendor, vendor.part_numbers, operation, "reads of parts")
        if options.byte_range is not None:
            raise InvalidArgumentError("a part, or a range of bytes", provider="s3", operation=operation)


def check_writing(vendor: Vendor, operation: str, options: WriteOptions, *, also: bool = True) -> None:
    """Refuse a write.

    Args:
        vendor: Who is asked.
        operation: For the error.
        options: What is asked for.
        also: Whether the service obeys conditions on this operation, other than on plain writes.
    """
    if options.if_none_match is not None:
        if options.if_none_match != "*":
            raise InvalidArgumentError('if_none_match of a write is "*"', provider="s3", operation=operation)
        require(vendor, vendor.create_if_absent and also, operation, "if_none_match")
    if options.if_match is not None:
        require(vendor, vendor.write_if_match and also, operation, "if_match")
    if (missing := vendor.capabilities.missing_for(options)) is not None:
        require(vendor, False, operation, missing)
    for name in options.extra:
        require(vendor, name.lower() in vendor.extra, operation, f"extra {name!r}")


def check_copying(vendor: Vendor, source: ObjectRef, options: WriteOptions | None) -> None:
    """Refuse a copy."""
    operation = "copy_object"
    check_version(vendor, operation, source.version_id)
    is_encrypted = source.customer_key is not None or (options is not None and options.encryption is not None)
    require(vendor, vendor.encrypted_copies or not is_encrypted, operation, "encryption of a copy")
    if options is not None:
        require(vendor, vendor.replaces_metadata, operation, "a copy with other metadata")
        check_writing(vendor, operation, options, also=vendor.conditional_copy)


def check_deletion(vendor: Vendor, operation: str, ref: ObjectRef, *, bypass_retention: bool) -> None:
    """Refuse a deletion."""
    check_version(vendor, operation, ref.version_id)
    require(vendor, ref.if_match is None or vendor.delete_if_match, operation, "if_match")
    require(vendor, not bypass_retention or vendor.retention, operation, "retention")
