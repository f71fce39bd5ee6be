# SPDX-License-Identifier: Apache-2.0
"""What survives a crash: what is wanted, what was made, and what was about to happen to it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import pathlib
from collections.abc import Mapping
from typing import Final

from .codec import Codec, JsonCodec, NotDecodable, NotEncodable
from .errors import JournalError, describe
from .journal_batch import ADOPTED, DOUBTFUL, Batch, MadeEntry, Retry, State, WantedEntry
from .journal_lock import LockFile
from .journal_store import Store
from .model import RetryPolicy

__all__ = ["Journal", "Made", "Records", "Wanted"]

_log = logging.getLogger(__name__)
_NOTHING: Final = object()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A value that the northbound wants, and the policy by which it is retried.

    With a ``base``, the last valid value of a key that the base derives an invalid one for now.
    """

    value: object
    retry: RetryPolicy | None = None
    base: str | None = None


_NO_WISHES: Final[Mapping[str, Wanted]] = {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A value that the southbound holds because of us, or that we took over (``adopted``).

    ``doubtful``: an operation was about to happen and its outcome is not known, so the value
    may be there, be another, or be absent; only the southbound can tell.
    """

    value: object
    metadata: object = None
    adopted: bool = False
    doubtful: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Records:
    """All that a journal holds, by key.

    ``rejected`` are the wishes that were invalid; a key's last valid one may still be wanted.
    """

    wanted: dict[str, Wanted]
    made: dict[str, Made]
    rejected: dict[str, Wanted] = dataclasses.field(default_factory=dict)


class Journal:
    """Keep what an engine wants and has made in one SQLite file, for one engine at a time.

    Whatever ``begin`` and ``flush`` have returned from outlives a SIGKILL. A power cut or a
    crash of the system may take the last of it, though never the file's consistency: that
    suits a southbound that loses its state as well, such as the local kernel. For any other
    pass ``power_safe=True``, which costs an fsync with each transaction.

    A file that is damaged, behind itself or of an unknown version is refused as a whole; no
    part of it is ever used. ``codec`` turns values and metadata into bytes; metadata that it
    refuses is stored as None. Not thread-safe: use it from the thread that opened it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        codec: Codec | None = None,
        power_safe: bool = False,
    ) -> None:
        """Remember the path; nothing is touched before ``open``."""
        self.path = pathlib.Path(path).absolute()
        self._codec: Codec = codec if codec is not None else JsonCodec()
        self._power_safe = power_safe
        self._lock = LockFile(f"{self.path}.lock")
        self._store: Store | None = None
        self._buffer: dict[str, Made | None] = {}
        # The intents in the file whose outcome is not yet there; and all keys made in it.
        self._intended: dict[str, object] = {}
        self._known: set[str] = set()

    def open(self) -> Records:
        """Take the lock, check the file, bring it to the current version and load it.

        Creates the file, and its directory, where they are missing.
        """
        if self._store is not None:
            message = f"journal {self.path} is open already"
            raise JournalError(message)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"journal directory {self.path.parent} cannot be made: {error.strerror}"
            raise JournalError(message) from error
        with contextlib.ExitStack() as undo:
            self._lock.acquire()
            undo.callback(self._lock.release)
            store, state = Store.open(
                str(self.path), mark=self._lock.read_mark(), power_safe=self._power_safe
            )
            undo.callback(store.close)
            records = self._decoded(state)
            undo.pop_all()
        self._store, self._known = store, set(records.made)
        return records

    def peek(self) -> Records:
        """Return what the journal holds, for tools: without the lock, and changing nothing."""
        return self._decoded(Store.peek(str(self.path), mark=self._lock.read_mark()))

    def begin(
        self,
        wanted: Mapping[str, Wanted | None],
        intents: Mapping[str, object],
        rejected: Mapping[str, Wanted] = _NO_WISHES,
    ) -> None:
        """Store, in one step, what is wanted from now on and what is about to be operated on.

        A wanted value of None is wanted no longer. A rejected one, or with a base what counts in
        its place, is remembered until the key is wanted otherwise; one that the codec refuses is
        not. An intent is stored as doubtful, with the value that will stand, or did; it keeps
        ``adopted`` and the metadata known before. All of it outlives a SIGKILL on return; after a
        ``JournalError`` none of it is stored.
        """
        store = self._opened()
        made = self._outcomes()
        wishes: dict[str, WantedEntry | None] = {}
        for key, want in wanted.items():
            wishes[key] = None if want is None else self._encoded_wish(key, want)
        refused: dict[str, WantedEntry] = {}
        for key, want in rejected.items():
            try:
                refused[key] = self._encoded_wish(key, want)
            except NotEncodable as error:
                _log.warning("the invalid wish for %s is not kept: %s", key, error)
        intended: dict[str, str | None] = {}
        for key, value in intents.items():
            want = wanted.get(key)
            same = want is not None and want.value is value
            intended[key] = None if same else self._encoded(key, value)
        self._write(store, Batch(made, wishes, intended, refused))
        self._intended.update(intents)
        self._known.update(intents)

    def record(self, key: str, made: Made | None) -> None:
        """Note what is now known of a key, None where it is gone; the next flush stores it."""
        self._buffer[key] = made

    def flush(self) -> None:
        """Store what was recorded; it outlives a SIGKILL on return, and is kept on an error.

        A record whose value the codec refuses is the exception: it is dropped, so that it does
        not stand in the way of the others, and the file keeps what it had under that key.
        """
        if self._buffer:
            store = self._opened()
            self._write(store, Batch(made=self._outcomes()))
            try:
                store.compact()
            except JournalError as error:
                # The outcomes are stored all the same.
                _log.warning("journal is not compacted: %s", error)
            self._lock.mark(store.number)

    def close(self) -> None:
        """Flush and let go of file and lock, also where flushing fails; harmless when closed."""
        store, refused = self._store, None
        if store is None:
            return
        try:
            while self._buffer:
                try:
                    self.flush()
                except NotEncodable as error:
                    refused = refused or error
        finally:
            self._store = None
            self._buffer, self._intended, self._known = {}, {}, set()
            try:
                store.close()
            finally:
                self._lock.release()
        if refused is not None:
            raise refused

    def _opened(self) -> Store:
        if self._store is None:
            message = f"journal {self.path} is not open"
            raise JournalError(message)
        return self._store

    def _write(self, store: Store, batch: Batch) -> None:
        if not batch.is_empty():
            try:
                store.write(batch)
            except BaseException:
                # It may be in the file all the same: nothing may be taken for known to be there
                # or not.
                self._intended.clear()
                self._known.update(batch.made, batch.intents)
                raise
            self._lock.mark(store.number)
        for key, entry in batch.made.items():
            self._intended.pop(key, None)
            if entry is None:
                self._known.discard(key)
            else:
                self._known.add(key)
        self._buffer.clear()

    def _outcomes(self) -> dict[str, MadeEntry | None]:
        """Return what was recorded, as it goes into a batch."""
        entries: dict[str, MadeEntry | None] = {}
        for key, made in self._buffer.items():
            if made is None:
                # Of what others make and remove there is nothing in the file.
                if key in self._known:
                    entries[key] = None
                continue
            value = None
            # Mostly the very value that was intended; then the file has it already.
            if self._intended.get(key, _NOTHING) is not made.value:
                try:
                    value = self._encoded(key, made.value)
                except NotEncodable:
                    del self._buffer[key]
                    raise
            flags = (ADOPTED if made.adopted else 0) | (DOUBTFUL if made.doubtful else 0)
            entries[key] = (value, self._encoded_metadata(key, made.metadata), flags)
        return entries

    def _encoded_wish(self, key: str, wish: Wanted) -> WantedEntry:
        return self._encoded(key, wish.value), _retry_entry(wish.retry), wish.base

    def _encoded(self, key: str, value: object) -> str:
        try:
            key.encode()
            data = self._codec.encode(value)
        except Exception as error:
            message = f"journal {self.path} cannot store the value of {key!r}: {describe(error)}"
            raise NotEncodable(message) from error
        if type(data) is not bytes:
            message = f"the codec of journal {self.path} returned no bytes for {key}"
            raise NotEncodable(message)
        return data.decode("latin-1")

    def _encoded_metadata(self, key: str, metadata: object) -> str | None:
        if metadata is None:
            return None
        try:
            return self._encoded(key, metadata)
        except NotEncodable as error:
            # A handle, say: it would mean nothing in another process.
            _log.debug("metadata of %s is not kept: %s", key, error)
            return None

    def _decoded(self, state: State) -> Records:
        records = Records({}, {})
        for entries, wishes in (
            (state.wanted, records.wanted),
            (state.rejected, records.rejected),
        ):
            for key, (value, retry, base) in entries.items():
                policy = self._policy(key, retry)
                wishes[key] = Wanted(value=self._value(key, value), retry=policy, base=base)
        for key, (value, metadata, flags) in state.made.items():
            records.made[key] = Made(
                value=self._value(key, value),
                metadata=self._metadata(key, metadata),
                adopted=bool(flags & ADOPTED),
                doubtful=bool(flags & DOUBTFUL),
            )
        return records

    def _value(self, key: str, data: str) -> object:
        try:
            return self._codec.decode(data.encode("latin-1"))
        except Exception as error:
            message = f"journal {self.path} cannot read the value of {key}: {describe(error)}"
            raise NotDecodable(message) from error

    def _policy(self, key: str, retry: Retry | None) -> RetryPolicy | None:
        try:
            return None if retry is None else RetryPolicy(**retry)
        except (TypeError, ValueError) as error:
            message = f"journal {self.path} cannot read the retry policy of {key}: {error}"
            raise NotDecodable(message) from error

    def _metadata(self, key: str, data: str | None) -> object:
        try:
            return None if data is None else self._value(key, data)
        except NotDecodable as error:
            _log.warning("metadata of %s is lost: %s", key, error)
            return None


@functools.lru_cache(maxsize=64)
def _retry_entry(policy: RetryPolicy | None) -> Retry | None:
    # One policy mostly serves a whole transaction.
    return None if policy is None else dataclasses.asdict(policy)
