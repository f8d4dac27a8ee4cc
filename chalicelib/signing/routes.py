"""The deployment's public keys over HTTP."""

from chalicelib.edge.http import Answer, Call, Door
from chalicelib.edge.identity import Access
from chalicelib.kernel.shapes import View
from chalicelib.wiring import services

door = Door("signing")

#: Short enough that a key put in force today is known tomorrow, long enough that nobody asks for each signature.
CACHE_SECONDS = 3600


class JwkView(View):
    """A public key (RFC 7517, RFC 8037). `purpose` is what it signs here."""

    kty: str = "OKP"
    crv: str = "Ed25519"
    x: str
    kid: str
    use: str = "sig"
    alg: str = "EdDSA"
    purpose: str


class JwksView(View):
    keys: list[JwkView]


@door.route(
    "GET",
    "/.well-known/jwks.json",
    summary="Public keys of what this deployment signs",
    access=Access.PUBLIC,
    answer=JwksView,
)
def get_jwks(_: Call[None, None]) -> Answer:
    """The `v1a` signatures of webhooks verify with one of these. While a key is replaced, both are here."""
    keys = [JwkView(x=key.x, kid=key.kid, purpose=purpose.value) for purpose, key in services().signing.published()]
    return Answer(JwksView(keys=keys), headers={"Cache-Control": f"public, max-age={CACHE_SECONDS}"})
