"""Whether a port that gave no answer to a plain request speaks TLS, so that it can't have understood the request."""

from __future__ import annotations

import socket
import ssl
import warnings

SECONDS = 1.5
"""A handshake takes a fraction of it; a plain server waits in vain for the end of a request."""


def speaks_tls(host: str, port: int) -> bool:
    """Shakes hands and hangs up. Trusts nobody, because it says nothing: no byte of the request is in it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    try:
        with socket.create_connection((host, port), SECONDS) as plain, context.wrap_socket(plain, server_hostname=host):
            return True
    except ssl.SSLError as error:
        # An alert is TLS too.
        return "ALERT" in (error.reason or "")
    except (OSError, ValueError):
        return False
