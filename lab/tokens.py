"""Bearer tokens of the lab: JWT, HS256, claims `sub`, `role`, `iat`, `exp`."""

from typing import Final, Literal

import jwt

from lab.clock import now

Role = Literal["user", "admin", "superadmin"]
ROLES: Final[tuple[Role, ...]] = ("user", "admin", "superadmin")
"""Roles in rising order of rights."""


def mint(secret: str, role: str, ttl_s: float) -> str:
    """Sign a token for `role` that expires `ttl_s` seconds from now (negative: already expired)."""
    issued = int(now())
    issued_at = issued + int(ttl_s) - 60 if ttl_s < 0 else issued
    claims = {"sub": f"{role}@lab", "role": role, "iat": issued_at, "exp": issued + int(ttl_s)}
    return jwt.encode(claims, secret, algorithm="HS256")


def role_of(secret: str, token: str) -> str:
    """Role that a valid token carries; raises jwt.InvalidTokenError for any other token."""
    claims = jwt.decode(token, secret, algorithms=["HS256"], options={"require": ["exp", "role"]})
    return str(claims["role"])
