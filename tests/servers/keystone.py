"""OpenStack Keystone, and a Swift behind it that asks it about every token.

The service account ``swift`` looks at tokens; ``demo`` may do everything in the account of its project,
and ``nobody`` may only read. There is an application credential of ``demo``, too.
"""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import urllib.request
from typing import TYPE_CHECKING, Any, ClassVar

from tests.servers.base import free_port, run
from tests.servers.swift import SwiftServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPMessage

CONFIG = """\
[DEFAULT]
use_stderr = true

[database]
connection = sqlite:///{run}/keystone.db

[token]
provider = fernet
expiration = {token_life}

[fernet_tokens]
key_repository = {run}/fernet

[credential]
key_repository = {run}/credential

[cache]
enabled = false

[identity]
password_hash_rounds = 4
"""

# Keystone reads the command line itself, so gunicorn gets every setting from a file.
GUNICORN = """\
wsgi_app = "keystone.wsgi.api:application"
bind = "127.0.0.1:{port}"
workers = 1
threads = 8
control_socket_disable = True
"""

FILTERS = """
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = service
username = swift
password = swift-secret
delay_auth_decision = true
cache = swift.cache
token_cache_time = 5
include_service_catalog = false

[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
reseller_prefix = AUTH_
"""


class KeystoneServer(SwiftServer):
    """A project ``demo`` whose user ``demo`` may do everything, and ``nobody`` only read."""

    name = "keystone"
    access_key: ClassVar[str] = "demo"
    secret_key: ClassVar[str] = "demo-secret"
    token_life_s: ClassVar[int] = 3600
    region: ClassVar[str] = "RegionOne"

    project_id: str
    application_credential: tuple[str, str]
    """Id and secret."""

    @property
    def auth_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v3"

    @property
    def storage_url(self) -> str:
        return f"{self.endpoint}/v1/AUTH_{self.project_id}"

    def environ(self) -> dict[str, str]:
        return {
            "OS_AUTH_URL": self.auth_url,
            "OS_USERNAME": self.access_key,
            "OS_PASSWORD": self.secret_key,
            "OS_PROJECT_NAME": "demo",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_REGION_NAME": self.region,
        }

    def auth(self) -> tuple[str, str]:
        return "authtoken keystoneauth", FILTERS.format(url=self.auth_url)

    def start(self) -> None:
        self._port = free_port()
        self._start_keystone()
        super().start()
        self._set_up()

    def _make_database(self, manage: list[str]) -> None:
        """Its hundred migrations take longer than all else, so what they come to is kept."""
        database, kept = self.run_dir / "keystone.db", self.home / "empty.db"
        if kept.exists():
            shutil.copy(kept, database)
            return
        run([*manage, "db_sync"])
        fresh = self.home / f"{self.run_dir.name}.db"
        shutil.copy(database, fresh)
        fresh.replace(kept)

    def _start_keystone(self) -> None:
        config = self.run_dir / "keystone.conf"
        config.write_text(CONFIG.format(run=self.run_dir, token_life=self.token_life_s), encoding="utf-8")
        (self.run_dir / "gunicorn.conf.py").write_text(GUNICORN.format(port=self._port), encoding="utf-8")
        for folder in (self.run_dir / "fernet", self.run_dir / "credential"):
            folder.mkdir(mode=0o700)
            for number in "01":  # the next key, and that of today; its own commands take seconds for each
                (folder / number).write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))
        manage = [str(self.home / "bin" / "keystone-manage"), "--config-file", str(config)]
        self._make_database(manage)
        urls = [f"--bootstrap-{interface}-url={self.auth_url}" for interface in ("public", "internal", "admin")]
        run([*manage, "bootstrap", "--bootstrap-password=admin-secret", f"--bootstrap-region-id={self.region}", *urls])
        self.spawn(
            "keystone",
            [str(self.home / "bin" / "gunicorn")],
            env={
                "OS_KEYSTONE_CONFIG_FILES": str(config),
                "GUNICORN_CMD_ARGS": f"-c {self.run_dir / 'gunicorn.conf.py'}",
                "PYTHONWARNINGS": "ignore",
            },
        )
        self.wait_for(self._port, "/v3")

    def _set_up(self) -> None:
        """Projects, users, the catalog's entries for Swift, and an application credential."""
        admin = self.log_in("admin", "admin-secret", "admin")
        roles = {role["name"]: role["id"] for role in self._ask("GET", "/roles", token=admin)["roles"]}

        def make(kind: str, **fields: object) -> str:
            made: str = self._ask("POST", f"/{kind}s", {kind: fields}, token=admin)[kind]["id"]
            return made

        def grant(project: str, user: str, role: str) -> None:
            self._ask("PUT", f"/projects/{project}/users/{user}/roles/{roles[role]}", token=admin)

        service = make("project", name="service", domain_id="default")
        self.project_id = make("project", name="demo", domain_id="default")
        swift = make("user", name="swift", password="swift-secret", domain_id="default")
        demo = make("user", name=self.access_key, password=self.secret_key, domain_id="default")
        nobody = make("user", name="nobody", password="nobody-secret", domain_id="default")
        grant(service, swift, "admin")
        grant(self.project_id, demo, "member")
        grant(self.project_id, nobody, "reader")
        store = make("service", type="object-store", name="swift")
        make("region", id="RegionTwo")
        for interface in ("public", "internal"):
            url = f"{self.endpoint}/v1/AUTH_%(project_id)s"
            make("endpoint", service_id=store, interface=interface, region_id=self.region, url=url)
        make(
            "endpoint",
            service_id=store,
            interface="public",
            region_id="RegionTwo",
            url="http://127.0.0.1:9/v1/%(project_id)s",
        )
        token = self.log_in(self.access_key, self.secret_key, "demo")
        credential = {"application_credential": {"name": "tests", "secret": "application-secret"}}
        made = self._ask("POST", f"/users/{demo}/application_credentials", credential, token=token)
        self.application_credential = made["application_credential"]["id"], "application-secret"

    def log_in(self, user: str, password: str, project: str | None) -> str:
        """A token; without a project it opens nothing, and may be exchanged."""
        identity = {
            "methods": ["password"],
            "password": {"user": {"name": user, "domain": {"id": "default"}, "password": password}},
        }
        auth: dict[str, object] = {"identity": identity}
        if project is not None:
            auth["scope"] = {"project": {"name": project, "domain": {"id": "default"}}}
        _, headers = self._exchange("POST", "/auth/tokens", {"auth": auth})
        return str(headers["X-Subject-Token"])

    def revoke(self, token: str) -> None:
        """Have a token refused from now on."""
        self._ask("DELETE", "/auth/tokens", token=token, headers={"X-Subject-Token": token})

    def _ask(self, method: str, path: str, document: object = None, **how: Any) -> Any:
        return self._exchange(method, path, document, **how)[0]

    def _exchange(
        self, method: str, path: str, document: object, *, token: str | None = None, headers: Mapping[str, str] = {}
    ) -> tuple[Any, HTTPMessage]:
        request = urllib.request.Request(f"{self.auth_url}{path}", method=method)
        if document is not None:
            request.data = json.dumps(document).encode()
        for name, value in {"Content-Type": "application/json", "X-Auth-Token": token or "", **headers}.items():
            request.add_header(name, value)
        with urllib.request.urlopen(request, timeout=30) as response:
            body = response.read()
            return (json.loads(body) if body else None), response.headers
