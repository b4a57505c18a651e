"""Who a request comes from: what a trusted proxy says of it, and else who sent it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from werkzeug.http import parse_list_header, parse_options_header

__all__ = ["Origin", "Proxies"]

_USUAL: Literal["x-forwarded-for"] = "x-forwarded-for"


@dataclass(frozen=True)
class Origin:
    """Where a request comes from.

    Attributes:
        client: The address of whoever asks.
        scheme: How the client asks the outermost server, or the empty string for as here.
        host: What the client calls that server, or the empty string for as here.
    """

    client: str
    scheme: str = ""
    host: str = ""


class Proxies:
    """The proxies whose word is taken on where a request comes from.

    Anybody can write ``Forwarded`` and ``X-Forwarded-For`` into a request, so they count
    only as far as each hop that added to them is trusted (RFC 7239).

    Example:
        >>> proxies = Proxies(["192.0.2.0/24"])
        >>> headers = {"x-forwarded-for": "203.0.113.9, 198.51.100.7"}
        >>> proxies.origin("192.0.2.1", headers).client
        '198.51.100.7'
        >>> proxies.origin("203.0.113.1", headers).client
        '203.0.113.1'
    """

    def __init__(
        self, networks: Iterable[str] = (), header: Literal["x-forwarded-for", "forwarded"] = _USUAL
    ) -> None:
        """Trust the proxies at these addresses or in these networks.

        Args:
            networks: The addresses or networks.
            header: The one header that they all write. The other comes from anybody, since
                a proxy that does not know it lets it through.

        Raises:
            ValueError: One is neither an address nor a network.
        """
        self._header = header
        self._networks: list[IPv4Network | IPv6Network] = [
            ip_network(network, strict=False) for network in networks
        ]

    def __bool__(self) -> bool:
        """Return whether any proxy is trusted."""
        return bool(self._networks)

    def origin(self, peer: str, headers: Mapping[str, str]) -> Origin:
        """Return where a request comes from.

        Args:
            peer: The address at the other end of the connection.
            headers: The headers, by their names in lower case.
        """
        if not self._trusts(peer):
            return Origin(peer)
        said = headers.get("forwarded", "")
        hops = _forwarded(said) if self._header == "forwarded" else _x_forwarded(headers)
        found = Origin(peer)
        for hop in reversed(hops):
            client = _address(hop.client)
            found = Origin(client or found.client, hop.scheme, hop.host)
            if not self._trusts(client):
                break
        return found

    def _trusts(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)


def _forwarded(header: str) -> list[Origin]:
    """Return the hops of a ``Forwarded`` header, the client's own first."""
    hops = []
    for element in parse_list_header(header):
        parts = parse_options_header(f"x; {element}")[1]
        hops.append(Origin(parts.get("for", ""), parts.get("proto", ""), parts.get("host", "")))
    return hops


def _x_forwarded(headers: Mapping[str, str]) -> list[Origin]:
    """Return the hops of the older headers; the scheme and the host are the last proxy's."""
    scheme, host = (
        headers.get(name, "").rpartition(",")[2].strip()
        for name in ("x-forwarded-proto", "x-forwarded-host")
    )
    clients = [one.strip() for one in headers.get("x-forwarded-for", "").split(",")]
    return [Origin(client, scheme, host) for client in clients if client]


def _address(node: str) -> str:
    """Return the address of a node without its port, or the empty string for no address."""
    node = node.strip().strip('"')
    if node.startswith("["):
        node = node[1:].partition("]")[0]
    elif node.count(":") == 1:
        node = node.partition(":")[0]
    try:
        return str(ip_address(node))
    except ValueError:
        return ""
