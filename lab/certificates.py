"""The lab's own certificate authority, and the certificates its HTTPS front shows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Final

import trustme

from lab.ports import HOST

VALID_DAYS: Final = 90.0
NAMES: Final = (HOST, "localhost")


class Authority:
    """Issues certificates; what a caller has to trust is `ca.pem` in its folder."""

    def __init__(self, folder: Path) -> None:
        """Found the authority, or take up the one that the folder holds."""
        self.folder = folder
        key, certificate = folder / "ca-key.pem", folder / "ca.pem"
        if key.exists():
            self._ca = trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
            return
        folder.mkdir(mode=0o700)
        self._ca = trustme.CA(organization_name="healthgate lab")
        self._ca.cert_pem.write_to_path(certificate)
        self._ca.private_key_pem.write_to_path(key)

    def issue(self, context: SSLContext, names: tuple[str, ...] = NAMES, days: float = VALID_DAYS) -> None:
        """Let a server show a certificate for these names that ends in so many days (negative: has ended)."""
        _shown(self._ca, context, names, days)

    def issue_by_another(self, context: SSLContext) -> None:
        """Let a server show a certificate of an authority that nobody knows."""
        _shown(trustme.CA(organization_name="nobody's authority"), context, NAMES, VALID_DAYS)


def _shown(authority: trustme.CA, context: SSLContext, names: tuple[str, ...], days: float) -> None:
    ends = datetime.now(UTC) + timedelta(days=days)
    begins = min(datetime.now(UTC) - timedelta(days=1), ends - timedelta(days=1))
    authority.issue_cert(*names, not_before=begins, not_after=ends).configure_cert(context)


def server_context() -> SSLContext:
    """TLS for a server, without a certificate yet."""
    return SSLContext(PROTOCOL_TLS_SERVER)
