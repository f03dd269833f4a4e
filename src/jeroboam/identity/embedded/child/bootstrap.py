"""Fills Keystone's database: schema, keys, roles, users, projects, catalogue. Run as a process of its own.

Standard input holds a JSON object: `config` and `database` (paths), `first` (whether to make users and projects),
`passwords` ({user: password}), `region` and `endpoints` ({service type: URL}). Every step may be repeated; what
exists is left alone, users' passwords above all, but endpoints are brought to the URLs given.
"""

import json
import os
import sys
import uuid
from typing import Any

from keystone import exception
from keystone.cmd import bootstrap as keystone_bootstrap
from keystone.common import driver_hints, fernet_utils, provider_api
from keystone.common.sql import upgrades
from keystone.conf import CONF
from keystone.credential.providers import fernet as credential_fernet
from keystone.server import configure

PROVIDERS = provider_api.ProviderAPIs
SERVICE_NAMES = {"identity": "keystone", "container": "jeroboam", "quota": "jeroboam-quota"}
# organisation -> its teams; each team's member has the team's name
ORGANISATION = "org"
TEAMS = ("team1", "team2")


def main() -> None:
    order = json.load(sys.stdin)
    sys.argv = ["keystone"]  # Keystone reads it
    os.umask(0o077)
    configure(config_files=[order["config"]])
    CONF.set_override("connection", f"sqlite:///{order['database']}", group="database")
    # Schema and rows are written without waiting for the disk: the caller syncs before it marks them as done.
    CONF.set_override("sqlite_synchronous", False, group="database")
    upgrades.offline_sync_database_to_version()
    _keys()
    if order["first"]:
        # The passwords are 256 random bits: slow hashing adds nothing, and costs 0.3 s with every command.
        CONF.set_override("password_hash_rounds", 4, group="identity")
    boot = keystone_bootstrap.Bootstrapper()
    if order["first"]:
        _first(boot, order["passwords"], order["region"])
    for service_type, url in order["endpoints"].items():
        _endpoint(service_type, url, order["region"])
    os.sync()


def _keys() -> None:
    for group in ("fernet_tokens", "fernet_receipts"):
        section = CONF[group]
        _key_repository(fernet_utils.FernetUtils(section.key_repository, section.max_active_keys, group))
    repository = CONF.credential.key_repository
    _key_repository(fernet_utils.FernetUtils(repository, credential_fernet.MAX_ACTIVE_KEYS, "credential"))


def _key_repository(keys: Any) -> None:
    keys.create_key_directory()
    # Does nothing where there are keys already.
    if keys.validate_key_repository(requires_write=True):
        keys.initialize_key_repository()


def _first(boot: Any, passwords: dict[str, str], region: str) -> None:
    boot.admin_username = boot.project_name = boot.admin_role_name = "admin"
    boot.admin_password = passwords["admin"]
    boot.immutable_roles = True
    boot.region_id = region
    boot.bootstrap()
    domain = boot.default_domain_id
    service = _user("jeroboam", passwords["jeroboam"], domain)
    PROVIDERS.assignment_api.create_system_grant_for_user(service, boot.reader_role_id)

    organisation = _project(ORGANISATION, domain, domain)
    manager = _user("org-manager", passwords["org-manager"], domain)
    _grant(manager, organisation, boot.manager_role_id)
    for team in TEAMS:
        project = _project(team, domain, organisation)
        _grant(_user(team, passwords[team], domain), project, boot.member_role_id)
        _grant(manager, project, boot.manager_role_id)


def _project(name: str, domain: str, parent: str) -> str:
    try:
        return str(PROVIDERS.resource_api.get_project_by_name(name, domain)["id"])
    except exception.ProjectNotFound:
        new = uuid.uuid4().hex
        PROVIDERS.resource_api.create_project(
            new, {"id": new, "name": name, "domain_id": domain, "parent_id": parent, "enabled": True}
        )
        return new


def _user(name: str, password: str, domain: str) -> str:
    try:
        return str(PROVIDERS.identity_api.get_user_by_name(name, domain)["id"])
    except exception.UserNotFound:
        made = PROVIDERS.identity_api.create_user(
            {"name": name, "password": password, "domain_id": domain, "enabled": True}
        )
        return str(made["id"])


def _grant(user: str, project: str, role: str) -> None:
    PROVIDERS.assignment_api.create_grant(role, user_id=user, project_id=project)


def _endpoint(service_type: str, url: str, region: str) -> None:
    service = _first_of(PROVIDERS.catalog_api.list_services, type=service_type)
    if service is None:
        new = uuid.uuid4().hex
        service = {"id": new, "type": service_type, "name": SERVICE_NAMES[service_type], "enabled": True}
        PROVIDERS.catalog_api.create_service(new, service)
    for interface in ("public", "internal", "admin"):
        wanted = {"service_id": service["id"], "interface": interface, "region_id": region}
        endpoint = _first_of(PROVIDERS.catalog_api.list_endpoints, **wanted)
        if endpoint is None:
            new = uuid.uuid4().hex
            PROVIDERS.catalog_api.create_endpoint(new, {"id": new, "url": url, "enabled": True, **wanted})
        elif endpoint["url"] != url:
            PROVIDERS.catalog_api.update_endpoint(endpoint["id"], {**endpoint, "url": url})


def _first_of(listing: Any, **wanted: str) -> dict[str, Any] | None:
    hints = driver_hints.Hints()
    for name, value in wanted.items():
        hints.add_filter(name, value)
    # The hints are hints: a driver may leave the filtering to us.
    found = [item for item in listing(hints) if all(item.get(name) == value for name, value in wanted.items())]
    return found[0] if found else None


if __name__ == "__main__":
    main()
