"""What was granted for money: once for each payment, never less than what was taken back, and really paid."""

from collections import Counter as Sums
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.fotogenic.checks.finding import Finding, Rule
from infra.fotogenic.checks.rows import Move, Payment


class Grants:
    """The purchases of one account. Add its entries and payment rows, then check; `bought` lists what was granted."""

    def __init__(self) -> None:
        self._payments: dict[str, Payment] = {}
        self._granted: dict[str, int] = {}
        self._bonus: set[str] = set()
        self._taken: Sums[str] = Sums()

    def add_payment(self, payment: Payment) -> None:
        self._payments[payment.id] = payment

    def add_move(self, move: Move) -> None:
        if move.kind == "grant":
            bucket = move.key.removeprefix("grant#")
            self._granted[bucket] = -sum(move.lines.get(source, 0) for source in ("purchases", "grants"))
            if "grants" in move.lines:
                self._bonus.add(bucket)
        elif move.kind in ("take_back", "reinstate"):
            self._taken[move.cause] += move.lines.get("refunds", 0)

    @property
    def bought(self) -> dict[str, int]:
        """What was granted for each payment's id."""
        return {payment: assets for payment, assets in self._granted.items() if payment not in self._bonus}

    def check(self) -> Iterator[tuple[Rule, str, str]]:
        """(rule, which payment, what is wrong with it)."""
        for id_, payment in self._payments.items():
            at, granted = f"payment#{id_}", self._granted.get(id_, 0)
            if payment.granted != granted:
                yield Rule.PAYMENT, at, f"says that {payment.granted} were granted; {granted} were"
            if payment.taken < 0 or payment.expired < 0 or payment.taken + payment.expired > payment.granted:
                yield Rule.PAYMENT, at, f"{payment.taken} taken and {payment.expired} expired of {payment.granted}"
            if payment.taken != self._taken[id_]:
                yield Rule.PAYMENT, at, f"says that {payment.taken} were taken back; {self._taken[id_]} were"
        for id_ in self.bought.keys() - self._payments.keys():
            yield Rule.PAYMENT, f"payment#{id_}", "there is a grant and no row of its payment"
        for id_ in self._taken.keys() - self._payments.keys():
            yield Rule.PAYMENT, f"payment#{id_}", "something was taken back and there is no row of its payment"


@dataclass(frozen=True, slots=True)
class Paid:
    """What the other side knows of a payment: for which account it was, and how many assets it was to bring (None if it
    does not say)."""

    account_id: str
    assets: int | None


def unpaid(account_id: str, bought: Mapping[str, int], paid: Mapping[str, Paid | None]) -> list[Finding]:
    """Grants without a payment behind them, or with one of another account or for fewer assets."""
    found = []
    for id_, assets in bought.items():
        behind = paid.get(id_)
        if behind is None:
            what = f"{assets} granted and nothing was paid"
        elif behind.account_id != account_id:
            what = f"{assets} granted for a payment of another account"
        elif behind.assets is not None and behind.assets != assets:
            what = f"{assets} granted for a payment of {behind.assets}"
        else:
            continue
        found.append(Finding(Rule.UNPAID_GRANT, f"{account_id}/{id_}", what))
    return found
