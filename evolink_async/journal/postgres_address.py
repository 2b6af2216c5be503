"""The address of a journal in PostgreSQL, with what every connection needs. Its password is shown to nobody."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import conninfo

from ..errors import ConfigurationError

# A silent network is noticed within half a minute. What the address sets itself holds.
DEFAULTS = {
    "application_name": "evolink_async",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}
# With another one, of the address, the role or the environment, texts come as bytes, or cannot be written.
ALWAYS = {"client_encoding": "utf8"}


def read_address(url: str) -> tuple[str, str, str]:
    """Read an address.

    Returns:
        What libpq connects to; the address without user and password, for messages; and the password.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        # Its text may quote any part of the address.
        raise ConfigurationError(
            "the address of the journal is not one of PostgreSQL, as postgresql://user@host/database"
        ) from None
    return conninfo.make_conninfo("", **(DEFAULTS | given | ALWAYS)), _place(given), str(given.get("password") or "")


def _place(given: dict[str, Any]) -> str:
    # Several hosts share one port, or have one each.
    hosts = str(given.get("host") or given.get("hostaddr") or "localhost").split(",")
    ports = str(given.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    where = ",".join([f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False)])
    return f"postgresql://{where}/{given.get('dbname') or ''}"
