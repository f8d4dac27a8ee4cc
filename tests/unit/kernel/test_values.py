"""Clock, money, problems, shapes and transactions."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from chalicelib.kernel import clock, errors
from chalicelib.kernel.money import MAX_ASSETS, assets
from chalicelib.kernel.principal import ALL_SCOPES, Principal
from chalicelib.kernel.shapes import Body, PageQuery, refusal
from chalicelib.kernel.transaction import MAX_WRITES, Transaction, Write, stale

SPAN = (datetime(1990, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001 (the zone is drawn with the moment)
MOMENTS = st.datetimes(*SPAN, timezones=st.just(UTC))


@given(MOMENTS)
def test_a_moment_reads_the_same_before_and_after_it_was_stored(moment):
    assert clock.rfc3339(clock.from_epoch(clock.epoch_millis(moment) / 1000)) == clock.rfc3339(moment)


@given(MOMENTS)
def test_times_are_utc_with_z_and_sort_as_text(moment):
    text = clock.rfc3339(moment)
    assert text.endswith("Z")
    assert len(text) == 24
    assert datetime.fromisoformat(text) <= moment


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.text(), st.none()))
def test_an_amount_is_a_whole_number_in_range_or_refused(amount):
    if type(amount) is int and 0 <= amount <= MAX_ASSETS:
        assert assets(amount) == amount
    else:
        with pytest.raises(ValueError, match="whole number"):
            assets(amount)


@pytest.mark.parametrize("problem", errors.all_problems().values(), ids=lambda problem: problem.code)
def test_every_problem_has_a_name_a_status_and_advice(problem):
    assert problem.code == problem.code.lower()
    assert 400 <= problem.status <= 599
    assert problem.kind in {
        "authentication_error",
        "conflict_error",
        "insufficient_quota",
        "invalid_request_error",
        "permission_error",
        "rate_limit_error",
        "server_error",
    }
    assert problem.title
    assert problem.advice.endswith(".")


def test_codes_of_problems_are_unique():
    todo, codes = [errors.Problem], []
    while todo:
        found = todo.pop()
        todo += found.__subclasses__()
        codes += [found.code] if found is not errors.Problem else []
    assert len(codes) == len(set(codes))


def test_out_of_assets_is_402_says_both_numbers_and_is_not_retried():
    problem = errors.InsufficientAssets(balance=3, needed=5)
    assert (problem.status, problem.extra) == (402, {"balance": 3, "needed": 5})
    assert problem.headers == {"X-Should-Retry": "false"}


def test_401_carries_www_authenticate():
    assert "Www-Authenticate" in errors.Unauthorized().headers
    assert "Www-Authenticate" in errors.InvalidCode().headers


def test_a_charge_is_attributed_to_the_key_or_the_session():
    assert Principal("acct_1", ALL_SCOPES, key_id="key_1").spender == "key_1"
    assert Principal("acct_1", ALL_SCOPES, session_id="x").spender == "session"


class Inner(Body):
    size: int = Field(ge=1)


class Outer(Body):
    name: str
    inner: tuple[Inner, ...] = ()


def refused(value, prefix=""):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate_json(value)
    return refusal(caught.value, prefix)


@pytest.mark.parametrize(
    ("body", "kind", "param"),
    [
        ('{"name": "x", "colour": 1}', errors.UnsupportedParameter, "colour"),
        ('{"name": "x", "inner": [{"size": 1}, {"size": 0}]}', errors.Validation, "inner[1].size"),
        ('{"name": "x", "inner": [{"size": "1"}]}', errors.Validation, "inner[0].size"),
        ('{"name": "x", "inner": [{"size": 1, "x": 2}]}', errors.UnsupportedParameter, "inner[0].x"),
        ("{}", errors.Validation, "name"),
        ("not json", errors.Validation, None),
    ],
)
def test_a_refusal_names_the_path_of_what_is_wrong(body, kind, param):
    problem = refused(body)
    assert type(problem) is kind
    assert problem.param == param
    if param:
        assert problem.detail.startswith(f"{param}: ")


def test_a_refusal_inside_parameters_is_named_from_the_body():
    assert refused('{"inner": [{"size": 0}]}', "parameters").param in {"parameters.name", "parameters.inner[0].size"}


def test_a_refusal_lists_all_errors():
    problem = refused('{"inner": [{"size": 0}]}')
    assert len(problem.extra["errors"]) == 2


@given(st.text(max_size=30))
def test_a_refusal_never_quotes_the_value(value):
    secret = f"canary{value}"
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"name": "x", "inner": [{"size": secret}]})
    problem = refusal(caught.value)
    assert "canary" not in problem.detail
    assert "canary" not in str(problem.extra)


def test_a_page_has_at_most_100_things():
    assert PageQuery.model_validate({"limit": "100"}).limit == 100
    for limit in ("0", "101", "ten"):
        with pytest.raises(ValidationError):
            PageQuery.model_validate({"limit": limit})


def test_a_transaction_takes_no_more_writes_than_dynamodb_does():
    tx = Transaction()
    for _ in range(MAX_WRITES):
        tx.add(Write("put", None, stale))
    with pytest.raises(ValueError, match="at most 100"):
        tx.add(Write("put", None, stale))
