"""Is the token these checks use a real one, of the right role, and good for another day?"""

from checks.gateway import SUPERADMIN_CLAIMS, Gateway
from healthgate import FromProfile, Measured, Token, Unit, Violated, above, check, measure, reaching, shown

seconds_left = Unit("s", floor=None)

DAY = 86_400


@measure(SUPERADMIN_CLAIMS, FromProfile(Gateway, "superadmin_role"))
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
    "gateway.auth.token_hygiene",
    time_left,
    stays=above(DAY, seconds_left, warning=reaching(DAY), critical=reaching(0)),
    name="Time left on the superadmin token",
    cause="a placeholder was never replaced, or the token is about to end: every other check would fail with it",
    action="issue a new token and store it as a secret of the run",
    runbook="access",
    every="1h",
)
def test_token(verdict):
    """The checks identify themselves with a token that will still be good tomorrow."""
    assert verdict.healthy, verdict
