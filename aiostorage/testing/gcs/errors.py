"""What the service refuses, as it says so on its two APIs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from aiostorage.testing.gcs.messages import JSON


@dataclass(eq=False)  # not frozen: a traceback is written into it
class GCSError(Exception):
    """A request that fails.

    Attributes:
        status: The HTTP status.
        reason: What the JSON API says in ``errors[].reason``.
        xml_code: What the XML API says in ``Code``.
        message: For a person to read.
        content_range: For the header of that name, where a range cannot be had.
    """

    status: int
    reason: str
    xml_code: str
    message: str
    content_range: str | None = None

    def json(self) -> bytes:
        """The document of the JSON API.

        Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
        """
        detail: dict[str, JSON] = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.status == 412:
            detail |= {"locationType": "header", "location": "If-Match"}
        elif self.status == 401:
            detail |= {"locationType": "header", "location": "Authorization"}
        error: dict[str, JSON] = {"code": self.status, "message": self.message, "errors": [detail]}
        return json.dumps({"error": error}, indent=2, ensure_ascii=False).encode()

    def xml(self) -> bytes:
        """The document of the XML API.

        Source: https://cloud.google.com/storage/docs/xml-api/reference-status
        """
        code, message = escape(self.xml_code), escape(self.message)
        return (
            "<?xml version='1.0' encoding='UTF-8'?>"
            f"<Error><Code>{code}</Code><Message>{message}</Message><Details>{message}</Details></Error>"
        ).encode()


def invalid(message: str, *, reason: str = "invalid", xml_code: str = "InvalidArgument") -> GCSError:
    """The request makes no sense."""
    return GCSError(400, reason, xml_code, message)


def required(name: str) -> GCSError:
    """A parameter is missing."""
    return GCSError(400, "required", "InvalidArgument", f"Required parameter: {name}")


def login_required() -> GCSError:
    """Nobody may do this without a name."""
    return GCSError(401, "required", "AuthenticationRequired", "Anonymous caller does not have access.")


def invalid_credentials() -> GCSError:
    """The token is unknown, or no longer valid."""
    return GCSError(401, "authError", "AuthenticationRequired", "Invalid Credentials")


def forbidden(message: str, *, reason: str = "forbidden", xml_code: str = "AccessDenied") -> GCSError:
    """The caller may not do this, or nobody may at the moment."""
    return GCSError(403, reason, xml_code, message)


def no_bucket() -> GCSError:
    """There is no bucket of this name."""
    return GCSError(404, "notFound", "NoSuchBucket", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> GCSError:
    """There is no object of this name and generation."""
    return GCSError(404, "notFound", "NoSuchKey", f"No such object: {bucket}/{name}")


def not_found(message: str = "Not Found", *, xml_code: str = "NoSuchKey") -> GCSError:
    """There is nothing here."""
    return GCSError(404, "notFound", xml_code, message)


def not_allowed() -> GCSError:
    """The resource does not know this method."""
    return GCSError(405, "methodNotAllowed", "MethodNotAllowed", "The specified method is not allowed.")


def conflict(message: str, *, xml_code: str) -> GCSError:
    """The state of a bucket is in the way."""
    return GCSError(409, "conflict", xml_code, message)


def precondition_failed() -> GCSError:
    """What the caller wanted to be true is not."""
    message = "At least one of the pre-conditions you specified did not hold."
    return GCSError(412, "conditionNotMet", "PreconditionFailed", message)


def not_modified() -> GCSError:
    """The caller has this already."""
    return GCSError(304, "notModified", "NotModified", "Not Modified")


def range_not_satisfiable(size: int) -> GCSError:
    """No byte of the content is in the range."""
    message = "Request range not satisfiable"
    return GCSError(416, "requestedRangeNotSatisfiable", "InvalidRange", message, f"bytes */{size}")


def checksum_mismatch(kind: str, provided: str, calculated: str) -> GCSError:
    """The content is not what the caller says it is."""
    message = f'Provided {kind} "{provided}" doesn\'t match calculated {kind} "{calculated}".'
    return GCSError(400, "invalid", "BadDigest", message)
