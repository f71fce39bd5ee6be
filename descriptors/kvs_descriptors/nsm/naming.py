# SPDX-License-Identifier: Apache-2.0
"""What the interface of a client is called at an endpoint, and whether the client is let in."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

from .errors import BadMechanism, Declined
from .mechanisms import check_interface_name

__all__ = ["Naming"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The rules of one endpoint; what it holds is names by the ids of its connections."""

    prefix: str
    suffix_label: str = ""
    is_single_client: bool = False

    def name(self, connection: str, labels: Mapping[str, str], held: Mapping[str, str]) -> str:
        """Return the name for a connection; raise ``Declined`` where it is not let in.

        A connection that is there already keeps its name: to ask again is to refresh.
        """
        if connection in held:
            return held[connection]
        if self.is_single_client and held:
            raise Declined("the endpoint has its one client already")
        taken = set(held.values())
        name = self._by_label(labels) if self.suffix_label else self._by_number(taken)
        if name in taken:
            raise Declined(f"another client's interface is called {name} already")
        try:
            check_interface_name(name)
        except BadMechanism as error:
            raise Declined(str(error)) from error
        return name

    def _by_label(self, labels: Mapping[str, str]) -> str:
        suffix = labels.get(self.suffix_label, "")
        if not suffix:
            raise Declined(f"a client needs the label {self.suffix_label!r} here")
        return f"{self.prefix}{suffix}"

    def _by_number(self, taken: set[str]) -> str:
        names = (f"{self.prefix}{number}" for number in itertools.count())
        return next(name for name in names if name not in taken)
