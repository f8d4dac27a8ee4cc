"""The verifiers of others accept what we sign, and nothing that was touched."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from openai import InvalidWebhookSignatureError, OpenAI
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from chalicelib.signing.keys import Purpose, derive
from chalicelib.webhooks.signing import SECRET_PREFIX, mint, signed_headers
from tests.support.fakes import entropy

NOW = datetime.now(UTC)
OLD, NEW = mint(entropy(1)), mint(entropy(2))
KEY = derive("a text that is long enough to be one", Purpose.WEBHOOKS)
BODY = '{"id":"evt_1","object":"event","type":"generation.succeeded","data":{"id":"gen_1","seq":3}}'


def headers(secrets: list[str], at: datetime = NOW) -> dict[str, str]:
    return signed_headers("evt_1", at, BODY, secrets, [KEY])


def accepted(body: str, given: dict[str, str], secret: str) -> set[bool]:
    """What each of the verifiers says."""
    verdicts = set()
    try:
        verdicts.add(Webhook(secret).verify(body.encode(), given)["id"] == "evt_1")
    except (WebhookVerificationError, ValueError):
        verdicts.add(False)
    try:
        OpenAI(api_key="none").webhooks.verify_signature(body, given, secret=secret)
        verdicts.add(True)
    except (InvalidWebhookSignatureError, ValueError):
        verdicts.add(False)
    return verdicts


def test_a_secret_is_32_random_bytes() -> None:
    assert OLD.startswith(SECRET_PREFIX)
    assert len(base64.b64decode(OLD.removeprefix(SECRET_PREFIX), validate=True)) == 32
    assert OLD != NEW


def test_the_verifiers_of_standardwebhooks_and_openai_accept_ours() -> None:
    assert accepted(BODY, headers([OLD]), OLD) == {True}


def test_openai_reads_the_event_too() -> None:
    event: Any = OpenAI(api_key="none").webhooks.unwrap(BODY, headers([OLD]), secret=OLD)
    assert (event.type, event.data.id) == ("generation.succeeded", "gen_1")


def test_F69_while_two_secrets_are_valid_either_verifies() -> None:
    both = headers([NEW, OLD])
    assert both["webhook-signature"].count("v1,") == 2
    assert accepted(BODY, both, NEW) == accepted(BODY, both, OLD) == {True}
    assert accepted(BODY, headers([NEW]), OLD) == {False}


def test_the_signature_of_the_deployment_verifies_with_its_public_key() -> None:
    given = headers([OLD])
    (signature,) = [part[4:] for part in given["webhook-signature"].split() if part.startswith("v1a,")]
    message = f"evt_1.{given['webhook-timestamp']}.{BODY}".encode()
    public = Ed25519PublicKey.from_public_bytes(KEY.public)
    public.verify(base64.b64decode(signature), message)
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(signature), message + b" ")


def flipped(signature: str) -> str:
    return signature.replace("v1,", "v1," + ("B" if signature[3] == "A" else "A"), 1)[: len(signature)]


@pytest.mark.parametrize(
    "tampered",
    [
        {"webhook-id": "evt_2"},
        {"webhook-timestamp": str(int(NOW.timestamp()) - 1)},
        {"webhook-timestamp": "0"},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1," + base64.b64encode(b"\0" * 32).decode()},
        {"webhook-signature": flipped(headers([OLD])["webhook-signature"])},
        {"webhook-signature": headers([NEW])["webhook-signature"]},
        {"webhook-signature": " ".join(p for p in headers([OLD])["webhook-signature"].split() if "v1a," in p)},
    ],
)
def test_a_changed_header_is_refused(tampered: dict[str, str]) -> None:
    assert accepted(BODY, headers([OLD]) | tampered, OLD) == {False}


@pytest.mark.parametrize("body", [BODY + " ", BODY.replace("gen_1", "gen_2"), BODY.replace("3", "4"), "{}", ""])
def test_a_changed_body_is_refused(body: str) -> None:
    assert accepted(body, headers([OLD]), OLD) == {False}


@pytest.mark.parametrize("minutes", [-60, 60])  # NOW is when this file was loaded, which may be minutes ago
def test_an_old_or_future_signature_is_refused(minutes: int) -> None:
    assert accepted(BODY, headers([OLD], NOW + timedelta(minutes=minutes)), OLD) == {False}
