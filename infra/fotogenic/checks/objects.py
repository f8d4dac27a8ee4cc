"""Objects in the buckets: each belongs to a row that still wants it, or goes soon."""

import json
from dataclasses import dataclass

from infra.fotogenic.checks.finding import Finding, Rule
from infra.fotogenic.checks.rows import TERMINAL, Row

#: An object may be there before its row says so, and after: bytes of a form, results of a worker that lost its claim.
SETTLING_SECONDS = 2 * 3600


@dataclass(frozen=True, slots=True)
class Stored:
    """An object: its key, and when it was written, in seconds since 1970."""

    key: str
    written_at: int

    @property
    def place(self) -> tuple[str, str, str] | None:
        """(folder, account id, id of the upload or generation); None for a key that no code of ours makes."""
        parts = self.key.split("/")
        wanted = {"incoming": 3, "clean": 3, "results": 4, "once": 4}.get(parts[0])
        return (parts[0], parts[1], parts[2]) if len(parts) == wanted and all(parts) else None


def check(stored: Stored, row: Row | None, *, now_seconds: int, grace_seconds: int) -> list[Finding]:
    """`row` is that of the upload or generation it belongs to, None if there is none."""
    if now_seconds - stored.written_at < SETTLING_SECONDS:
        return []
    place = stored.place
    if place is None:
        return [Finding(Rule.STRAY_OBJECT, stored.key, "is where nothing of ours is written")]
    if row is None:
        return [Finding(Rule.STRAY_OBJECT, stored.key, "has no row")]
    unwanted = _unwanted(place[0], stored.key, row)
    if unwanted:
        return [Finding(Rule.STRAY_OBJECT, stored.key, unwanted)]
    expires_at = int(row["expires_at"]) // 1000 if row.get("expires_at") is not None else None
    if expires_at is not None and expires_at + grace_seconds < now_seconds:
        late = (now_seconds - expires_at - grace_seconds) // 3600
        return [Finding(Rule.OVERDUE_OBJECT, stored.key, f"is {late} h past its end and the grace")]
    return []


def _unwanted(folder: str, key: str, row: Row) -> str:
    """Why the row does not want it; empty if it does."""
    if folder in ("results", "once"):
        if row["status"] not in TERMINAL:
            return ""
        assets = [asset for asset in json.loads(row["assets"]) if asset["status"] == "succeeded"]
        kept = {asset.get("key") for asset in assets if not asset.get("delivered")}
        return "" if key in kept else "is no result that its generation has"
    if row.get("deleted"):
        return "its upload was deleted"
    if folder == "clean":
        return "" if row["status"] == "ready" else f"its upload is {row['status']}"
    return "" if row["status"] in ("pending", "processing") else f"its upload is {row['status']} and was cleaned"
