# SPDX-License-Identifier: Apache-2.0
"""What was wanted before a trial, in a file that outlives whatever happens to the trial."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .sources.config import Configuration, from_data, to_data
from .sources.problems import ConfigError, Problem

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = ["Trial"]


class Trial:
    """The file beside the journal that is there from the beginning of a trial to its end."""

    def __init__(self, state: pathlib.Path) -> None:
        self.path = state.with_name(f"{state.name}.trial")

    @property
    def is_open(self) -> bool:
        """Whether a trial has neither been confirmed nor been rolled back."""
        return self.path.exists()

    def begin(self, before: Mapping[str, Message]) -> None:
        """Note what is wanted now, for its owner's eyes alone, before anything is changed."""
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            json.dump(to_data(before), opened)
            opened.flush()
            os.fsync(opened.fileno())

    def before(self) -> Configuration:
        """Return what was wanted before; ``ConfigError`` where the file is damaged."""
        try:
            data = json.loads(self.path.read_bytes())
        except ValueError as error:
            problem = Problem(text=f"not the note of a trial: {error}", file=str(self.path))
            raise ConfigError([problem]) from None
        return from_data(data, str(self.path))

    def end(self) -> None:
        """Forget it: it was confirmed, or has been rolled back."""
        self.path.unlink(missing_ok=True)
