"""Who may come in, from where, with which profile."""

import hashlib
import hmac
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from .errors import AUTHENTICATION_FAILED, ClickHouseError


def as_ipv6(network: str) -> ipaddress.IPv6Network:
    """As ClickHouse counts: an address of version 4 is one of version 6, so that `::/0` is everywhere."""
    parsed = ipaddress.ip_network(network, strict=False)
    if isinstance(parsed, ipaddress.IPv4Network):
        return ipaddress.IPv6Network(f"::ffff:{parsed.network_address}/{96 + parsed.prefixlen}")
    return parsed


@dataclass(frozen=True)
class Account:
    name: str
    password_sha256: str | None
    networks: tuple[ipaddress.IPv6Network, ...]
    profile: str

    def admits(self, password: str, address: str) -> bool:
        if self.password_sha256 is None:
            return False
        digest = hashlib.sha256(password.encode()).hexdigest()
        ip = as_ipv6(address)[0]
        return hmac.compare_digest(digest, self.password_sha256) and any(ip in network for network in self.networks)


class Accounts:
    def __init__(self, accounts: list[Account]):
        self._accounts = {account.name: account for account in accounts}

    @classmethod
    def load(cls, path: Path) -> "Accounts":
        return cls([
            Account(
                entry["name"],
                entry["password_sha256"],
                tuple(as_ipv6(network) for network in entry["networks"]),
                entry["profile"],
            )
            for entry in json.loads(path.read_text())
        ])

    def __getitem__(self, name: str) -> Account:
        return self._accounts[name]

    def profiles(self) -> set[str]:
        return {account.profile for account in self._accounts.values()}

    def authenticate(self, name: str, password: str, address: str) -> Account:
        """The account, or one and the same refusal for a wrong name, password or address."""
        account = self._accounts.get(name)
        if account is None or not account.admits(password, address):
            message = (
                f"{name}: Authentication failed: password is incorrect, or there is no user with such name, "
                "or it may not come from this address."
            )
            raise ClickHouseError.of(AUTHENTICATION_FAILED, message)
        return account
