"""Balance and ledger over HTTP."""

from chalicelib.credits.ledger import Account, Bucket, BucketKind, MoveKind
from chalicelib.edge.http import Call, Door
from chalicelib.edge.paging import after_id, page
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Page, PageQuery, View
from chalicelib.wiring import services

door = Door("credits")


class BucketView(View):
    kind: BucketKind
    assets: int
    expires_at: str | None


class BalanceView(View):
    """`available` can be spent now, `held` is set aside for generations that are not finished."""

    available: int
    held: int
    debt: int
    buckets: list[BucketView]


class LineView(View):
    account: Account
    assets: int


class EntryView(View):
    """One entry of the ledger. Its lines sum to 0; `assets` is what it did to `available`."""

    id: str
    kind: MoveKind
    assets: int
    cause: str
    key_id: str | None
    lines: list[LineView]
    request_id: str | None
    created_at: str


class LedgerPage(Page[EntryView]):
    pass


@door.route("GET", "/v1/balance", summary="What can be spent", scope=Scope.BILLING_READ, answer=BalanceView)
def get_balance(call: Call[None, None]) -> BalanceView:
    """Strongly consistent: a hold or a grant that was answered is in it."""
    held = services().credits.balance(call.principal.account_id)
    now = services().clock.now()
    buckets = [_bucket(bucket) for bucket in held.buckets if bucket.assets and bucket.alive(now)]
    return BalanceView(available=held.available(now), held=held.held, debt=held.debt, buckets=buckets)


@door.route(
    "GET",
    "/v1/ledger",
    summary="Why the balance is what it is",
    scope=Scope.BILLING_READ,
    query=PageQuery,
    answer=LedgerPage,
)
def list_ledger(call: Call[None, PageQuery]) -> Page[EntryView]:
    """Append-only entries, newest first."""
    before = after_id("ent", call.query.after)
    entries = services().credits.entries(call.principal.account_id, before=before, limit=call.query.limit + 1)
    views = [
        EntryView(
            id=entry.id,
            kind=entry.move.kind,
            assets=entry.move.change,
            cause=entry.move.cause,
            key_id=entry.spender if entry.spender.startswith("key_") else None,
            lines=[LineView(account=account, assets=amount) for account, amount in entry.move.lines],
            request_id=entry.request_id or None,
            created_at=rfc3339(entry.at),
        )
        for entry in entries
    ]
    return page(views, [entry.id for entry in entries], call.query.limit)


def _bucket(bucket: Bucket) -> BucketView:
    expires_at = rfc3339(bucket.expires_at) if bucket.expires_at else None
    return BucketView(kind=bucket.kind, assets=bucket.assets, expires_at=expires_at)
