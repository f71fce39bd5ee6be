# SPDX-License-Identifier: Apache-2.0
"""Runs many commands of kvsctl in one process, and tells as JSON what each has said.

One request at a time, so that what was done is always told in the same order.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import shlex
import subprocess
import sys
from pathlib import Path

from kvs_agent.cli import main

__all__ = ["said"]


def said(line: str) -> dict[str, object]:
    """Run one line, kvsctl in this process; return what it said, and its exit code."""
    program, *arguments = shlex.split(line)
    if program != "kvsctl":
        subprocess.run([program, *arguments], check=True)
        return {"line": line}
    logging.getLogger().handlers.clear()  # each run gives the log to its own stderr
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        # An agent is told so by its settings.
        one_by_one = [] if os.environ.get("KVSCTL_AGENT") else ["--parallel", "1"]
        code = main([*one_by_one, *arguments])
    return {"line": line, "out": out.getvalue(), "err": err.getvalue(), "code": code}


if __name__ == "__main__":
    lines = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(json.dumps([said(line) for line in lines]))
