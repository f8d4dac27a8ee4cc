"""More faults that an audit must find: rows and objects that outlive their time, or that nobody looks after."""

from infra.fotogenic.checks.finding import Rule
from tests.support.seeded_faults import DAY, FAULTS, Planter, fault

__all__ = ["FAULTS"]


@fault
def an_upload_without_an_end(p: Planter) -> tuple[Rule, str]:
    made = p.core.photo(p.account)
    p.change(p.settings.uploads_table, {"account_id": p.account, "id": made}, ttl=None)
    return Rule.NO_EXPIRY, f"uploads:{p.account}/{made}"


@fault
def an_upload_past_its_end(p: Planter) -> tuple[Rule, str]:
    made = p.core.photo(p.account)
    p.change(p.settings.uploads_table, {"account_id": p.account, "id": made}, ttl=p.now - 10 * DAY)
    return Rule.OVERDUE_ROW, f"uploads:{p.account}/{made}"


@fault
def a_generation_without_an_end(p: Planter) -> tuple[Rule, str]:
    made = p.done()
    p.generation(made, ttl=None)
    return Rule.NO_EXPIRY, f"generations:{p.account}/{made}"


@fault
def results_without_an_end(p: Planter) -> tuple[Rule, str]:
    made = p.done()
    p.generation(made, expires_at=None)
    return Rule.NO_EXPIRY, f"generations:{p.account}/{made}"


@fault
def an_idempotency_key_without_an_end(p: Planter) -> tuple[Rule, str]:
    p.change(p.settings.generations_table, {"account_id": p.account, "id": "request#1"}, expires_at=1)
    return Rule.NO_EXPIRY, f"generations:{p.account}/request#1"


@fault
def a_session_without_an_end(p: Planter) -> tuple[Rule, str]:
    p.change(p.settings.accounts_table, {"pk": p.account, "sk": "session#1"}, expires_at=1)
    return Rule.NO_EXPIRY, f"accounts:{p.account}/session#1"


@fault
def a_sign_in_code_without_an_end(p: Planter) -> tuple[Rule, str]:
    p.change(p.settings.accounts_table, {"pk": f"address#{'f' * 64}", "sk": "code"}, expires_at=1)
    return Rule.NO_EXPIRY, "accounts:address#ffffffffffff…/code"


@fault
def an_event_without_an_end(p: Planter) -> tuple[Rule, str]:
    p.change(p.settings.billing_table, {"pk": f"event#evt_{p.account}", "sk": "event"}, type="invoice.paid")
    return Rule.NO_EXPIRY, f"billing:event#evt_{p.account}/event"


@fault
def an_account_row_of_no_known_kind(p: Planter) -> tuple[Rule, str]:
    p.change(p.settings.accounts_table, {"pk": p.account, "sk": "mystery"}, x=1)
    return Rule.UNKNOWN_ROW, f"accounts:{p.account}/mystery"


@fault
def a_generation_that_the_rescue_cannot_see(p: Planter) -> tuple[Rule, str]:
    made = p.queued()
    p.generation(made, open=None)
    return Rule.FORGOTTEN, f"generations:{p.account}/{made}"


@fault
def a_generation_that_nobody_rescued(p: Planter) -> tuple[Rule, str]:
    made = p.queued()
    p.generation(made, due_at=(p.now - DAY) * 1000)
    return Rule.FORGOTTEN, f"generations:{p.account}/{made}"


@fault
def a_result_without_a_generation(p: Planter) -> tuple[Rule, str]:
    key = f"results/{p.account}/gen_{'0' * 26}/1-0"
    p.write(p.settings.results_bucket, key)
    return Rule.STRAY_OBJECT, key


@fault
def a_result_that_its_generation_does_not_have(p: Planter) -> tuple[Rule, str]:
    key = f"results/{p.account}/{p.done()}/9-0"
    p.write(p.settings.results_bucket, key)
    return Rule.STRAY_OBJECT, key


@fault
def bytes_of_a_deleted_upload(p: Planter) -> tuple[Rule, str]:
    made = p.core.photo(p.account)
    p.core.uploads.delete(p.account, made)
    p.write(p.settings.uploads_bucket, f"clean/{p.account}/{made}")
    return Rule.STRAY_OBJECT, f"clean/{p.account}/{made}"


@fault
def an_object_where_nothing_is_written(p: Planter) -> tuple[Rule, str]:
    key = f"elsewhere/{p.account}"
    p.write(p.settings.uploads_bucket, key)
    return Rule.STRAY_OBJECT, key


@fault
def a_photo_past_its_end(p: Planter) -> tuple[Rule, str]:
    made = p.core.photo(p.account)
    key = {"account_id": p.account, "id": made}
    p.change(p.settings.uploads_table, key, expires_at=(p.now - 10 * DAY) * 1000)
    return Rule.OVERDUE_OBJECT, f"clean/{p.account}/{made}"


@fault
def an_event_that_nobody_dealt_with(p: Planter) -> tuple[Rule, str]:
    key = {"pk": f"event#evt_late_{p.account}", "sk": "event"}
    p.change(p.settings.billing_table, key, ttl=p.now + DAY, due="event", due_at=(p.now - DAY) * 1000)
    return Rule.FORGOTTEN, f"billing:event#evt_late_{p.account}/event"
