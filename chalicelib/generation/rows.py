"""How a generation lies in its row: pure. Personal words are sealed by the store, and are never a member here."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from chalicelib.generation.generation import (
    Asset,
    AssetStatus,
    Choice,
    Failure,
    Generation,
    Retention,
    Review,
    Sent,
    Status,
    Words,
)
from chalicelib.kernel.clock import epoch_millis, from_epoch


def plain_asset(asset: Asset) -> dict[str, Any]:
    """An asset as JSON, without what is not known."""
    return {name: value for name, value in asdict(asset).items() if value is not None and value is not False}


def plain_words(words: Words) -> dict[str, Any]:
    return {"prompt": words.prompt, "parameters": words.parameters, "deliver_to": list(words.deliver_to)}


def words_of(plain: dict[str, Any]) -> Words:
    return Words(plain["prompt"], plain["parameters"], tuple(plain["deliver_to"]))


def plain_sent(sent: Sent) -> dict[str, Any]:
    """How far a submission has come. That it has begun is an attribute of its own, which conditions can name."""
    return {"number": sent.number, "tries": sent.tries, "ticket": sent.ticket, "polls": sent.polls}


def attributes(made: Generation) -> dict[str, Any]:
    """The attributes of a new row, all but its keys and what the store adds."""
    return {
        "status": made.status.value,
        "model": made.model,
        "operation": made.operation,
        "parameters": made.parameters,
        "upload_id": made.upload_id,
        "reference_upload_id": made.reference_upload_id,
        "price": made.price,
        "held": made.held,
        "others": [[other.model, other.price] for other in made.others] or None,
        "retention": None if made.retention is Retention.STANDARD else made.retention.value,
        "retention_hours": made.retention_hours,
        "seed": made.seed,
        "spender": made.spender,
        "request_id": made.request_id,
        "lane": made.lane or None,
        "assets": [plain_asset(asset) for asset in made.assets],
        "created_at": epoch_millis(made.created_at),
        "deadline_at": epoch_millis(made.deadline_at),
    }


def generation_of(row: Any, words: Words) -> Generation:
    """The generation of a row of the store."""
    return Generation(
        id=row.id,
        account_id=row.account_id,
        status=Status(row.status),
        model=row.model,
        operation=row.operation,
        parameters=row.parameters,
        upload_id=row.upload_id,
        reference_upload_id=row.reference_upload_id,
        price=int(row.price),
        held=int(row.held),
        others=tuple(Choice(model, int(price)) for model, price in row.others or ()),
        words=words,
        retention=Retention(row.retention or Retention.STANDARD),
        retention_hours=_count(row.retention_hours),
        seed=int(row.seed),
        created_at=from_epoch(int(row.created_at) / 1000),
        deadline_at=from_epoch(int(row.deadline_at) / 1000),
        spender=row.spender,
        request_id=row.request_id,
        assets=tuple(_asset(plain) for plain in row.assets),
        charged=int(row.charged),
        attempt=int(row.attempt),
        idle=int(row.idle),
        sent=_sent(row),
        cancel_requested=bool(row.cancel_requested),
        progress_percent=_count(row.progress_percent),
        queue_position=_count(row.queue_position),
        provider_request_id=row.provider_request_id,
        cost_microdollars=_count(row.cost_microdollars),
        deleted=bool(row.deleted),
        expires_at=_time(row.expires_at),
        finished_at=_time(row.finished_at),
        failure=Failure(*row.failure) if row.failure else None,
        lane=row.lane or "",
        version=int(row.version),
    )


def _asset(plain: dict[str, Any]) -> Asset:
    members = {**plain, "status": AssetStatus(plain["status"])}
    return Asset(**{**members, "review": Review(plain.get("review", Review.UNREVIEWED))})


def _sent(row: Any) -> Sent:
    plain = row.sent or {}
    return Sent(
        number=int(plain.get("number", 1)),
        tries=int(plain.get("tries", 0)),
        begun=bool(row.begun),
        ticket=plain.get("ticket"),
        polls=int(plain.get("polls", 0)),
    )


def _count(value: Any) -> int | None:
    return None if value is None else int(value)


def _time(millis: Any) -> datetime | None:
    return from_epoch(int(millis) / 1000) if millis else None
