"""Keys derived from one secret: always the same, never alike, and published as the RFCs say."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chalicelib.signing.keys import Purpose, SigningKey, derive
from chalicelib.signing.service import NoSigningSecret, Signing

SECRET, OTHER = "a text that is long enough to be one", "another text that is long enough, too"


def test_the_same_secret_gives_the_same_key_in_every_process() -> None:
    """A change here makes every receiver's pinned key wrong."""
    assert derive(SECRET, Purpose.WEBHOOKS).x == derive(SECRET, Purpose.WEBHOOKS).x
    assert derive(SECRET, Purpose.WEBHOOKS).x != derive(OTHER, Purpose.WEBHOOKS).x
    assert derive(SECRET, Purpose.WEBHOOKS).x == "bEJA_6CdJ9-mFHNqxnto3TCyGGcOhP0tz4h1G644gcU"


def test_a_signature_verifies_with_what_is_published_and_nothing_else() -> None:
    key = derive(SECRET, Purpose.WEBHOOKS)
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key.x + "="))
    public.verify(key.sign(b"message"), b"message")
    for signature, message in ((key.sign(b"message"), b"massage"), (derive(OTHER, Purpose.WEBHOOKS).sign(b"m"), b"m")):
        with pytest.raises(InvalidSignature):
            public.verify(signature, message)


def test_the_id_of_a_key_is_its_thumbprint() -> None:
    """The example of RFC 8037, appendices A.1 to A.3."""
    private = Ed25519PrivateKey.from_private_bytes(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    key = SigningKey(private, private.public_key().public_bytes_raw())
    assert key.x == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_while_a_secret_is_replaced_both_sign_and_both_are_published() -> None:
    signing = Signing(lambda: {"current": OTHER, "previous": SECRET})
    assert [key.x for key in signing.keys(Purpose.WEBHOOKS)] == [
        derive(OTHER, Purpose.WEBHOOKS).x,
        derive(SECRET, Purpose.WEBHOOKS).x,
    ]
    assert len(signing.published()) == 2 * len(Purpose)
    assert len(Signing(lambda: {"current": SECRET, "previous": ""}).keys(Purpose.WEBHOOKS)) == 1


@pytest.mark.parametrize(
    "secret", [{}, {"current": ""}, {"current": "short"}, {"current": SECRET, "previous": "short"}]
)
def test_nothing_is_signed_with_a_secret_that_is_none(secret: dict[str, str]) -> None:
    with pytest.raises(NoSigningSecret) as refused:
        Signing(lambda: secret).keys(Purpose.WEBHOOKS)
    assert "short" not in json.dumps(str(refused.value)).replace("too short", "")
