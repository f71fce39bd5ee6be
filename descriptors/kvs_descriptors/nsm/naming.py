# SPDX-License-Identifier: Apache-2.0
"""What the interface of a client is called at an endpoint, and whether the client is let in."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Mapping

from .errors import BadMechanism, Declined
from .mechanisms import check_interface_name

__all__ = ["Naming"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The rules of one endpoint; what it holds is names by the ids of its connections."""

    prefix: str
    suffix_label: str = ""
    is_single_client: bool = False

    @property
    def only(self) -> str:
        """Return the one name that there can be, "" where it is known with the client only."""
        return f"{self.prefix}0" if self.is_single_client and not self.suffix_label else ""

    def name(
        self,
        connection: str,
        labels: Mapping[str, str],
        held: Mapping[str, str],
        *,
        others: Collection[str] = (),
        brought: str = "",
    ) -> str:
        """Return the name for a connection; raise ``Declined`` where it is not let in.

        A connection that is there already keeps its name: to ask again is to refresh. ``others``
        are the names that other endpoints have, ``brought`` is what the client says that it was
        called before: it is believed where it could have been so.
        """
        if connection in held:
            return held[connection]
        if self.is_single_client and held:
            raise Declined("the endpoint has its one client already")
        taken = {*held.values(), *others}
        if brought and brought not in taken and self._may_be(brought, labels):
            return brought
        name = self._made(labels, taken)
        if name in taken:
            raise Declined(f"another client's interface is called {name} already")
        try:
            check_interface_name(name)
        except BadMechanism as error:
            raise Declined(str(error)) from error
        return name

    def _made(self, labels: Mapping[str, str], taken: Collection[str]) -> str:
        if self.only:
            return self.only
        return self._by_label(labels) if self.suffix_label else self._by_number(taken)

    def _may_be(self, name: str, labels: Mapping[str, str]) -> bool:
        """Tell whether we could have called it so."""
        try:
            check_interface_name(name)
        except BadMechanism:
            return False
        if self.only:
            return name == self.only
        if not name.startswith(self.prefix):
            return False
        suffix = name[len(self.prefix) :]
        if self.suffix_label:
            return suffix != "" and suffix == labels.get(self.suffix_label, "")
        return suffix.isascii() and suffix.isdigit() and str(int(suffix)) == suffix

    def _by_label(self, labels: Mapping[str, str]) -> str:
        suffix = labels.get(self.suffix_label, "")
        if not suffix:
            raise Declined(f"a client needs the label {self.suffix_label!r} here")
        return f"{self.prefix}{suffix}"

    def _by_number(self, taken: Collection[str]) -> str:
        names = (f"{self.prefix}{number}" for number in itertools.count())
        return next(name for name in names if name not in taken)
