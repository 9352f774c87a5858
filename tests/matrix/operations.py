"""Every operation of the matrix; and what is left out of it, with the reason."""

from __future__ import annotations

from tests.matrix import containers, reads, writes

OPERATIONS = [*containers.OPERATIONS, *writes.OPERATIONS, *reads.OPERATIONS]

LEFT_OUT = {
    "aclose": "it makes no request",
    "container": "it makes no request",
    "presign_part": "it is presign",
    "presign_post": "it is presign",
    "restore_object": "no server of the tests has archives",
    "set_legal_hold": "it needs a container made with retention, and is the same request as set_tags",
    "verify_conditions": "it is some dozens of the requests that upload, read and delete make, of which it needs each",
    "set_retention": "it needs a container made with retention, and is the same request as set_tags",
}
"""Public methods of a driver that no operation is about."""
