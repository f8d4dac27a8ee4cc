"""Signatures of events, held against Stripe's own package."""

from datetime import timedelta

import stripe
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.billing.signature import TOLERANCE_SECONDS, holds
from tests.support.fakes import NOON

AT = int(NOON.timestamp())
SECRETS = ["whsec_one", "whsec_two"]
texts = st.text(st.characters(exclude_categories=["Cs"]))


def header(body, secret=SECRETS[0], at=AT):
    return stripe.WebhookSignature.generate_signature_header(body, secret, at)


@given(texts, st.sampled_from(SECRETS), st.integers(-TOLERANCE_SECONDS, TOLERANCE_SECONDS))
def test_what_stripes_package_signs_is_believed_within_the_tolerance(body, secret, away):
    assert holds(body.encode(), header(body, secret, AT + away), SECRETS, NOON)


@given(texts, st.integers(TOLERANCE_SECONDS + 1, 10**6), st.sampled_from([-1, 1]))
def test_F43_what_is_too_old_or_from_the_future_is_not(body, away, sign):
    assert not holds(body.encode(), header(body, at=AT + sign * away), SECRETS, NOON)


@given(texts, texts)
def test_F43_another_body_or_secret_is_not(body, other):
    assert holds(body.encode(), header(other), SECRETS, NOON) is (body == other)
    assert not holds(body.encode(), header(body, "whsec_three"), SECRETS, NOON)
    assert not holds(body.encode(), header(body), [], NOON)
    assert not holds(body.encode(), header(body, ""), [""], NOON)


@given(st.text())
def test_F43_no_header_makes_it_fail_otherwise_than_by_saying_no(text):
    assert holds(b"{}", text, SECRETS, NOON) is False


def test_F43_one_of_several_signatures_is_enough_but_not_in_another_scheme():
    good = header("{}").partition("v1=")[2]
    assert holds(b"{}", f"t={AT},v1=00,v1={good}", SECRETS, NOON)
    assert not holds(b"{}", f"t={AT},v0={good}", SECRETS, NOON)
    assert not holds(b"{}", f"t={AT},t={AT},v1={good}", SECRETS, NOON)
    assert not holds(b"{}", f"v1={good}", SECRETS, NOON)
    assert not holds(b"{}", header("{}"), SECRETS, NOON + timedelta(days=1))
