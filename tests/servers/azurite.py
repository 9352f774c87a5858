"""Azurite, Microsoft's emulator of Azure Storage: with its account's key, or over TLS with bearer tokens too."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, ClassVar

import trustme

from tests.servers.base import Server, free_port, only_one, run

if TYPE_CHECKING:
    from pathlib import Path


class AzuriteServer(Server):
    """Keeps everything in memory. It is made of packages of npm."""

    name = "azurite"
    scheme: ClassVar[str] = "http"
    account: ClassVar[str] = "devstoreaccount1"
    # Public, and the same in every Azurite.
    key: ClassVar[str] = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

    @property
    def lock(self) -> Path:
        return super().lock.with_name("azurite.txt")

    @property
    def home(self) -> Path:
        return super().home.with_name(f"azurite-{super().home.name.rpartition('-')[2]}")

    def install(self) -> None:
        done = self.home / ".complete"
        if done.exists():
            return
        with only_one("azurite"):
            if done.exists():
                return
            shutil.rmtree(self.home, ignore_errors=True)
            self.home.mkdir(parents=True)
            # npm would choose an older version for an older node; this one runs there, too.
            package = self.lock.read_text(encoding="ascii").strip()
            run(["npm", "install", "--no-fund", "--no-audit", "--no-save", "--loglevel=error", package], cwd=self.home)
            done.touch()

    def start(self) -> None:
        port = free_port()
        main = self.home / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
        command = ["node", str(main), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
        command += ["--inMemoryPersistence", "--silent", "--disableTelemetry", "--disableProductStyleUrl"]
        self.spawn("azurite", [*command, *self.arguments()])
        self.wait_for(port, ca_bundle=self.ca_bundle)
        self.endpoint = f"{self.scheme}://127.0.0.1:{port}/{self.account}"

    def arguments(self) -> list[str]:
        """What else it is started with."""
        return []

    @property
    def ca_bundle(self) -> Path | None:
        """Who has signed its certificate; None where there is no TLS."""
        return None

    def environ(self) -> dict[str, str]:
        return {
            "AZURE_STORAGE_CONNECTION_STRING": f"DefaultEndpointsProtocol={self.scheme};AccountName={self.account};"
            f"AccountKey={self.key};BlobEndpoint={self.endpoint}"
        }


class AzuriteTLSServer(AzuriteServer):
    """Over TLS, and it takes bearer tokens: it looks at their audience and expiry, not at their signature."""

    name = "azurite-tls"
    scheme: ClassVar[str] = "https"

    @property
    def ca_bundle(self) -> Path:
        return self.run_dir / "ca.pem"

    def arguments(self) -> list[str]:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_bundle)
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        chain, key = self.run_dir / "server.pem", self.run_dir / "server.key"
        chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(key)
        return ["--oauth", "basic", "--cert", str(chain), "--key", str(key)]
