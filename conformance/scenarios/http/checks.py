"""/livez and /readyz, with their checks."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from ..auth.asking import switch_on

CHECKS = ("data_corruption", "serializable_read", "linearizable_read", "non_learner")
METHODS = ("HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO", "get")


@scenario
def a_server_is_alive(s: Session) -> None:
    s.http("GET", "/livez")
    s.http("GET", "/livez?verbose")


@scenario
def a_server_is_ready(s: Session) -> None:
    s.http("GET", "/readyz")
    s.http("GET", "/readyz?verbose")


@scenario
def life_has_one_check(s: Session) -> None:
    for check in CHECKS:
        s.http("GET", f"/livez/{check}")
        s.http("GET", f"/livez/{check}?verbose")


@scenario
def readiness_has_four_checks(s: Session) -> None:
    for check in CHECKS:
        s.http("GET", f"/readyz/{check}")
        s.http("GET", f"/readyz/{check}?verbose")


@scenario
def there_are_no_other_checks(s: Session) -> None:
    for path in ("/livez/", "/readyz/", "/readyz/ping", "/livez/non_learner/x", "/Livez"):
        s.http("GET", path)


@scenario
def livez_can_only_be_read(s: Session) -> None:
    for method in METHODS:
        s.http(method, "/livez")


@scenario
def readyz_can_only_be_read(s: Session) -> None:
    for method in METHODS:
        s.http(method, "/readyz?verbose")


@scenario
def a_check_can_only_be_read(s: Session) -> None:
    for method in METHODS:
        s.http(method, "/readyz/non_learner")


@scenario
def checks_can_be_left_out(s: Session) -> None:
    for query in (
        "exclude=non_learner",
        "exclude=non_learner&exclude=data_corruption",
        "exclude=non_learner,data_corruption",
        "exclude=",
        "exclude=nope",
        "exclude=NON_LEARNER",
        "Exclude=non_learner",
        "exclude=non%5flearner",
        "exclude=%zz&exclude=non_learner",
        "exclude=non_learner;x",
        "exclude=+non_learner",
    ):
        s.http("GET", f"/readyz?verbose&{query}")


@scenario
def all_checks_may_be_left_out(s: Session) -> None:
    everything = "&".join(f"exclude={check}" for check in CHECKS)
    s.http("GET", f"/readyz?{everything}")
    s.http("GET", f"/readyz?verbose&{everything}")
    s.http("GET", f"/livez?verbose&{everything}")


@scenario
def a_list_of_checks_to_make_changes_nothing(s: Session) -> None:
    s.http("GET", "/readyz?verbose&allowlist=non_learner")
    s.http("GET", "/livez?verbose&allowlist=nope")


@scenario
def a_check_by_its_path_cannot_be_left_out(s: Session) -> None:
    s.http("GET", "/readyz/non_learner?verbose&exclude=non_learner")
    s.http("GET", "/livez/serializable_read?exclude=serializable_read&verbose")


@scenario
def verbose_is_whatever_it_says(s: Session) -> None:
    for query in (
        "verbose=",
        "verbose=false",
        "verbose=0",
        "verbose&verbose",
        "Verbose",
        "x=verbose",
    ):
        s.http("GET", f"/livez?{query}")
    for query in ("verbose;", "verbose%zz", "verbose=%zz", "&verbose&", "%76erbose", "verb+ose"):
        s.http("GET", f"/livez?{query}")


@scenario
def checks_have_no_need_of_a_user(s: Session) -> None:
    switch_on(s)
    for path in ("/livez?verbose", "/readyz?verbose", "/health", "/version"):
        s.http("GET", path)
        s.http("GET", path, headers=[("Authorization", "not a token")])


@scenario
def a_check_reads_no_body(s: Session) -> None:
    s.http("GET", "/livez", b"body")
    s.http("GET", "/readyz", b"verbose", [("Content-Type", "application/x-www-form-urlencoded")])


@scenario
def a_path_of_checks_that_is_not_clean_is_redirected(s: Session) -> None:
    s.http("GET", "//readyz?verbose")
    s.http("GET", "/readyz//non_learner")
    s.http("GET", "/livez/../readyz")
