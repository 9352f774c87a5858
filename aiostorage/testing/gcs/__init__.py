"""Google Cloud Storage for tests: a server in memory, written from the service's documents.

It keeps generations and preconditions, pages, resumable sessions, uploads by parts, rewrites, batches and checksums
as the service does, so that what passes here has been looked at. See :class:`GCSServer`.
"""

from aiostorage.testing.gcs.cloud import Settings
from aiostorage.testing.gcs.faults import Fault
from aiostorage.testing.gcs.server import GCSServer

__all__ = ["Fault", "GCSServer", "Settings"]
