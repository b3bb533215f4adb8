"""Is every caller without the right token turned away, and told nothing?"""

from checks.gateway import (
    ADMIN,
    BAD_TOKENS,
    DEBUG_ROUTES,
    QUICK_HEALTH_ROUTE,
    SUMMARY_ROUTE,
    USER,
    Gateway,
)
from healthgate import WARNING, FromProfile, Measured, NoData, Source, Violated, check, each, equals, get, measure
from healthgate.readings import Answer

ROOT = ("gateway.reachable",)


def turned_away(answer: Answer, expected: int) -> Measured:
    """Return whether the caller was refused with the `expected` code and given no data.

    A wrong code is told even of an answer that was too large to be read; the right one is believed only of an
    answer that was read to its end. A server error turns nobody away and lets nobody in: it is no data.
    """
    leaked = isinstance(answer.content, dict) and "data" in answer.content
    if answer.code >= 500 and not leaked:
        raise NoData(f"it answered {answer.code}, so that nobody can tell whom it lets in")
    if answer.code != expected:
        return Measured(False, f"answered {answer.spoken_code}, not {expected}{', and gave data' if leaked else ''}")
    if answer.status != "answered":
        raise NoData(answer.error)
    if answer.flaw and "text" not in answer.facts:
        raise NoData(answer.flaw)
    if leaked:
        return Measured(False, f"answered {expected}, yet gave data")
    return Measured(True, f"refused with {expected}")


def refusal(probe: Source, expected: int) -> Source:
    """Return whether a request was turned away with the `expected` code."""

    @measure(probe)
    def refused(answer: Answer) -> Measured:
        return turned_away(answer, expected)

    return refused


def refusal_code(probe: Source, expected: int) -> Source:
    """Return the status code with which a request was turned away; data beside the right code is a violation."""

    @measure(probe)
    def code(answer: Answer) -> Measured:
        found = turned_away(answer, expected)
        if not found.value and answer.code == expected:
            raise Violated(found.detail)
        return Measured(answer.code, found.detail)

    return code


@each(
    check(
        f"gateway.auth.anonymous[{name}]",
        refusal(get(Gateway, route).outcome, 401),
        stays=equals(True),
        name=f"Anonymous call of {route.rpartition('/')[2]}",
        cause="the guard is not mounted on the route, or the route is exposed under another path",
        action="treat it as exposure: block the route at the edge, restore the guard, look for earlier anonymous reads",
        runbook="access",
        every="5m",
        requires=ROOT,
    )
    for name, route in DEBUG_ROUTES.items()
)
def test_anonymous_callers(verdict):
    """A caller without a token learns nothing."""
    assert verdict.healthy, verdict


@each(
    check(
        f"gateway.auth.insufficient_role[{name}-{credential.label}]",
        refusal(get(Gateway, route, credential=credential).outcome, 403),
        stays=equals(True),
        name=f"Call of {route.rpartition('/')[2]} as {credential.label}",
        cause="the role guard is missing: the token is verified, the role is not",
        action="restore the superadmin guard; rotate tokens if ordinary admins have used the route",
        runbook="access",
        every="5m",
        requires=ROOT,
    )
    for name, route in DEBUG_ROUTES.items()
    for credential in (ADMIN, USER)
)
def test_lower_roles(verdict):
    """A valid token without the superadmin role does not open the diagnostics."""
    assert verdict.healthy, verdict


@each(
    check(
        f"gateway.auth.bad_token[{name}-{flaw}]",
        refusal_code(get(Gateway, route, credential=credential).outcome, 401),
        stays=equals(401),
        name=f"Call of {route.rpartition('/')[2]} with {credential.label}",
        cause="the signature or the expiry of tokens is not verified",
        action="treat it as a way around authentication: fix the verification, rotate the signing key",
        runbook="access",
        every="5m",
        requires=ROOT,
    )
    for name, route in (DEBUG_ROUTES | {"summary": SUMMARY_ROUTE}).items()
    for flaw, credential in BAD_TOKENS.items()
)
def test_bad_tokens(verdict):
    """A token that is garbled, forged or expired opens nothing."""
    assert verdict.healthy, verdict


@each(
    check(
        f"gateway.auth.summary_protected[{name}]",
        refusal(get(Gateway, SUMMARY_ROUTE, credential=credential).outcome, expected),
        stays=equals(True),
        name=f"Call of the summary, {name}",
        cause="the summary is mounted outside the admin guard",
        action="move the route behind the admin guard",
        runbook="access",
        every="5m",
        requires=ROOT,
    )
    for name, credential, expected in (("anonymous", None, 401), ("user", USER, 403))
)
def test_summary(verdict):
    """The summary is for admins only."""
    assert verdict.healthy, verdict


@measure(get(Gateway, QUICK_HEALTH_ROUTE).outcome, FromProfile(Gateway, "quick_health_public"))
def quick_health_code(answer: Answer, public: bool) -> Measured:
    """Whether an anonymous call of quick health ends as this environment says it should."""
    expected = 200 if public else 401
    if answer.code >= 500:
        raise NoData(f"it answered {answer.code}, so that nobody can tell whom it lets in")
    if answer.code != expected:
        return Measured(False, f"answered {answer.spoken_code}, not {expected}")
    if answer.status != "answered":
        raise NoData(answer.error)
    return Measured(True, f"answered {expected}, as the profile says")


@check(
    "gateway.auth.quick_health_protected",
    quick_health_code,
    stays=equals(True, otherwise=WARNING),
    name="Anonymous call of quick health",
    # C-12: one document wants an admin's token for every endpoint, the other calls this one without; so either may be
    # meant, nothing is exposed but a level, and an open route is no more than a warning
    cause="the documents disagree whether this route is public and it was never settled here, or its guard has changed",
    action="decide it for this environment and record it as gateway.quick_health_public in the profile",
    runbook="access",
    every="5m",
    requires=ROOT,
)
def test_quick_health(verdict):
    """Quick health is open or closed as the environment says."""
    assert verdict.healthy, verdict
