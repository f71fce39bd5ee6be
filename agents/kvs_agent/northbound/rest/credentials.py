# SPDX-License-Identifier: Apache-2.0
"""Who may show a password or a token: a file of names, roles and hashes, and nothing else."""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from pathlib import Path
from typing import Final

from kvs_agent.northbound.access import Role, role_of
from kvscheduler import SchedulerError

__all__ = ["Credentials", "CredentialsError", "password_line", "token_line"]

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_SECRET_CHARS: Final = 1024
MAX_REMEMBERED: Final = 1000
MAX_HASHING: Final = 2

# scrypt: 16 MiB and some 50 ms for each attempt.
COST, BLOCK, PARALLEL = 2**14, 8, 1
_MEMORY_BYTES: Final = 64 * 1024 * 1024
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_TOKEN_BYTES: Final = 32


class CredentialsError(SchedulerError):
    """The file of passwords cannot be used as it is."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Password:
    role: Role
    cost: int
    block: int
    parallel: int
    salt: bytes = dataclasses.field(repr=False)
    hash: bytes = dataclasses.field(repr=False)

    def fits(self, password: str) -> bool:
        made = _scrypt(password, self.salt, self.cost, self.block, self.parallel)
        return hmac.compare_digest(made, self.hash)


_NOBODY: Final = _Password(Role.NONE, COST, BLOCK, PARALLEL, bytes(_SALT_BYTES), b"")


class Credentials:
    """Passwords and tokens by name. Checking costs the same whether a name is known or not.

    What has been found right is remembered, under a hash with a key of this process, so that a
    password is not hashed anew for each request.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._passwords: dict[str, _Password] = {}
        self._tokens: dict[bytes, Role] = {}
        self._right: OrderedDict[bytes, Role] = OrderedDict()
        self._secret = secrets.token_bytes(_HASH_BYTES)
        self._hashing = asyncio.Semaphore(MAX_HASHING)
        self.reload()

    @property
    def is_empty(self) -> bool:
        """Whether nobody can show anything."""
        return not self._passwords and not self._tokens

    def reload(self) -> None:
        """Read the file again; ``CredentialsError`` where it cannot be used, and all stays."""
        passwords: dict[str, _Password] = {}
        tokens: dict[bytes, Role] = {}
        if self._path is not None:
            for number, line in enumerate(_lines(self._path), 1):
                try:
                    _take(line.strip(), passwords, tokens)
                except ValueError as error:
                    raise CredentialsError(f"{self._path}:{number}: {error}") from None
        self._passwords, self._tokens = passwords, tokens
        self._right.clear()

    def of_token(self, token: str) -> Role | None:
        """Return the role that a token gives; None for one that is not known."""
        # Looked up by its hash: how long that takes tells nothing of any token.
        return self._tokens.get(hashlib.sha256(token[:MAX_SECRET_CHARS].encode()).digest())

    async def of_password(self, name: str, password: str) -> Role | None:
        """Return the role of a name with its password; None where they do not fit."""
        if len(name) > MAX_SECRET_CHARS or len(password) > MAX_SECRET_CHARS:
            return None
        shown = hmac.digest(self._secret, f"{name}\0{password}".encode(), "sha256")
        if shown in self._right:
            self._right.move_to_end(shown)
            return self._right[shown]
        known = self._passwords.get(name)
        async with self._hashing:
            fits = await asyncio.to_thread((known or _NOBODY).fits, password)
        if known is None or not fits or self._passwords.get(name) is not known:
            return None
        self._right[shown] = known.role
        if len(self._right) > MAX_REMEMBERED:
            self._right.popitem(last=False)
        return known.role


def password_line(name: str, role: Role, password: str) -> str:
    """Return the line that lets a name in with a password; of that it keeps a hash."""
    _check_name(name)
    if not password or len(password) > MAX_SECRET_CHARS:
        raise ValueError(f"a password has 1 to {MAX_SECRET_CHARS} characters")
    salt = secrets.token_bytes(_SALT_BYTES)
    made = _scrypt(password, salt, COST, BLOCK, PARALLEL)
    numbers = f"{COST}${BLOCK}${PARALLEL}"
    return f"{name}:{role.name.lower()}:scrypt${numbers}${_text(salt)}${_text(made)}"


def token_line(name: str, role: Role) -> tuple[str, str]:
    """Return a new token, and the line that lets it in."""
    _check_name(name)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    made = hashlib.sha256(token.encode()).digest()
    return token, f"{name}:{role.name.lower()}:sha256${_text(made)}"


def _check_name(name: str) -> None:
    if not name or ":" in name or not name.isprintable() or name.startswith("#"):
        raise ValueError(f"{name!r} is no name: printable, without a colon, no # at its start")


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CredentialsError(f"{path}: {error.strerror}") from error
    if mode & 0o022:
        raise CredentialsError(f"{path}: others may write it: chmod 600")
    if len(data) > MAX_FILE_BYTES:
        raise CredentialsError(f"{path}: more than {MAX_FILE_BYTES} bytes")
    return data.decode(errors="replace").splitlines()


def _take(line: str, passwords: dict[str, _Password], tokens: dict[bytes, Role]) -> None:
    """Take one line in; ``ValueError`` says what is wrong with it, without telling the hash."""
    if not line or line.startswith("#"):
        return
    name, _, rest = line.partition(":")
    role_text, colon, hashed = rest.partition(":")
    if not colon:
        raise ValueError("not NAME:ROLE:HASH")
    _check_name(name)
    role = role_of(role_text)
    algorithm, *parts = hashed.split("$")
    if algorithm == "sha256" and len(parts) == 1:
        tokens[_bytes(parts[0])] = role
    elif algorithm == "scrypt" and len(parts) == 5:  # noqa: PLR2004 - its numbers, salt, hash
        if name in passwords:
            raise ValueError(f"{name} is there twice")
        cost, block, parallel = map(int, parts[:3])
        _check_cost(cost, block, parallel)
        passwords[name] = _Password(
            role, cost, block, parallel, _bytes(parts[3]), _bytes(parts[4])
        )
    else:
        raise ValueError(f"{name}: neither a hash of a password nor one of a token")


def _check_cost(cost: int, block: int, parallel: int) -> None:
    """Refuse what would take a machine's memory for each attempt, or none at all."""
    is_power = cost > 1 and cost & (cost - 1) == 0
    if not is_power or block < 1 or parallel < 1 or 128 * cost * block > _MEMORY_BYTES:
        raise ValueError("numbers of scrypt that cannot be used")


def _scrypt(password: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        password.encode(),
        salt=salt,
        n=cost,
        r=block,
        p=parallel,
        maxmem=2 * _MEMORY_BYTES,
        dklen=_HASH_BYTES,
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
