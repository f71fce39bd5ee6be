# SPDX-License-Identifier: Apache-2.0
"""What teaches the scheduler a kind of value: the class to subclass, and its way back in."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from .model import Depends, DependsOnAny, Derived, Retrieved

__all__ = ["Descriptor", "Southbound"]

V = TypeVar("V")
M = TypeVar("M")


class Southbound(Protocol):
    """What a descriptor may tell and ask the scheduler; handed to ``Descriptor.attach``."""

    def notify(
        self, changes: Mapping[str, Any], metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Report properties, or drift: key to value, None for gone. Never waits, any thread.

        What is reported for one key before the engine gets to it is coalesced: the last counts.
        """

    def failed(self, key: str, error: Exception) -> None:
        """Report that a value which stood has broken: it becomes FAILED, or RETRYING."""

    def request_resync(self, prefix: str = "") -> None:
        """Ask for a downstream resync of the keys below a prefix, as after a reconnect."""

    def request_refresh(self, keys: Iterable[str], *, around: bool = False) -> None:
        """Ask for keys to be read again: something about them has moved, but not known is what.

        A key that ends with a slash stands for all known ones below it; unknown ones are ignored.
        ``around``: with what derives from them, and what needs either. What is as it was leaves
        no trace. Never waits, any thread; coalesced.
        """

    def metadata(self, descriptor: str) -> Mapping[str, Any]:
        """Return a read-only live mapping from label to metadata, of any descriptor."""


class Descriptor(Generic[V, M]):
    """Teach the scheduler one kind of value; override what differs from the defaults.

    The methods of the first group are pure and are called while planning; those of the second
    group touch the southbound and may be ``def`` or ``async def``. Plain ``def`` ones run on the
    event loop and must not block; set ``blocking`` to have them run in threads. Any exception
    counts against the value at hand only. A subclass need not call ``super().__init__()``.
    """

    name: str = ""
    key_prefix: str = ""
    retrieve_after: Sequence[str] = ()
    max_parallel: int | None = None
    blocking: bool = False
    deadline_s: float | None = None

    # What a value means: pure, no I/O.

    def selects(self, key: str) -> bool:
        """Tell whether this descriptor serves the key; overriding it replaces ``key_prefix``."""
        return bool(self.key_prefix) and key.startswith(self.key_prefix)

    def label(self, key: str) -> str:
        """Return the key's name in ``metadata()``; by default the key less the prefix."""
        return key.removeprefix(self.key_prefix)

    def validate(self, key: str, value: V) -> None:
        """Raise ``InvalidValue`` where the value cannot be configured as it stands."""

    def equivalent(self, key: str, old: V, new: V) -> bool:
        """Tell whether two values configure the same, so that no update is needed."""
        return bool(old == new)

    def dependencies(self, key: str, value: V) -> Iterable[Depends | DependsOnAny]:
        """Return what must be present for this value to be; all of it is needed."""
        return ()

    def derived(self, key: str, value: V) -> Iterable[Derived]:
        """Return the values that this one brings along, one level deep."""
        return ()

    def requires_recreate(self, key: str, old: V, new: V, metadata: M | None) -> bool:
        """Tell whether old can only become new by a delete and a create."""
        return False

    def claims(self, key: str, value: V) -> Iterable[str]:
        """Return the exclusive things the value holds, such as ``ifname:ns1/tap0``."""
        return ()

    def is_retriable(self, error: Exception) -> bool:
        """Tell whether trying again may help after this error."""
        return True

    def why_absent(self, key: str) -> str:
        """Say why a value that others wait for is not there (yet), as far as is known here.

        Asked whenever somebody looks at the status of what waits, and never while planning: so
        the answer may be another one each time. It has to be at hand; "" for nothing to say.
        """
        return ""

    # The southbound: def or async def.

    def create(self, key: str, value: V) -> M | None | Awaitable[M | None]:
        """Make the value and return its metadata. Must be idempotent: after a crash or a
        missed deadline it is called for a value that may be there already.

        A descriptor that leaves this alone only takes properties.
        """  # noqa: D205 - one thought, two sentences
        raise NotImplementedError

    def update(
        self, key: str, old: V, new: V, metadata: M | None
    ) -> M | None | Awaitable[M | None]:
        """Change the value in place; None leaves the metadata. Not overridden: recreate."""
        raise NotImplementedError

    def delete(self, key: str, value: V, metadata: M | None) -> None | Awaitable[None]:
        """Remove the value; one that is gone already is a success.

        ``metadata`` may be None after a crash.
        """
        raise NotImplementedError

    def retrieve(
        self, expected: Sequence[Retrieved], keys: Sequence[str] | None = None
    ) -> Iterable[Retrieved] | Awaitable[Iterable[Retrieved]]:
        """Return what the southbound holds of this kind; derived values of it too.

        ``expected`` is what the engine believes or wants to be there, to correlate with. With
        ``keys`` only these are asked for. Raise ``PartialRetrieve`` where a part is unreadable.
        """
        raise NotImplementedError

    def attach(self, southbound: Southbound) -> None:
        """Receive the way back into the scheduler; called once, before anything else."""

    async def watch(self) -> None:
        """Follow the southbound and call ``southbound.notify``; runs from start to close.

        Restarted, after a pause, when it raises.
        """
