"""Which IP addresses are on the public internet."""

from __future__ import annotations

import ipaddress

# They carry an IPv4 address inside, so that a "global" one may lead anywhere.
_TRANSLATED = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]


def is_public(address: str) -> bool:
    """Whether an address is on the public internet; mapped, translated, shared and multicast ones are not."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    is_translated = any(ip in network for network in _TRANSLATED)
    if is_translated or (isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local)
