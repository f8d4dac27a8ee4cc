"""Use cases of automatic top-ups: what is charged, what is told to whom, and who looks again."""

import pytest

from chalicelib.billing.autotopup.rules import Because, Wish
from chalicelib.billing.autotopup.service import LOOK_AGAIN, Outcome
from chalicelib.kernel.errors import Conflict, Validation
from tests.support.faults import Crash
from tests.unit.autotopup.pretend import ACCOUNT, Fate, World

WISH = Wish("starter", 50, 1500, "usd")


@pytest.fixture
def world() -> World:
    made = World()
    made.service.turn_on(ACCOUNT, WISH)
    return made


def test_P3_it_never_charges_before_it_was_turned_on():
    world = World()
    assert world.service.low(ACCOUNT) is Outcome.OFF
    assert world.provider.sent == []


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        (Wish("nothing", 50, 1500, "usd"), "pack"),
        (Wish("hobby", 50, 1500, "usd"), "pack"),
        (Wish("starter", 50, 1500, "xxx"), "pack"),
        (Wish("starter", 50, 499, "usd"), "monthly_ceiling_minor"),
    ],
)
def test_P3_what_could_never_be_bought_is_refused(wish, param):
    world = World()
    with pytest.raises(Validation) as refused:
        world.service.turn_on(ACCOUNT, wish)
    assert refused.value.param == param
    assert world.store.row is None


def test_P3_a_pack_is_bought_and_the_next_look_waits_for_its_assets(world):
    assert world.service.low(ACCOUNT) is Outcome.CHARGED
    world.clock.forward(hours=2)
    assert world.service.look(ACCOUNT) is Outcome.AWAITING_GRANT
    assert len(world.provider.charges) == 1
    world.deliver()
    assert world.service.look(ACCOUNT) is Outcome.ENOUGH
    assert world.store.look_at is None


def test_F47_a_crash_between_claim_and_charge_charges_once(world):
    for fate in (Fate.CRASH_BEFORE, Fate.CRASH_AFTER):
        world.provider.fate = fate
        with pytest.raises(Crash):
            world.service.look(ACCOUNT)
        assert world.service.due() == []
        world.clock.forward(seconds=LOOK_AGAIN.total_seconds())
        assert world.service.due() == [(ACCOUNT,)]
    world.provider.fate = Fate.CHARGED
    assert world.service.look(ACCOUNT) is Outcome.CHARGED
    assert len(world.provider.charges) == 1
    assert len({order_id for order_id, _ in world.provider.sent}) == 1


def test_P3_the_time_of_an_attempt_is_kept_when_it_was_refused(world):
    world.provider.fate = Fate.DECLINED
    assert world.service.look(ACCOUNT) is Outcome.DECLINED
    world.clock.forward(minutes=59)
    assert world.service.look(ACCOUNT) is Outcome.PAUSED
    assert len(world.provider.sent) == 1


def test_P3_the_third_refusal_turns_it_off_and_a_mail_says_so(world):
    world.provider.fate = Fate.DECLINED
    outcomes = []
    for _ in range(4):
        outcomes.append(world.service.look(ACCOUNT))
        world.clock.forward(hours=1)
    assert outcomes == [Outcome.DECLINED, Outcome.DECLINED, Outcome.TURNED_OFF, Outcome.OFF]
    assert world.mails == ["auto_top_up_failed"]
    assert world.store.row.because is Because.FAILURES
    assert world.books.low_at is None
    world.provider.fate = Fate.CHARGED
    world.clock.forward(days=40)
    assert world.service.low(ACCOUNT) is Outcome.OFF


def test_a_mail_that_was_lost_in_a_crash_is_sent_by_the_next_look(world):
    world.provider.fate = Fate.DECLINED
    for _ in range(2):
        world.service.look(ACCOUNT)
        world.clock.forward(hours=1)
    notify, world.service._notify = world.service._notify, crash
    with pytest.raises(Crash):
        world.service.look(ACCOUNT)
    world.service._notify = notify
    world.clock.forward(minutes=5)
    assert world.service.due() == [(ACCOUNT,)]
    assert world.service.look(ACCOUNT) is Outcome.TURNED_OFF
    assert world.mails == ["auto_top_up_failed"]


