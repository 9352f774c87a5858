"""Real servers for the tests: installed once into a cache, and started afresh for whoever asks.

``python -m tests.servers start swift rclone`` runs them by hand. A new server is one module here,
with a subclass of :class:`~tests.servers.base.Server`, and one line in ``SERVERS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.azurite import AzuriteServer, AzuriteTLSServer
from tests.servers.ceph import CephServer
from tests.servers.gcp_emulator import GCPEmulator
from tests.servers.gcs import GCSOfSmallParts, GCSServerProcess
from tests.servers.keystone import KeystoneServer
from tests.servers.moto import MotoServer
from tests.servers.nginx import NginxServer
from tests.servers.rclone import RcloneServer
from tests.servers.swift import SwiftServer

if TYPE_CHECKING:
    from tests.servers.base import Server

SERVERS: dict[str, type[Server]] = {
    server.name: server
    for server in (
        SwiftServer,
        CephServer,
        RcloneServer,
        MotoServer,
        NginxServer,
        KeystoneServer,
        AzuriteServer,
        AzuriteTLSServer,
        GCSServerProcess,
        GCSOfSmallParts,
        GCPEmulator,
    )
}
