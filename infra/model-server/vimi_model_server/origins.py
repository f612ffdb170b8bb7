"""Who may call this machine: any program on it, and no web page."""

import ipaddress
from urllib.parse import urlsplit

from .problems import Problem


def check_origin(headers, *, has_key):
    """Refuses web pages of other origins and, without a key, whoever calls this machine by a foreign name, as a page behind a
    forged DNS entry does. ORIGIN_REFUSED."""
    host, origin = headers.get("host", ""), headers.get("origin")
    if origin is not None and part_of(origin, "netloc") != host:
        raise Problem("ORIGIN_REFUSED", "web pages of other origins are not answered")
    if not has_key and not is_loopback(part_of(f"//{host}", "hostname")):
        raise Problem("ORIGIN_REFUSED", f"Host: expected localhost or a loopback address, found {host!r:.80}")


def is_loopback(host):
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def part_of(address, part):
    try:
        return getattr(urlsplit(address), part) or ""
    except ValueError:
        return ""
