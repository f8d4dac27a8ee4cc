"""A photo that comes with a request becomes one upload, whatever the client repeats."""

import pytest

from chalicelib.generation.compat.problems import StillRunning
from chalicelib.kernel.errors import Validation
from chalicelib.uploads.upload import Status
from tests.unit.generation.compat.images import CONTENT, Images


@pytest.fixture
def images():
    return Images()


@pytest.mark.parametrize(("retries", "key"), [((0, 1, 2), ""), ((0, 0, 0), "mine")])
def test_a_photo_is_uploaded_once_whatever_its_repetitions(images, retries, key):
    first, second, third = retries
    for retry in (first, second):
        with pytest.raises(StillRunning):
            images.send_photo(retry, key)
    images.sent.status["upl_1"] = Status.READY
    assert images.send_photo(third, key) == "upl_1"


def test_two_requests_with_the_same_photo_upload_it_twice(images):
    for _ in range(2):
        with pytest.raises(StillRunning):
            images.send_photo()
    assert list(images.sent.status) == ["upl_1", "upl_2"]


def test_a_key_of_the_clients_own_brings_no_other_photo(images):
    for image in ("aa", "bb"):
        with pytest.raises(StillRunning):
            images.send_photo(key="mine", content={**CONTENT, "image": image})
    assert list(images.sent.status) == ["upl_1", "upl_2"]


def test_a_photo_whose_upload_is_gone_is_uploaded_again(images):
    with pytest.raises(StillRunning):
        images.send_photo()
    images.sent.status = {"upl_0": Status.EXPIRED}
    with pytest.raises(StillRunning):
        images.send_photo(1)
    assert list(images.sent.status) == ["upl_0", "upl_2"]


def test_a_photo_that_was_rejected_says_why_and_is_not_uploaded_again(images):
    images.sent.receive = lambda: images.sent.status.setdefault("upl_1", Status.REJECTED) and "upl_1"
    for retry in (0, 1):
        with pytest.raises(Validation, match="It is no photo") as caught:
            images.send_photo(retry)
        assert caught.value.param == "image"
    assert list(images.sent.status) == ["upl_1"]
