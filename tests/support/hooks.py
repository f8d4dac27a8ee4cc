"""The webhooks room on the deployed tables, with receivers that obey and a schedule that is a method."""

from datetime import timedelta
from typing import Any

from chalicelib.aws import session
from chalicelib.webhooks.delivery import Delivery
from chalicelib.webhooks.endpoint import Endpoint
from tests.support.deployed import Deployed
from tests.support.fake_webhooks import URL, Receivers


class Hooks:
    """One account's webhooks. `receivers` None: requests leave for real."""

    def __init__(self, core: Deployed, account_id: str, receivers: Receivers | None = None) -> None:
        self.core = core
        self.account_id = account_id
        self.receivers = receivers
        self.restart()

    def restart(self) -> None:
        """What a new process has."""
        self.core.restart()
        if self.receivers is not None:
            self.core.services.__dict__["send_public"] = self.receivers

    def endpoint(self, url: str = URL, **members: Any) -> Endpoint:
        given: dict[str, Any] = {"events": None, "description": ""}
        return self.core.services.webhook_endpoints.create(self.account_id, url, **given | members)

    def tell(self, key: str = "generation.succeeded:gen_1") -> None:
        data = {"id": "gen_1", "object": "generation", "seq": 3}
        self.core.services.webhooks.tell_now(self.account_id, "generation.succeeded", data, key=key)

    def tick(self) -> list[str]:
        """One look of the schedule, and each message that it queues handled twice."""
        work, outcomes = self.core.services.webhook_deliveries, []
        for found in work.overdue():
            account_id, *place = found
            if account_id != self.account_id or work.queue_again(*found) != "queued":
                continue
            for _ in range(2):
                if len(place) == 1:
                    outcomes.append(work.spread(account_id, *place))
                else:
                    endpoint_id, event_id, _ = place
                    outcomes.append(work.deliver(account_id, event_id, endpoint_id))
        return outcomes

    def settle(self, *, rounds: int = 12, minutes: float = 3) -> list[str]:
        """Time passes until nothing is due any more; what came of each message."""
        outcomes: list[str] = []
        for _ in range(rounds):
            self.core.clock.time += timedelta(minutes=minutes)
            outcomes += self.tick()
            if not [found for found in self.due() if found[0] == self.account_id]:
                return outcomes
        raise AssertionError(f"{self.account_id} is not at rest: {outcomes}")

    def due(self) -> list[tuple[Any, ...]]:
        """Everything that will be due at some time."""
        services, far = self.core.services, self.core.clock.now() + timedelta(days=30)
        return [*services._webhook_events.due(far, 1000), *services._webhook_deliveries.due(far, 1000)]

    def deliveries(self, endpoint: Endpoint) -> list[Delivery]:
        return self.core.services.webhook_endpoints.deliveries(self.account_id, endpoint.id, before=None, limit=50)

    def events(self) -> list[str]:
        """The ids of the account's stored events."""
        return [item.removeprefix("event#") for item in self._rows() if item.startswith("event#")]

    def count(self) -> tuple[int, int]:
        """(how many endpoints there are, how many are counted)."""
        own = self._rows()
        counted = int(own["endpoints"]["endpoints"]["N"]) if "endpoints" in own else 0
        return sum(item.startswith("endpoint#") for item in own), counted

    def _rows(self) -> dict[str, Any]:
        """Everything of the account, by its sort key."""
        answer = session.client("dynamodb").query(
            TableName=self.core.settings.webhooks_table,
            KeyConditionExpression="account_id = :a",
            ExpressionAttributeValues={":a": {"S": self.account_id}},
            ConsistentRead=True,
        )
        return {row["item"]["S"]: row for row in answer["Items"]}
