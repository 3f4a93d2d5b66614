"""Who may come in, from where, with which profile."""

import hashlib
import hmac
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from .errors import AUTHENTICATION_FAILED, ClickHouseError


@dataclass(frozen=True)
class Account:
    name: str
    password_sha256: str | None
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]
    profile: str

    def admits(self, password: str, address: str) -> bool:
        if self.password_sha256 is None:
            return False
        digest = hashlib.sha256(password.encode()).hexdigest()
        ip = ipaddress.ip_address(address)
        ip = getattr(ip, "ipv4_mapped", None) or ip
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
                tuple(ipaddress.ip_network(network, strict=False) for network in entry["networks"]),
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
