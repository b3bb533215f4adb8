"""Is the canary there, is it one, does it get its share, and is it no worse than production? (spec 4.9)."""

from dataclasses import dataclass

from checks.findings import Findings
from checks.wsmanager import (
    ACTIVE,
    CANARY,
    CANARY_CONTROL,
    CANARY_HEALTH,
    CANARY_JSON,
    CANARY_MANIFEST,
    CREATED,
    ERRORS,
    HEALTH,
    JSON,
    METRICS,
    PRODUCTION,
    RETRIES,
    SERVER,
    STAGING,
    grown,
)
from checks.wsmanager.manifest import FLAG, declared_flag, declared_weight
from checks.wsmanager.rates import Rates, rates, with_errors_counted
from healthgate import (
    DOWN,
    WARNING,
    Facts,
    Measured,
    NoData,
    NotYet,
    Source,
    Unit,
    answered,
    at_most,
    check,
    equals,
    exactly,
    lasting,
    measure,
    percent,
    shown,
    tried,
)
from healthgate.duration import spoken
from healthgate.readings import Answer, Growth, Page, Vector

times = Unit("times")

FLOOR = 0.01
"""Retries a second below which two instances are not compared: a handful says nothing (conflict C-24)."""

RETRIES_ALLOWED = 0.5
"""Retries in a second that any instance may have (spec 4.3)."""

UNCOUNTED = f"{ERRORS} is not counted here, so retries and the health check are judged"

MEMBER = "config.useNewWsManager"
"""Where an instance may tell in its JSON what the variable says."""

WEIGHT = 10
SHARE = (5.0, 15.0)
"""Percent of new streams that the canary may get while 10 are declared."""

ENOUGH = 200
"""New streams above which the share that is observed is judged."""

WORSE_BY, POINTS = 1.5, 1.0
"""The canary may have that many times production's errors, or one percentage point more, whichever is more."""

FEWEST, CHANCE = 10, 2
"""New streams in an hour, in each of both, of which a share of errors is told; errors that are chance and no share."""


@measure(CANARY.outcome, tried(CANARY))
def canary_up(answer: Answer, page: Page | NoData) -> Measured:
    """Whether the staging instance serves its own metrics page."""
    if answer.status in DOWN:
        return Measured(False, answer.error)
    if answer.status != "answered":
        raise NoData(answer.error)
    if answer.code != 200:
        return Measured(False, f"it answered {answer.spoken_code}, not 200")
    if isinstance(page, NoData):
        raise page
    if unnamed(page, ACTIVE):
        return Measured(True, "answered 200 with a page that names no environment")
    told = {sample.labels.get("environment", "nobody") for sample in page.series(ACTIVE)}
    return Measured(told == {STAGING}, f"answered 200 with the page of {', '.join(sorted(told))}")


@check(
    "wsmanager.canary.staging_up",
    canary_up,
    stays=equals(True, warning=lasting(exactly(False), "60s")),
    name="The canary serves its metrics",
    cause="the canary is down, and the comparison with production is blind",
    action="check the canary's deployment; treat it as a failed canary if it stays down",
    runbook="canary",
    every="30s",
)
def test_canary(verdict):
    """The staging instance answers while the canary runs."""
    assert verdict.healthy, verdict


@dataclass(frozen=True)
class Control:
    """What is between the canary and its traffic: the weight in percent, and whether it was rolled back."""

    weight: float
    rolled_back: bool
    words: str


@measure(CANARY_CONTROL.at(""))
def told_by_the_controller(body: Facts) -> Control:
    """What the controller of the canary says."""
    state, weight = body.text("state"), body.number("weight")
    return Control(weight, state == "rolled_back" and weight == 0, f"the controller says {state}, weight {weight:g}")


@measure(CANARY_MANIFEST)
def told_by_the_manifest(manifest: Facts) -> Control:
    """What the manifest says where there is no controller: a rollback sets the weight in it to nothing."""
    weight = declared_weight(manifest)
    return Control(weight, weight == 0, f"the manifest declares weight {weight:g}")


@measure()
def told_by_nobody() -> Control:
    """Return what is assumed where neither can be read: the canary runs, and no rollback excuses it."""
    return Control(WEIGHT, False, "")


CONTROL = tried(told_by_the_controller.otherwise(told_by_the_manifest.otherwise(told_by_nobody)))


def rolled_back(control: Control | NoData) -> str:
    """Return who says that the canary was rolled back; nothing where that is not certain."""
    return control.words if isinstance(control, Control) and control.rolled_back else ""


