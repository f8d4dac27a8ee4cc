"""Balance and ledger over HTTP."""

from chalicelib.credits.ledger import Account, Bucket, BucketKind, MoveKind, in_order
from chalicelib.edge.csv import as_csv, wants_csv
from chalicelib.edge.http import Answer, Call, Door
from chalicelib.edge.paging import after_id, page
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.errors import ApiKeyRequired
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Page, PageQuery, View
from chalicelib.wiring import services

door = Door("credits")


class BucketView(View):
    kind: BucketKind
    assets: int
    expires_at: str | None


class BalanceView(View):
    """`available` can be spent now, `held` is set aside for generations that are not finished. `debt` is what refunds
    or disputes took back after it was spent: while there is any, nothing is available, and what comes in pays it."""

    available: int
    held: int
    debt: int
    buckets: list[BucketView]


class LineView(View):
    account: Account
    assets: int


class EntryView(View):
    """One entry of the ledger. Its lines sum to 0; `assets` is what it did to `available`. `cause` is the payment,
    generation, bucket or ticket it happened for, `reason` the words of whoever made it by hand."""

    id: str
    kind: MoveKind
    assets: int
    cause: str
    reason: str | None
    key_id: str | None
    lines: list[LineView]
    request_id: str | None
    created_at: str


class LedgerPage(Page[EntryView]):
    pass


@door.route(
    "GET",
    "/v1/balance",
    summary="What can be spent",
    scope=Scope.BILLING_READ,
    answer=BalanceView,
    problems=(ApiKeyRequired,),
)
def get_balance(call: Call[None, None]) -> BalanceView:
    """Strongly consistent: a hold or a grant that was answered is in it. Buckets are listed as they will be spent."""
    services().keys.require_any(call.principal)
    found = services().credits.balance(call.principal.account_id)
    now = services().clock.now()
    buckets = [_bucket(bucket) for bucket in in_order(found, now)]
    return BalanceView(available=found.available(now), held=found.held, debt=found.debt, buckets=buckets)


@door.route(
    "GET",
    "/v1/ledger",
    summary="Why the balance is what it is",
    scope=Scope.BILLING_READ,
    query=PageQuery,
    answer=LedgerPage,
)
def list_ledger(call: Call[None, PageQuery]) -> Page[EntryView] | Answer:
    """Append-only entries, newest first. With `Accept: text/csv` as CSV, a line for each account of each entry's lines,
    and the next page in the `Link` header."""
    before = after_id("ent", call.query.after)
    entries = services().credits.entries(call.principal.account_id, before=before, limit=call.query.limit + 1)
    views = [
        EntryView(
            id=entry.id,
            kind=entry.move.kind,
            assets=entry.move.change,
            cause=entry.move.cause,
            reason=entry.move.reason or None,
            key_id=entry.spender if entry.spender.startswith("key_") else None,
            lines=[LineView(account=account, assets=amount) for account, amount in entry.move.lines],
            request_id=entry.request_id or None,
            created_at=rfc3339(entry.at),
        )
        for entry in entries
    ]
    found = page(views, [entry.id for entry in entries], call.query.limit)
    if not wants_csv(call):
        return found
    names = ("id", "created_at", "kind", "cause", "reason", "key_id", "request_id", "account", "assets")
    rows = [
        (view.id, view.created_at, view.kind, view.cause, view.reason, view.key_id, view.request_id, *line)
        for view in found.data
        for line in ((line.account, line.assets) for line in view.lines)
    ]
    return as_csv(call, "/v1/ledger", found, names, rows)


def _bucket(bucket: Bucket) -> BucketView:
    expires_at = rfc3339(bucket.expires_at) if bucket.expires_at else None
    return BucketView(kind=bucket.kind, assets=bucket.assets, expires_at=expires_at)
