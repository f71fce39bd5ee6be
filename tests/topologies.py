# SPDX-License-Identifier: Apache-2.0
"""Configurations for the tests that run kvsctl on real networking."""

from __future__ import annotations

__all__ = ["CABLE", "UNPLUGGED", "cables", "end"]


def end(name: str, peer: str, namespace: str, address: str, *, more: str = "") -> str:
    """Return one end of a cable; ``more`` holds further fields, as lines of YAML."""
    further = "".join(f"      {line}\n" for line in more.splitlines())
    return (
        f"    - name: {name}\n"
        "      type: VETH\n"
        f"      namespace: {{type: NSID, reference: {namespace}}}\n"
        f"      host_if_name: {name}\n"
        "      enabled: true\n"
        f"      ip_addresses: [{address}]\n"
        f"      veth: {{peer_if_name: {peer}}}\n"
        f"{further}"
    )


def cables(count: int) -> str:
    """Return so many cables between two namespaces, each with its own small network."""

    def network(number: int) -> str:
        return f"10.{9 + number // 256}.{number % 256}"

    ends = [
        end(f"a{number}", f"b{number}", "left", f"{network(number)}.1/24")
        + end(f"b{number}", f"a{number}", "right", f"{network(number)}.2/24")
        for number in range(count)
    ]
    return "linuxConfig:\n  interfaces:\n" + "".join(ends)


CABLE = cables(1) + (
    "  routes:\n"
    "    - {outgoing_interface: a0, scope: GLOBAL, dst_network: 10.20.0.0/16, gw_addr: 10.9.0.2}\n"
)

# One end alone: a cable has two.
UNPLUGGED = "linuxConfig:\n  interfaces:\n" + end("a0", "b0", "left", "10.9.0.1/24")