def crash(*_):
    raise Crash("here")


def test_two_workers_at_once_charge_once(world):
    second = []

    def meanwhile():
        world.store.before_save = lambda: None
        second.append(world.service.look(ACCOUNT))

    world.store.before_save = meanwhile
    assert world.service.look(ACCOUNT) is Outcome.PAUSED
    assert second == [Outcome.CHARGED]
    assert len(world.provider.charges) == 1


def test_P3_turned_off_nothing_that_is_open_is_sent_again(world):
    world.provider.fate = Fate.NOT_SENT
    assert world.service.look(ACCOUNT) is Outcome.UNCERTAIN
    world.service.turn_off(ACCOUNT)
    world.clock.forward(minutes=10)
    assert world.service.look(ACCOUNT) is Outcome.OFF
    assert len(world.provider.sent) == 1


def test_the_currency_cannot_change_in_a_month_in_which_something_was_bought(world):
    world.service.look(ACCOUNT)
    with pytest.raises(Conflict):
        world.service.turn_on(ACCOUNT, Wish("starter", 50, 1500, "eur"))
    world.clock.forward(days=30)
    world.deliver()
    assert world.service.turn_on(ACCOUNT, Wish("starter", 50, 1500, "eur")).wish.currency == "eur"


def test_a_pack_that_was_changed_meanwhile_is_not_what_an_open_charge_becomes(world):
    world.provider.fate = Fate.NOT_SENT
    world.service.look(ACCOUNT)
    world.service.turn_on(ACCOUNT, Wish("creator", 50, 5000, "usd"))
    world.clock.forward(minutes=10)
    world.provider.fate = Fate.CHARGED
    assert world.service.look(ACCOUNT) is Outcome.CHARGED
    assert [charge.amount for charge in world.provider.charges] == [500]


def test_the_ledger_watches_for_the_higher_of_alert_and_top_up(world):
    assert world.books.low_at == 50
    world.service.set_alert(ACCOUNT, 200)
    assert world.books.low_at == 200
    world.service.set_alert(ACCOUNT, 20)
    assert world.books.low_at == 50
    world.service.turn_off(ACCOUNT)
    assert world.books.low_at == 20
    world.service.set_alert(ACCOUNT, None)
    assert world.books.low_at is None


def test_between_alert_and_top_up_somebody_keeps_looking(world):
    world.service.set_alert(ACCOUNT, 200)
    world.books.available = 100
    assert world.service.low(ACCOUNT) is Outcome.ENOUGH
    assert world.mails == ["balance_low"]
    world.clock.forward(minutes=5)
    assert world.service.due() == [(ACCOUNT,)]
    world.books.available = 10
    assert world.service.look(ACCOUNT) is Outcome.CHARGED


def test_an_owner_is_told_once_however_often_the_ledger_says_it():
    world = World()
    world.service.set_alert(ACCOUNT, 20)
    for _ in range(3):
        world.service.low(ACCOUNT)
    assert world.mails == ["balance_low"]
    assert world.books.noticed == 3
    world.clock.forward(hours=1)
    world.service.low(ACCOUNT)
    assert world.mails == ["balance_low"] * 2


def test_a_word_that_was_lost_in_a_crash_is_said_by_whoever_looks_next():
    world = World()
    world.service.set_alert(ACCOUNT, 20)
    notify, world.service._notify = world.service._notify, crash
    with pytest.raises(Crash):
        world.service.low(ACCOUNT)
    world.service._notify = notify
    world.service.low(ACCOUNT)
    assert (world.mails, world.books.noticed) == ([], 0)
    world.clock.forward(minutes=5)
    world.service.low(ACCOUNT)
    assert (world.mails, world.books.noticed) == (["balance_low"], 1)


def test_who_wants_no_alert_is_told_nothing(world):
    world.service.low(ACCOUNT)
    assert world.mails == []
    assert world.books.noticed == 1
