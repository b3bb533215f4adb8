"""What requests have in common: where they go, and what they send that nobody may see."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from healthgate.secret import Secret


class Silent:
    """A request that sends nothing secret."""

    @property
    def secrets(self) -> "tuple[Secret, ...]":
        """Nothing is sent."""
        return ()

    def load(self) -> None:
        """Import nothing: what is needed is there."""


class Local(Silent):
    """A request that is answered by this machine."""

    @property
    def host(self) -> str:
        """Nowhere: it is looked at on this machine."""
        return ""


class Addressed:
    """A request to the address `url`."""

    url: str

    @property
    def host(self) -> str:
        """Scheme, host and port: requests to the same one may share connections."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme.lower()}://{rest.partition('/')[0]}"

    def load(self) -> None:
        """Import how HTTP is spoken."""
        from healthgate.wire import connection  # noqa: F401, PLC0415 (only a run that needs it pays for it)


class Bearing(Addressed):
    """A request to the address `url`, with the token `secret` if there is one."""

    secret: "Secret | None"

    @property
    def secrets(self) -> "tuple[Secret, ...]":
        """The token, if any: one derived from a setting is as secret as the setting."""
        return (self.secret,) if self.secret is not None else ()
