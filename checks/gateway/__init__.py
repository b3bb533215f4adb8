"""The gateway: the one door to the diagnostics of the market service, guarded by tokens (spec 1)."""

from checks.bodies import gateway as bodies
from healthgate import Claims, Credential, FilePattern, Later, LogLines, Secret, System, Url, bearer, get


class Gateway(System):
    """How to reach the gateway and as whom (spec 1.2, 1.3).

    `url` is its address, with scheme and port, without a path. `superadmin_token` and `admin_token` are bearer
    tokens of these roles; `user_token` is a valid one without the admin role and `expired_token` one that was
    valid once: without them only the checks that try them are left out. `superadmin_role` is what the `role`
    claim of the superadmin token must say; leave it out where tokens are opaque, and with it the check of what
    the token claims. `quick_health_public` says that this environment serves the quick health route without a
    token (spec 1.2). `log` is the request log, where it can be read from here.
    """

    name = "gateway"
    url: Url
    superadmin_token: Secret
    admin_token: Secret
    user_token: Secret | None = None
    expired_token: Secret | None = None
    superadmin_role: str | None = None
    log: FilePattern | None = None
    quick_health_public: bool = False


SUPERADMIN = bearer("superadmin_token")
ADMIN = bearer("admin_token")
USER = bearer("user_token")


def _with_another_signature(settings: Gateway) -> Secret:
    # every character of the signature is replaced: from what is sent here the real token cannot be restored
    signed, dot, signature = settings.superadmin_token.reveal().rpartition(".")
    return Secret(f"{signed}{dot}{'A' * len(signature)}")


BAD_TOKENS = {
    "malformed": Credential("malformed token", (), lambda _: Secret("not-a-token")),
    "wrong_signature": Credential("wrong signature", ("superadmin_token",), _with_another_signature),
    "expired": Credential("expired token", ("expired_token",), lambda settings: settings.expired_token),
}
"""Tokens that must be refused, by what is wrong with them."""

SUMMARY_ROUTE = "/api/python-health"
QUICK_HEALTH_ROUTE = "/api/debug/python-health"
DEBUG_ROUTES = {
    "comprehensive": "/api/python-health/debug/comprehensive",
    "redis_cluster": "/api/python-health/debug/redis-cluster",
    "websocket_to_redis": "/api/python-health/debug/websocket-to-redis",
}

SUMMARY = get(Gateway, SUMMARY_ROUTE, credential=ADMIN, proven_by="gateway.endpoint.summary", body=bodies.SUMMARY)
QUICK_HEALTH = get(
    Gateway,
    QUICK_HEALTH_ROUTE,
    credential=ADMIN,
    proven_by="gateway.endpoint.quick_health",
    body=bodies.QUICK_HEALTH,
)
COMPREHENSIVE, REDIS_CLUSTER, WEBSOCKET_TO_REDIS = (
    get(Gateway, DEBUG_ROUTES[name], credential=SUPERADMIN, proven_by=f"gateway.endpoint.debug[{name}]", body=body)
    for name, body in (
        ("comprehensive", bodies.EVERYTHING),
        ("redis_cluster", bodies.REDIS_CLUSTER_WITH_AGE),
        ("websocket_to_redis", bodies.WEBSOCKET_TO_REDIS_WITH_AGE),
    )
)

WEBSOCKET_TO_REDIS_LATER = Later(WEBSOCKET_TO_REDIS)
COMPREHENSIVE_LATER = Later(COMPREHENSIVE)

PLACEHOLDERS = ("your_admin_token_here",)
"""What stands for a token in the scripts of the documents."""

TOKENS = {
    name: Claims(Gateway, token=name, names=("role", "exp"), placeholders=PLACEHOLDERS)
    for name in ("superadmin_token", "admin_token", "user_token", "expired_token")
}
"""What the tokens of the checks say about themselves, by the setting that holds each."""

LOG = LogLines(
    Gateway,
    path="log",
    kinds={"request": r"GET /(?P<path>\S*) (?P<status>\d{3}) (?P<ms>\d+(?:\.\d+)?) ?ms\b.*\breq=(?P<id>\S+)"},
    reach=60,
)
# Read once more after the summary was asked for, so that the line of that request should be there.
LOG_LATER = Later(LOG, after=SUMMARY)