@measure(CANARY_MANIFEST)
def flag_in_the_manifest(manifest: Facts) -> bool:
    """What the manifest sets USE_NEW_WS_MANAGER to."""
    return declared_flag(manifest)


@measure()
def flag_nowhere() -> bool:
    """Raise NoData: the profile names no manifest that could set the variable."""
    raise NoData(f"no manifest is named that could set {FLAG}")


DECLARED_FLAG = tried(flag_in_the_manifest.otherwise(flag_nowhere))


@measure(CANARY_JSON.at(""), JSON.at(""), DECLARED_FLAG, CONTROL)
def flags(staging: Facts, production: Facts, declared: bool | NoData, control: Control | NoData) -> Measured:
    """Whether the new manager is in use on the canary and only there; after a rollback, nowhere.

    The manifest sets the variable, which a rollback does not change there. Instances that tell what they use are
    believed as well; where none does, nothing is known of production.
    """
    found = Findings()
    wanted = not rolled_back(control)
    told = {name: body for name, body in (("staging", staging), ("production", production)) if body.has(MEMBER)}
    if wanted and isinstance(declared, bool):
        found.expect(declared, f"the manifest sets {FLAG} to false")
    elif not told:
        raise (
            declared if isinstance(declared, NoData) else NoData("the canary was rolled back, and no instance says so")
        )
    for name, expected in (("staging", wanted), ("production", False)) if told else ():
        with found.examining():
            uses = (staging if name == "staging" else production).boolean(MEMBER)
            found.expect(uses is expected, f"useNewWsManager is {shown(uses)} in {name}")
    after = "" if wanted else ", after the canary was rolled back"
    offenders = found.measured()
    said = f"{shown(wanted)} in staging, " + ("false in production" if told else "production does not say")
    return Measured(not offenders.value, (offenders.detail or said) + after, rolled_back=rolled_back(control))


Created = tuple[float, float, str]
"""New streams of staging and of production, and in which time."""


def in_an_hour(counter: str) -> Source:
    """Return by how much a counter of each instance grew in an hour, as Prometheus has it."""
    return SERVER.query(f'sum by (environment) (increase({counter}{{environment=~"{PRODUCTION}|{STAGING}"}}[1h]))')


@measure(in_an_hour(CREATED))
def created_by_prometheus(created: Vector) -> Created:
    """New streams of staging and of production in an hour."""
    return created.number(environment=STAGING), created.number(environment=PRODUCTION), "in an hour"


@measure(grown(CANARY, STAGING, CREATED, over="1h"), grown(METRICS, PRODUCTION, CREATED, over="1h"))
def created_as_seen(staging: tuple[Growth], production: tuple[Growth]) -> Created:
    """New streams of staging and of production while they were looked at."""
    (here,), (there,) = staging, production
    return here.increase, there.increase, f"in {spoken(round(min(here.covered, there.covered)))}"


@measure()
def created_unseen() -> Created:
    """Return that no new stream was seen, where nothing counts them."""
    return 0.0, 0.0, "that could be seen"


@measure(tried(created_by_prometheus), tried(created_as_seen), tried(METRICS))
def created_somewhere(told: Created | NoData, seen: Created | NoData, page: Page | NoData) -> Created:
    """What Prometheus tells of both instances, or what was seen of them where they name no environment to ask by."""
    if not isinstance(told, NoData):
        return told
    if isinstance(page, NoData) or not unnamed(page, CREATED):
        raise told
    if isinstance(seen, NoData):
        raise seen
    return seen


def unnamed(page: Page, name: str) -> bool:
    """Whether what a page counts under a name has no label of its environment."""
    return not any("environment" in sample.labels for sample in page.series(name))


CREATIONS = tried(created_somewhere.otherwise(created_as_seen.otherwise(created_unseen)))


@measure(CANARY_MANIFEST, CREATIONS, CONTROL)
def weight(manifest: Facts, created: Created | NoData, control: Control | NoData) -> Measured:
    """The share of the traffic that is declared for the canary, in percent; the share it gets contradicts or not."""
    declared = declared_weight(manifest)
    if declared != WEIGHT:
        return Measured(declared, "declared")
    if gone := rolled_back(control):
        words = "declared; the canary was rolled back, so it gets no share to judge"
        return Measured(declared, words, rolled_back=gone)
    if isinstance(created, NoData):
        raise created
    staging, production, when = created
    total = staging + production
    if total <= ENOUGH:
        return Measured(declared, f"declared; {total:.0f} new streams {when} are too few to judge the share it gets")
    share = 100 * staging / total
    said = f"declared; it gets {share:.3g} % of {total:.0f} new streams {when}"
    low, high = SHARE
    outside = not low <= share <= high
    return Measured(declared, said, f"it should get {low:g} to {high:g} %" if outside else "")


