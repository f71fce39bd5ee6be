# SPDX-License-Identifier: Apache-2.0
"""How a result and an error are told."""

from __future__ import annotations

import errno

import pytest

from kvs_agent.cli import outcome
from kvs_agent.cli.failure import UserError, lines, reason_line
from kvscheduler.errors import InvalidValue, JournalLocked, OperationError
from kvscheduler.plan import Executed, Operation, Plan, TransactionResult


def executed(
    kind: str, *, recreate: bool = False, error: Exception | None = None, revert: bool = False
) -> Executed:
    operation = Operation(kind, "k", None, "d", None, None, "", recreate)
    return Executed(operation, error, 0.1, revert)


def result(*operations: Executed, reverted: bool = False) -> TransactionResult:
    return TransactionResult(
        number=1,
        kind="transaction",
        errors={},
        operations=operations,
        plan=Plan(),
        duration_s=0.123,
        reverted=reverted,
    )


def test_the_summary_counts_what_was_done_and_a_recreate_once() -> None:
    done = result(
        executed("create"),
        executed("delete", recreate=True),
        executed("create", recreate=True),
        executed("update", error=OSError()),
    )

    assert outcome.summary(done) == (
        "Done in 0.12 s: 1 created, 0 updated, 1 recreated, 0 deleted; 1 failed."
    )


def test_a_rollback_says_whether_all_of_it_went_well() -> None:
    back = executed("delete", revert=True)
    stuck = executed("delete", revert=True, error=OSError())

    assert outcome.summary(result(executed("create"), back, reverted=True)).endswith(
        "1 created, 0 updated, 0 recreated, 0 deleted.\n"
        "Rolled back: everything stands as it did before."
    )
    assert outcome.summary(result(executed("create"), back, stuck, reverted=True)).endswith(
        "Rolled back, but 1 of 2 steps back failed."
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("no such key"), "error: no such key"),
        (InvalidValue("too big", ("mtu",)), "error: mtu: too big"),
        (JournalLocked("s.db is held by pid 7"), "error: s.db is held by pid 7"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.yaml"), "error: a.yaml: No such file"),
        (ExceptionGroup("tasks", [UserError("inner")]), "error: inner"),
        (
            PermissionError(errno.EPERM, "Operation not permitted"),
            "error: Operation not permitted; kvsctl changes the kernel's networking and needs",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "a.yaml"),
            "error: a.yaml: Permission denied",
        ),
        (ZeroDivisionError("x\ny"), "error: ZeroDivisionError: x y (--verbose shows where it ar"),
        (UserError("a\x1b[2Jb"), "error: a\\x1b[2Jb"),
    ],
)
def test_an_error_is_one_line_that_a_person_can_use(error: Exception, line: str) -> None:
    (shown,) = lines(error)

    assert shown.startswith(line)
    assert shown.isprintable()


def test_an_error_on_a_key_names_the_key_once() -> None:
    cause = PermissionError(errno.EPERM, "Operation not permitted")

    assert reason_line("a/b", OperationError("a/b", "create", OSError(17, "File exists"))) == (
        "error: create a/b: [Errno 17] File exists"
    )
    assert reason_line("a/b", OperationError("a/b", "create", OSError("a/b: taken"))) == (
        "error: create a/b: taken"
    )
    assert reason_line("a/b", InvalidValue("too big", ("mtu",))) == "error: a/b: mtu: too big"
    assert reason_line("a/b", OperationError("a/b", "create", cause)).endswith("needs root")
