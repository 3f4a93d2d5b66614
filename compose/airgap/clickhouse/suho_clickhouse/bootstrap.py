"""The deployment's configuration made ready for the library: root's work, done once before the server starts.

The library's connections are always the user `default` without a password, so the engine gets a copy of the users
file with such a user, and the front keeps the real accounts. Passwords are hashed here: the server's own environment
holds none, because the engine's file() could read it.
"""

import hashlib
import json
import os
import pwd
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SOURCE = Path("/etc/clickhouse-server")
TARGET = Path("/run/clickhouse-server")
ACCOUNTS = TARGET / "accounts.json"
CONFIG = TARGET / "config.xml"

_ENGINE_USER = """
<default>
    <no_password/>
    <networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <access_management>1</access_management>
    <named_collection_control>1</named_collection_control>
</default>
"""
# No login happens inside the process, so the policy for passwords has nothing to guard there.
_LIBRARY_CONFIG = f"""<clickhouse>
    <users_config>{TARGET}/users.xml</users_config>
    <allow_no_password>1</allow_no_password>
    <allow_implicit_no_password>1</allow_implicit_no_password>
</clickhouse>
"""


def _password_hash(user: ElementTree.Element) -> str | None:
    """SHA-256 of the user's password, or `None` where there is no way to log in with one."""
    if (element := user.find("password")) is not None:
        variable = element.get("from_env")
        password = os.environ.get(variable, "") if variable else element.text or ""
        return hashlib.sha256(password.encode()).hexdigest() if password else None
    if (element := user.find("password_sha256_hex")) is not None:
        variable = element.get("from_env")
        digest = os.environ.get(variable, "") if variable else element.text or ""
        return digest.strip().lower() or None
    return None


def _accounts(users: ElementTree.Element) -> list[dict]:
    """Takes the accounts out of the users file, leaving hashes where passwords were."""
    accounts = []
    for user in users:
        digest = _password_hash(user)
        accounts.append({
            "name": user.tag,
            "password_sha256": digest,
            "networks": [ip.text.strip() for ip in user.findall("networks/ip") if ip.text],
            "profile": user.findtext("profile", "default").strip(),
        })
        for element in [*user.findall("password"), *user.findall("password_sha256_hex")]:
            user.remove(element)
        ElementTree.SubElement(user, "password_sha256_hex").text = digest or "0" * 64
    return accounts


def _report(file: Path, error: ElementTree.ParseError) -> None:
    """The engine will refuse the file as well, but does not tell the place."""
    print(f"{file} is not well-formed XML: {error}", file=sys.stderr, flush=True)


def _prepare_users(source: Path, target: Path) -> list[dict]:
    try:
        document = ElementTree.parse(source)
    except ElementTree.ParseError as error:
        _report(source, error)
        shutil.copy(source, target)
        return []
    if (users := document.find("users")) is None:
        users = ElementTree.SubElement(document.getroot(), "users")
    accounts = _accounts(users)
    if (default := users.find("default")) is not None:
        users.remove(default)
    users.append(ElementTree.fromstring(_ENGINE_USER))
    document.write(target)
    return accounts


def _value(config: Path, path: str, default: str) -> str:
    try:
        return ElementTree.parse(config).findtext(path, default).strip()
    except ElementTree.ParseError as error:
        _report(SOURCE / config.name, error)
        return default


def main(command: list[str]) -> None:
    """Writes the configuration, owns the data directory, and becomes `command` as the user of the engine."""
    os.umask(0o027)
    shutil.rmtree(TARGET, ignore_errors=True)
    overrides = TARGET / "config.d"
    overrides.mkdir(parents=True)
    shutil.copy(SOURCE / "config.xml", CONFIG)
    for extra in sorted((SOURCE / "config.d").glob("*.xml")):
        shutil.copy(extra, overrides)
    (overrides / "zz-library.xml").write_text(_LIBRARY_CONFIG)
    ACCOUNTS.write_text(json.dumps(_prepare_users(SOURCE / "users.xml", TARGET / "users.xml")))

    owner = pwd.getpwnam("clickhouse")
    data = Path(_value(CONFIG, "path", "/var/lib/clickhouse/"))
    data.mkdir(parents=True, exist_ok=True)
    if data.stat().st_uid != owner.pw_uid:
        shutil.chown(data, owner.pw_uid, owner.pw_gid)
    for path in [TARGET, *TARGET.rglob("*")]:
        shutil.chown(path, owner.pw_uid, owner.pw_gid)

    os.setgroups([])
    os.setgid(owner.pw_gid)
    os.setuid(owner.pw_uid)
    # The engine picks up a config.xml of the working directory; this one is empty.
    os.chdir("/")
    # The library reads the time zone of its process, and not that of its configuration.
    os.environ["TZ"] = _value(CONFIG, "timezone", os.environ.get("TZ", "UTC"))
    kept = ("PATH", "PYTHONPATH", "TZ", "LANG", "HOSTNAME", "CLICKHOUSE_USER")
    os.execvpe(command[0], command, {name: os.environ[name] for name in kept if name in os.environ})


if __name__ == "__main__":
    main(sys.argv[1:])
