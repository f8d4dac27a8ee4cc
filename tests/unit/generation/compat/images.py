"""Requests in OpenAI's shapes over memory: the generation room, what is remembered of requests, and uploads."""

from dataclasses import replace

from chalicelib.generation.compat.pointer import SLACK, Pointer
from chalicelib.generation.compat.service import Compat, Request
from chalicelib.generation.compat.store import PointerTaken
from chalicelib.kernel.errors import Gone
from chalicelib.uploads.upload import Status, Upload
from tests.support.fakes import NOON, write
from tests.unit.generation.room import CALLER, ORDER, Room

CONTENT = {"route": "generations", "prompt": "a cat"}


class Pointers:
    """`compat.store` in memory."""

    def __init__(self):
        self.last = {}
        self.by_retry = {}
        self.photos = {}

    def get(self, account_id, place, now):
        pointer, ends = self.last.get((account_id, place.id), (None, now))
        return pointer if ends > now else None

    def put(self, tx, account_id, place, generation_id, now, *, arrived_at):
        at, pointer = (account_id, place.id), Pointer(generation_id, place.fingerprint)

        def free():
            if arrived_at is None:
                stands = self.get(account_id, place, now)
            else:
                stands, made_at = self.by_retry.get(at, (None, arrived_at))
                stands = stands if made_at >= arrived_at - SLACK else None
            return stands is None, stands

        def apply():
            self.last[at] = (pointer, now + place.life)
            if arrived_at is None:
                self.by_retry[at] = (pointer, now)

        tx.add(write(apply, free, PointerTaken))

    def photo(self, account_id, place, now):
        upload_id, ends = self.photos.get((account_id, place), (None, now))
        return upload_id if ends > now else None

    def put_photo(self, account_id, place, upload_id, now):
        self.photos[account_id, place] = (upload_id, now + place.life)


class Uploads:
    """Uploads by their id, each as far as it came."""

    def __init__(self):
        self.status = {}

    def receive(self):
        upload_id = f"upl_{len(self.status) + 1}"
        self.status[upload_id] = Status.PROCESSING
        return upload_id

    def get(self, account_id, upload_id):
        if upload_id not in self.status:
            raise Gone
        upload = Upload(upload_id, account_id, self.status[upload_id], "image/jpeg", 1, "", NOON, NOON)
        return replace(upload, message="It is no photo.")


class Images(Room):
    def __init__(self, assets=100):
        super().__init__(assets)
        self.pointers = Pointers()
        self.sent = Uploads()
        self.tokens = iter(range(10_000))
        self.compat = Compat(
            self.pointers,
            self.ordering,
            self.generations,
            self.sent,
            self.clock,
            keyed_hash=lambda purpose, value: f"{purpose}:{value}",
            token=lambda: str(next(self.tokens)),
            sleep=self.sleep,
            taken=PointerTaken,
        )

    def request(self, retry=0, arrived_at=None, key=""):
        return Request(
            principal=CALLER,
            arrived_at=arrived_at or self.clock.now(),
            retry=retry,
            idempotency_key=key,
            request_id="req_1",
        )

    def ask(self, retry=0, arrived_at=None, key="", content=CONTENT):
        return self.compat.run(self.request(retry, arrived_at, key), content, lambda: ORDER).made

    def send_photo(self, retry=0, key="", content=CONTENT):
        return self.compat.photo(self.request(retry, key=key), content, self.sent.receive)

    def run_all(self):
        for _, generation_id in list(self.store.rows):
            self.run(generation_id)
