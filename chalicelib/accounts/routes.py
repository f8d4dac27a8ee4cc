"""Sign-in and the profile over HTTP."""

from typing import Annotated

from pydantic import AfterValidator, Field

from chalicelib.accounts import email as addresses
from chalicelib.accounts.signin import SESSION_LIFE, Profile
from chalicelib.edge.http import Answer, Call, Content, Door
from chalicelib.edge.identity import Access, session_cookie
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.errors import InvalidCode, RateLimited
from chalicelib.kernel.shapes import Body, View
from chalicelib.wiring import services

door = Door("accounts")

Email = Annotated[str, Field(max_length=addresses.MAX_CHARACTERS), AfterValidator(addresses.normalise)]
#: ISO 3166-1 alpha-2; which countries are served is a rule, not a shape.
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35, description="BCP 47")]


class AskCode(Body):
    email: Email


class CodeAsked(View):
    """The same whether or not the address is known."""

    message: str = "If the address is right, a code is on its way. It works for 10 minutes."


class StartSession(Body):
    email: Email
    code: str = Field(pattern=r"^[0-9 ]{8,12}$", description="the 8 digits of the mail")


class SessionView(View):
    """`token` works as `Authorization: Bearer`. It is also set as a cookie; with the cookie, send `csrf_token` in
    `X-CSRF-Token` on every request that changes something."""

    account_id: str
    token: str
    csrf_token: str
    expires_at: str


class AccountView(View):
    id: str
    email: str
    country: str | None
    locale: str
    retention_hours: int | None = Field(description="your own limit; null means the deployment's default")
    created_at: str


class ChangeAccount(Body):
    country: Country | None = None
    locale: Locale | None = None
    retention_hours: int | None = Field(None, ge=1, description="can only shorten the deployment's default")


@door.route(
    "POST",
    "/v1/auth/codes",
    summary="Ask for a sign-in code by e-mail",
    access=Access.PUBLIC,
    body=AskCode,
    status=202,
    answer=CodeAsked,
    problems=(RateLimited,),
)
def ask_code(call: Call[AskCode, None]) -> CodeAsked:
    """Answers the same whether or not an account exists."""
    services().accounts.ask_code(call.body.email, call.source_ip)
    return CodeAsked()


@door.route(
    "POST",
    "/v1/auth/sessions",
    summary="Sign in with a code",
    access=Access.PUBLIC,
    body=StartSession,
    status=201,
    answer=SessionView,
    problems=(InvalidCode,),
)
def start_session(call: Call[StartSession, None]) -> Answer:
    """Makes the account at the first sign-in."""
    started = services().accounts.start_session(call.body.email, call.body.code.replace(" ", ""), call.request_id)
    view = SessionView(
        account_id=started.account_id,
        token=started.token,
        csrf_token=started.csrf_token,
        expires_at=rfc3339(started.expires_at),
    )
    return Answer(view, cookies=(session_cookie(started.token, int(SESSION_LIFE.total_seconds())),))


@door.route("DELETE", "/v1/auth/sessions", summary="Sign out", access=Access.SESSION, status=204, content=Content.NONE)
def end_session(call: Call[None, None]) -> Answer:
    """Ends the session that the request was made with."""
    services().accounts.end_session(call.principal.account_id, call.principal.session_id or "")
    return Answer(cookies=(session_cookie("", 0),))


@door.route("GET", "/v1/account", summary="The account", answer=AccountView)
def get_account(call: Call[None, None]) -> AccountView:
    return _view(services().accounts.profile(call.principal.account_id))


@door.route("PATCH", "/v1/account", summary="Change the account", body=ChangeAccount, answer=AccountView)
def change_account(call: Call[ChangeAccount, None]) -> AccountView:
    """Members that are left out stay as they are; null removes one."""
    changes = call.body.model_dump(include=call.body.model_fields_set)
    if changes.get("locale", "") is None:
        changes["locale"] = "en"
    return _view(services().accounts.change(call.principal.account_id, changes))


def _view(profile: Profile) -> AccountView:
    return AccountView(
        id=profile.account_id,
        email=profile.email,
        country=profile.country,
        locale=profile.locale,
        retention_hours=profile.retention_hours,
        created_at=rfc3339(profile.created_at),
    )
