# SPDX-License-Identifier: Apache-2.0
"""The laws that descriptors keep, and what is said to the author of one that breaks a law."""

from __future__ import annotations

import enum
from collections.abc import Mapping

__all__ = ["Law", "LawBroken"]

_LONGEST = 2000  # letters of one value in a message


class Law(enum.Enum):
    """One law: what it demands, and what to look at where it is broken."""

    def __init__(self, demands: str, advice: str) -> None:
        self.demands = demands
        self.advice = advice

    PURE = (
        "the methods that say what a value means answer the same when they are asked again",
        (
            "compute the answer from key and value alone: no counters, no clock, no I/O, no sets"
            " of changing order, nothing kept from the last call"
        ),
    )
    UNTOUCHED = (
        "no method changes a value that it is given",
        "values belong to the engine: copy before you change",
    )
    REFUSALS = (
        "the methods that say what a value means raise nothing but InvalidValue",
        "have validate() raise InvalidValue for what the other methods cannot work with",
    )
    ANSWERS = (
        "the methods that say what a value means answer in the engine's words",
        (
            "dependencies() returns Depends and DependsOnAny, derived() returns Derived with keys"
            " and values of their own, claims() returns strings, the others True or False"
        ),
    )
    EQUIVALENCE = (
        (
            "equivalent() is an equivalence: each value equals itself, the order of two makes no"
            " difference, and equals of equals are equal"
        ),
        (
            "bring both values into one normal form and compare these with ==; a tolerance (about"
            " as large as) is no equivalence"
        ),
    )
    NEEDLESS_RECREATE = (
        "equivalent values never ask for a recreate",
        (
            "in requires_recreate() compare just the fields that cannot be changed in place, in"
            " the same normal form as equivalent() does"
        ),
    )
    CREATE = (
        "what validate() lets pass can be created, once what it depends on is there",
        (
            "have validate() refuse what the southbound will refuse, or dependencies() wait for"
            " what is missing; what no descriptor can know keep out of the values= of this test"
        ),
    )
    CREATE_AGAIN = (
        "a create whose answer was lost can be done again: already there and ours is a success",
        (
            "look at what is there when the southbound says that it exists: if it is yours, finish"
            " it and return its metadata"
        ),
    )
    INTERRUPTED = (
        (
            "a create that is cut short leaves what the next create finishes, or what retrieve()"
            " finds and delete() removes"
        ),
        (
            "put your mark on what you make in the call that makes it, or let retrieve() find what"
            " is half made"
        ),
    )
    UPDATE_INTERRUPTED = (
        (
            "an update that is cut short leaves what retrieve() finds, and what a later update,"
            " delete or create deals with"
        ),
        (
            "set what is to be, whatever stands; where it takes several steps, let retrieve() find"
            " what is between them, and create() finish what is ours and half there"
        ),
    )
    DELETE_INTERRUPTED = (
        (
            "a delete that is cut short leaves what retrieve() finds, and what a later delete,"
            " update or create deals with"
        ),
        (
            "take away first what makes it work, and last what it is found and known by; take what"
            " is gone already for a success"
        ),
    )
    RETRIEVE = (
        (
            "retrieve() finds what stands, once, under the key it was wanted by, and nothing else"
            " of ours"
        ),
        (
            "use expected= to find the key of what is there; tell others' values from yours by a"
            " mark, or leave them out"
        ),
    )
    ROUND_TRIP = (
        "what is retrieved after a create is equivalent to what was wanted",
        (
            "fill in what the southbound adds by itself in equivalent(), or leave it out in"
            " retrieve(); otherwise each resync updates it anew"
        ),
    )
    READ_ONLY = (
        "retrieve() changes nothing",
        "move what changes the southbound into create(), update() or delete()",
    )
    ASKED_KEYS = (
        "retrieve(expected, keys) tells of these keys what retrieve(expected) tells of them",
        "filter what you have found by its key, as the last step",
    )
    METADATA = (
        (
            "metadata is what create() returned, until update() returns other: retrieve() tells"
            " the same after a restart"
        ),
        "return from retrieve() what create() returns, found out from the southbound",
    )
    EQUIVALENT = (
        "equivalent values need no update: what stands for one stands for the other",
        "equivalent() leaves out a field that the southbound holds: compare it too",
    )
    UPDATE = (
        "after update() the new value stands, whatever stood before",
        (
            "compare old and new field by field, also for what the new value no longer has; where"
            " it cannot be done in place, say so in requires_recreate()"
        ),
    )
    UPDATE_AGAIN = (
        "an update whose answer was lost can be done again",
        "set what is to be, rather than adding the difference",
    )
    DELETE = (
        "what was created can be deleted, also without its metadata",
        "find it by key and value where metadata is None",
    )
    DELETE_AGAIN = (
        "to delete what is gone is a success, and changes nothing",
        "take the southbound's answer that there is no such thing for a success",
    )
    WATCH = (
        "what changes in the southbound while watch() runs is reported",
        (
            "notify() of what is there now, or ask for it to be read: request_refresh(),"
            " request_resync(). A watch() that takes time before it listens asks for a resync then"
        ),
    )
    WATCH_ENDS = (
        (
            "watch() does not fail again and again; it ends soon, without an error, when it is"
            " cancelled, and can be started again"
        ),
        (
            "let CancelledError pass, and undo in finally what watch() has begun, so that the next"
            " call can begin it anew"
        ),
    )
    LEFTOVERS = (
        "once all values are deleted, everything is as it was before the first of them",
        "have delete() undo all that create() and update() have done",
    )
    STRANGERS = (
        "what others made is neither changed nor removed, nor retrieved as ours",
        (
            "have create() raise where another's thing is in the way; have delete() and retrieve()"
            " look at the mark of what they find"
        ),
    )


class LawBroken(AssertionError):
    """A descriptor broke ``law``; the message says on which key, with which values, and how."""

    def __init__(
        self, law: Law, name: str, key: str, expected: str, found: str, **values: object
    ) -> None:
        super().__init__(law, key)
        self.law = law
        self.descriptor = name
        self.key = key
        self.expected = expected
        self.found = found
        self.values: Mapping[str, object] = values

    def __str__(self) -> str:
        rows = [("the law", self.law.demands), ("key", self.key)]
        rows += [(name.replace("_", " "), shown(value)) for name, value in self.values.items()]
        rows += [("expected", self.expected), ("found", self.found)]
        rows += [("what to do", self.law.advice)]
        lines = [f"  {name + ':':<12}{text}" for name, text in rows if text]
        return "\n".join([f"descriptor {self.descriptor} breaks {self.law.name}", *lines])


def shown(value: object) -> str:
    """Return a value as one line of a message."""
    text = " ".join(repr(value).split("\n")).strip() or f"{type(value).__name__}()"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
