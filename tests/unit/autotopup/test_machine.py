"""Whatever is lost, declined or dies, in whatever order: what automatic top-ups may never do, after every step."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chalicelib.billing.autotopup.rules import PAUSE, Wish
from chalicelib.billing.problems import BillingUnavailable
from tests.support.faults import Crash
from tests.unit.autotopup.pretend import ACCOUNT, Fate, World

NEAR_THE_END_OF_A_MONTH = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
FATES = st.sampled_from([*Fate, Fate.CHARGED, Fate.CHARGED])
CEILINGS = st.sampled_from([500, 999, 1500, 4000])


class AutomaticTopUps(RuleBasedStateMachine):
    @initialize(ceiling=CEILINGS)
    def begin(self, ceiling: int) -> None:
        self.world = World()
        self.world.clock.time = NEAR_THE_END_OF_A_MONTH
        self.world.provider.watching = self.check_it_may_send
        self.highest: dict[str, int] = {}
        self.dying_at = 0
        self.turn_on(ceiling, 150, "starter")

    @rule(ceiling=CEILINGS, below=st.sampled_from([10, 150]), pack=st.sampled_from(["starter", "creator"]))
    def turn_on(self, ceiling: int, below: int, pack: str) -> None:
        self.ceiling = max(ceiling, 2000 if pack == "creator" else 500)
        self.world.service.turn_on(ACCOUNT, Wish(pack, below, self.ceiling, "usd"))
        self.on = True

    @rule()
    def turn_off(self) -> None:
        self.world.service.turn_off(ACCOUNT)
        self.on = False

    @rule(
        fate=st.sampled_from([*Fate, Fate.CHARGED, Fate.CHARGED]),
        through_ledger=st.booleans(),
        dies_at=st.sampled_from([0, 0, 0, 0, 0, 1, 2, 3]),
    )
    def look(self, fate: Fate, through_ledger: bool, dies_at: int) -> None:
        """One delivery of a message or one tick. `dies_at`: the process dies at its write of that number."""
        self.world.provider.fate, self.dying_at = fate, dies_at
        self.world.store.before_save = self.die
        try:
            (self.world.service.low if through_ledger else self.world.service.look)(ACCOUNT)
        except (Crash, BillingUnavailable):
            pass
        finally:
            self.world.store.before_save = lambda: None
        row = self.world.store.row
        self.on = row is not None and row.on and self.on

    def die(self) -> None:
        self.dying_at -= 1
        if self.dying_at == 0:
            raise Crash("at a write")

    @rule(minutes=st.sampled_from([1, 5, 59, 60, 600, 1300, 60 * 24 * 9]))
    def time_passes(self, minutes: int) -> None:
        self.world.clock.forward(minutes=minutes)

    @precondition(lambda self: self.world.provider.charges)
    @rule(spent=st.booleans())
    def events_arrive(self, spent: bool) -> None:
        """And what they bring is `spent` at once, or not."""
        self.world.deliver()
        self.world.books.available *= not spent

    def check_it_may_send(self) -> None:
        """Called at every request to the provider: it is on, by a person's last word."""
        assert self.on, "sent while it was off"
        month = f"{self.world.clock.now():%Y-%m}"
        self.highest[month] = max(self.highest.get(month, 0), self.ceiling)

    @invariant()
    def no_two_charges_within_an_hour(self) -> None:
        times = [charge.at for charge in self.world.provider.charges]
        assert all(later - earlier >= PAUSE for earlier, later in pairwise(times))

    @invariant()
    def an_attempt_is_charged_once(self) -> None:
        orders = [charge.order_id for charge in self.world.provider.charges]
        assert len(orders) == len(set(orders))

    @invariant()
    def no_month_is_over_its_ceiling(self) -> None:
        months: dict[str, int] = {}
        for charge in self.world.provider.charges:
            month = f"{charge.at:%Y-%m}"
            months[month] = months.get(month, 0) + charge.amount
        assert all(total <= self.highest[month] for month, total in months.items())

    @invariant()
    def new_attempts_are_an_hour_apart(self) -> None:
        first: dict[str, datetime] = {}
        for order_id, at in self.world.provider.sent:
            first.setdefault(order_id, at)
        times = list(first.values())
        assert all(later - earlier >= timedelta(hours=1) for earlier, later in pairwise(times))

    @invariant()
    def it_turns_itself_off_only(self) -> None:
        row = self.world.store.row
        assert row is None or not row.on or self.on, "it turned itself on"


TestP3AutomaticTopUps = AutomaticTopUps.TestCase
TestP3AutomaticTopUps.settings = settings(
    max_examples=300, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
