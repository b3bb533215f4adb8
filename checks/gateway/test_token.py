"""Are the tokens these checks use real ones, the superadmin's of the right role and good for another day?"""

from checks.findings import Findings
from checks.gateway import TOKENS, Gateway
from healthgate import (
    FromProfile,
    Measured,
    Token,
    Unit,
    Violated,
    above,
    check,
    measure,
    none,
    reaching,
    seconds,
    shown,
)

tokens = Unit("tokens")

DAY = 86_400


@measure()
def left_out() -> None:
    """Stand for a token that an environment may leave out."""


@measure(*(claims.otherwise(left_out) for claims in TOKENS.values()))
def placeholders(*several: Token | None) -> Measured:
    """Tokens that are the placeholder of an example; that is told of opaque tokens as well."""
    found, held = Findings(), dict(zip(TOKENS, several, strict=True))
    for name, token in held.items():
        found.expect(token is None or not token.is_placeholder, f"{name} is the placeholder of an example, not a token")
    return found.measured(f"of {sum(token is not None for token in several)}")


@measure(TOKENS["superadmin_token"], FromProfile(Gateway, "superadmin_role"))
def time_left(token: Token, role: str) -> Measured:
    """Seconds until the superadmin token ends; a placeholder or another role is a violation."""
    if token.is_placeholder:
        raise Violated("the token is the placeholder of an example, not a token")
    claimed = token.claims.text("role")
    if claimed != role:
        raise Violated(f"the token is for the role {shown(claimed)}, not {shown(role)}")
    left = token.claims.number("exp") - token.at
    return Measured(round(left), f"{left / DAY:.1f} days")


@check(
    "gateway.auth.token_placeholder",
    placeholders,
    stays=none(tokens, critical=0),
    name="Placeholders in place of tokens",
    cause="the placeholder of an example was never replaced: what is then refused, or let in, says nothing",
    action="issue the token and store it as a secret of the run",
    runbook="access",
    every="1h",
)
@check(
    "gateway.auth.token_hygiene",
    time_left,
    stays=above(DAY, seconds, warning=reaching(DAY), critical=reaching(0)),
    name="Time left on the superadmin token",
    cause="a placeholder was never replaced, or the token is about to end: every other check would fail with it",
    action="issue a new token and store it as a secret of the run",
    runbook="access",
    every="1h",
)
def test_token(verdict):
    """The checks identify themselves with tokens, and with one that will still be good tomorrow."""
    assert verdict.healthy, verdict
