"""A hosted provider that keeps books of what it bills."""

from collections.abc import Callable
from typing import Any

from chalicelib.providers.capability import Proof, Runs
from chalicelib.providers.job import Accepted, BadCallback, Done, Job, Pending, ProviderCanceled, ProviderUncertain
from tests.support.fake_generations import capability, model, picture


class FakeCloud:
    """A hosted provider that keeps books of what it bills. `before` and `after` are called when a job comes in and when
    it was taken: what they raise is what the caller gets. With `polls` it answers with a ticket, and is done after so
    many questions."""

    def __init__(self, name: str = "cloud", *, proof: Proof = Proof.LOOKUP, polls: int = 0, **changes: Any) -> None:
        self.name = name
        self.polls = polls
        self.before: Callable[[Job], None] = lambda _: None
        self.after: Callable[[Job], None] = lambda _: None
        self.asked: Callable[[str], None] = lambda _: None
        self.billed: dict[str, Job] = {}
        self.left: dict[str, int] = {}
        self.stopped: set[str] = set()
        self.submissions: list[Job] = []
        price = changes.pop("price", 3)
        own = model(f"{name}/stylize-1", price)
        hosted = {"runs": Runs.HOSTED, "proof": proof, "hosts": (f"{name}.example.com",), "regions": ("eu",)}
        self.capability = capability(own, **{**hosted, **changes})

    def submit(self, job: Job) -> Done | Accepted:
        self.submissions.append(job)
        self.before(job)
        if self.capability.proof is not Proof.REPLAY or job.idempotency_key not in self.billed:
            assert job.idempotency_key not in self.billed, "the same work was billed twice"
            self.billed[job.idempotency_key] = job
            self.left[job.idempotency_key] = self.polls
        self.after(job)
        return self._answer(job.idempotency_key)

    def _answer(self, key: str) -> Done | Accepted:
        return Accepted(ticket=key, request_id=f"req-{key}", poll_after_seconds=2) if self.polls else self._done(key)

    def _done(self, key: str) -> Done:
        job = self.billed[key]
        outputs = tuple(picture(job, index) for index in range(job.n))
        return Done(outputs=outputs, request_id=f"req-{key}", cost_microdollars=40_000 * job.n)

    def poll(self, ticket: str, job: Job) -> Done | Pending:
        self.asked(ticket)
        if ticket in self.stopped:
            raise ProviderCanceled("canceled", "It was canceled.")
        self.left[ticket] -= 1
        if self.left[ticket] > 0:
            return Pending(progress_percent=40, queue_position=1, poll_after_seconds=2)
        return self._done(ticket)

    def find(self, job: Job) -> Done | Accepted | None:
        if self.capability.proof is not Proof.LOOKUP:
            raise ProviderUncertain("no_lookup", "It cannot be asked.")
        self.asked(job.idempotency_key)
        return self._answer(job.idempotency_key) if job.idempotency_key in self.billed else None

    def cancel(self, ticket: str) -> None:
        if self.left[ticket] > 0:
            self.stopped.add(ticket)

    def check_callback(self, headers: Any, body: bytes, now_seconds: int) -> None:
        if body != b"signed":
            raise BadCallback("not signed")