@check(
    "wsmanager.canary.flag",
    flags,
    stays=equals(True, otherwise=WARNING),
    name="USE_NEW_WS_MANAGER on the canary and only there",
    cause="the canary runs the old manager, so old is compared with old; or production has switched already",
    action="set the variable and deploy again",
    runbook="canary",
    every="1h",
    requires=("wsmanager.canary.staging_up", "wsmanager.endpoint.formats[json]"),
)
@check(
    "wsmanager.canary.weight",
    weight,
    stays=equals(WEIGHT, percent, otherwise=WARNING),
    name="Traffic of the canary",
    cause="the manifest was edited, or the routing not applied",
    action="apply the manifest, and see that the Ingress has taken it over",
    runbook="canary",
    every="1h",
)
def test_phase_one(verdict):
    """The canary runs the new manager and gets a tenth of the traffic."""
    assert verdict.healthy, verdict


@measure(rates(CANARY, STAGING, RETRIES, "5m"), rates(METRICS, PRODUCTION, RETRIES, "5m"))
def retry_ratio(staging: Rates, production: Rates) -> Measured:
    """How many times as much as production the canary retries for each new stream."""
    (mine, created), (theirs, created_there) = staging, production
    said = f"{mine:.3g} retries/s in staging, {theirs:.3g} in production"
    if mine < FLOOR:
        return Measured(0.0, f"{said}: below {FLOOR:g}/s there is nothing to compare")
    if not created or not created_there:
        raise NoData(f"{said}, and no new stream in {PRODUCTION if created else STAGING} to compare them by")
    return Measured((mine / created) / (max(theirs, FLOOR) / created_there), f"{said}, for each new stream")


def error_share(found: Rates, where: str) -> float:
    """Return the errors for each new stream, in percent; NoData where there was none."""
    failed, created = found
    if not created:
        raise NoData(f"no new stream in {where}, so there is no share of errors")
    return 100 * failed / created


@dataclass(frozen=True)
class Failed:
    """Streams of one instance in an hour: how many failed, and how many were opened."""

    errors: float
    created: float

    @property
    def percent(self) -> float:
        """The errors for each new stream, in percent."""
        return 100 * self.errors / self.created


@measure(in_an_hour(ERRORS), in_an_hour(CREATED))
def failed_by_prometheus(errors: Vector, created: Vector) -> tuple[Failed, Failed]:
    """What became of the new streams of staging and of production."""
    staging, production = (
        Failed(errors.number(environment=name), created.number(environment=name)) for name in (STAGING, PRODUCTION)
    )
    return staging, production


@measure(grown(CANARY, STAGING, ERRORS, CREATED, over="1h"), grown(METRICS, PRODUCTION, ERRORS, CREATED, over="1h"))
def failed_as_seen(staging: tuple[Growth, Growth], production: tuple[Growth, Growth]) -> tuple[Failed, Failed]:
    """What became of the new streams of both, as their pages tell."""
    (mine, created), (theirs, created_there) = staging, production
    return Failed(mine.increase, created.increase), Failed(theirs.increase, created_there.increase)


@measure(tried(failed_by_prometheus), tried(failed_as_seen), tried(METRICS))
def failed_somewhere(
    told: tuple[Failed, Failed] | NoData, seen: tuple[Failed, Failed] | NoData, page: Page | NoData
) -> tuple[Failed, Failed]:
    """What Prometheus tells of both instances, or what was seen of them where they name no environment to ask by."""
    if not isinstance(told, NoData):
        return told
    if isinstance(page, NoData) or not unnamed(page, ERRORS):
        raise told
    if isinstance(seen, NoData):
        raise seen
    return seen


@measure(failed_somewhere.otherwise(failed_as_seen), CONTROL)
def errors_compare(failed: tuple[Failed, Failed], control: Control | NoData) -> Measured:
    """Whether the canary's share of errors is not worse than production's; one without traffic has none."""
    staging, production = failed
    gone = rolled_back(control)
    if gone and staging.created < FEWEST:
        words = f"rolled back, and {staging.created:.0f} new streams in an hour: nothing to compare"
        return Measured(True, words, rolled_back=gone)
    if min(staging.created, production.created) < FEWEST:
        raise NotYet(
            f"{staging.created:.0f} new streams in {STAGING} and {production.created:.0f} in {PRODUCTION} in an hour,"
            f" and errors are compared where both have {FEWEST} at least"
        )
    allowed = max(WORSE_BY * production.percent, production.percent + POINTS)
    said = f"{staging.percent:.3g} % errors in {STAGING}, {production.percent:.3g} % in {PRODUCTION}"
    said += f", of {staging.created:.0f} and {production.created:.0f} new streams in an hour"
    worse = staging.percent > allowed and round(staging.errors) > CHANCE
    return Measured(not worse, f"{said}; at most {allowed:.3g} % would do" if worse else said, rolled_back=gone)


