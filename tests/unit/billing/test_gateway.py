"""The connection to Stripe: its version, its key, and what its errors mean here."""

from typing import Any

import pytest
import stripe

from chalicelib.billing.gateway import API_VERSION, Connection, _told
from chalicelib.billing.problems import (
    BillingNotConfigured,
    BillingRefused,
    BillingUnavailable,
    NoSuchObject,
    PaymentRefused,
)
from tests.support.fakes import ManualClock
from tests.support.shop import GivenSecret


def connection(**secret):
    return Connection(GivenSecret(secret), "http://127.0.0.1:9", ManualClock())


def test_the_pinned_version_is_the_one_the_package_speaks():
    assert stripe.api_version == API_VERSION


@pytest.mark.parametrize(
    ("key", "live"), [("sk_test_x", False), ("rk_test_x", False), ("sk_live_x", True), ("x", False)]
)
def test_the_key_says_whether_money_is_real(key, live):
    assert connection(api_key=key).livemode() is live
    assert connection(api_key=key).configured()


@pytest.mark.parametrize("secret", [{}, {"api_key": ""}, {"api_key": 1}, {"api_key": None}])
def test_without_a_key_nothing_is_called(secret):
    with pytest.raises(BillingNotConfigured) as refused:
        connection(**secret).call(lambda _: pytest.fail("called"))
    assert refused.value.headers["Retry-After"]
    with pytest.raises(BillingNotConfigured):
        connection(**secret).verified(b"{}", "t=1,v1=00")


@pytest.mark.parametrize(
    ("error", "meaning", "uncertain"),
    [
        (stripe.APIConnectionError("x"), BillingUnavailable, True),
        (stripe.APIError("x", http_status=500), BillingUnavailable, True),
        (stripe.RateLimitError("x", http_status=429), BillingUnavailable, False),
        (stripe.InvalidRequestError("x", "p", http_status=409, code="lock_timeout"), BillingUnavailable, False),
        (stripe.InvalidRequestError("x", "id", http_status=404), NoSuchObject, None),
        (stripe.InvalidRequestError("x", "p", http_status=400, code="amount_too_small"), BillingRefused, None),
        (stripe.IdempotencyError("x", http_status=400), BillingRefused, None),
        (stripe.PermissionError("x", http_status=403), BillingNotConfigured, None),
        (stripe.CardError("x", "p", "card_declined", http_status=402), PaymentRefused, None),
    ],
)
def test_each_error_has_one_meaning_and_its_words_are_left_out(error, meaning, uncertain):
    told: Any = _told(error)
    assert type(told) is meaning
    assert getattr(told, "uncertain", None) is uncertain
    assert " x" not in str(told)
    if uncertain is not None:
        assert told.headers["Retry-After"]


def test_no_line_is_no_answer():
    with pytest.raises(BillingUnavailable) as refused:
        connection(api_key="sk_test_x").call(
            lambda made: made.v1.customers.list({"limit": 1}, {"max_network_retries": 0})
        )
    assert refused.value.uncertain
    assert not refused.value.answered