def well(answer: Answer) -> bool:
    """Whether a health check was answered 200; NoData where that is not proven."""
    return answer.status not in DOWN and answered(answer).code == 200


@measure(tried(retry_ratio), CANARY_HEALTH.outcome, HEALTH.outcome, CONTROL)
def signals_compare(
    ratio: Measured | NoData, canary: Answer, production: Answer, control: Control | NoData
) -> Measured:
    """Whether the canary retries no more than production allows it, and is well where production is."""
    if gone := rolled_back(control):
        return Measured(True, "rolled back: there is nothing to compare", rolled_back=gone)
    found = Findings()
    with found.examining():
        if isinstance(ratio, NoData):
            raise ratio
        words = f"it retries {ratio.value:.3g} times as often as production, for each new stream"
        found.expect(float(ratio.value) <= WORSE_BY, f"{words} (at most {WORSE_BY:g})")
    with found.examining():
        found.expect(well(canary) or not well(production), "its health check fails, production's does not")
    offenders = found.measured()
    return Measured(not offenders.value, f"{UNCOUNTED}; {offenders.detail or words}")


@measure(tried(rates(CANARY, STAGING, ERRORS, "1m")), CONTROL)
def errors_in_traffic(staging: Rates | NoData, control: Control | NoData) -> Measured:
    """The share of errors, in percent, that a canary with traffic has; one that was rolled back has no traffic."""
    if gone := rolled_back(control):
        return Measured(0.0, f"rolled back: {gone}", rolled_back=gone)
    if isinstance(staging, NoData):
        raise staging
    words = control.words if isinstance(control, Control) else ""
    if not any(staging):
        return Measured(0.0, f"no error and no new stream in a minute; {words}".rstrip("; "))
    return Measured(error_share(staging, STAGING), words)


@measure(tried(grown(CANARY, STAGING, RETRIES, over="2m")), CANARY_HEALTH.outcome)
def signals_in_traffic(retried: tuple[Growth] | NoData, canary: Answer) -> Measured:
    """All of the traffic where the canary retries more often than any instance may or calls itself ill, else none."""
    found = Findings()
    with found.examining():
        if isinstance(retried, NoData):
            raise retried
        words = f"{retried[0].rate:.3g} retries/s"
        found.expect(retried[0].rate <= RETRIES_ALLOWED, f"{words} (at most {RETRIES_ALLOWED:g})")
    with found.examining():
        found.expect(well(canary), "its health check fails")
    offenders = found.measured()
    return Measured(100.0 if offenders.value else 0.0, f"{UNCOUNTED}; {offenders.detail or words}")


@check(
    "wsmanager.canary.retry_ratio",
    retry_ratio,
    stays=at_most(1.5, times, warning=lasting(1.5, "5m")),
    name="Retries of the canary, as often as production's",
    cause="the new manager reconnects more: a regression",
    action="stop widening the rollout and compare the logs of both",
    runbook="canary",
    every="30s",
    requires=("wsmanager.canary.staging_up", "wsmanager.prometheus.valid"),
)
@check(
    "wsmanager.canary.error_rate",
    with_errors_counted(errors_compare, signals_compare, CANARY, METRICS),
    stays=equals(True, otherwise=WARNING),
    name="Errors of the canary against production's, of 10 new streams or more in an hour",
    cause="the new manager fails more often",
    action="compare the kinds of errors, and prepare the rollback",
    runbook="canary",
    every="30s",
    requires=("wsmanager.canary.staging_up", "wsmanager.prometheus.valid"),
)
@check(
    "wsmanager.canary.rollback",
    with_errors_counted(errors_in_traffic, signals_in_traffic, CANARY),
    stays=at_most(5, percent, critical=lasting(5, "3m")),
    name="Errors of a canary that gets traffic",
    cause="the canary is bad, and the rollback that should follow by itself did not come",
    action="roll back by hand: weight 0 and USE_NEW_WS_MANAGER=false; tell #ws-migration",
    runbook="canary",
    every="30s",
    requires=("wsmanager.canary.staging_up",),
)
def test_comparison(verdict):
    """The canary is no worse than production, or it is taken out of the traffic."""
    assert verdict.healthy, verdict
