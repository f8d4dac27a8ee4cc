"""Bodies of multipart/form-data: what they hold, whatever their boundary, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.generation.compat.form import MAX_FORM_BYTES, MAX_PARTS, read
from chalicelib.kernel.errors import PayloadTooLarge, Problem, UnsupportedMediaType, Validation


def body(boundary, *parts):
    lines = b""
    for name, filename, data in parts:
        named = f'; filename="{filename}"' if filename else ""
        lines += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + data + b"\r\n"
        )
    return f"multipart/form-data; boundary={boundary}", lines + f"--{boundary}--\r\n".encode()


PARTS = (("prompt", None, "a färbung".encode()), ("image", "me.jpg", b"\xff\xd8\r\n--x\r\n\xff"))


@given(st.text("abcdefXYZ0123456789", min_size=8, max_size=40), st.binary(max_size=3000))
def test_the_same_whatever_the_boundary(boundary, data):
    form = read(*body(boundary, PARTS[0], ("image", "a.jpg", data)))
    assert form.fields == {"prompt": "a färbung"}
    assert form.files == [("image", data)]


@given(st.binary(max_size=400))
def test_nothing_but_a_refusal_comes_of_what_is_malformed(data):
    status = 200
    try:
        read("multipart/form-data; boundary=b", data)
    except Problem as problem:
        status = problem.status
    assert status in (200, 400, 413, 415)


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (("application/json", b"{}"), UnsupportedMediaType),
        (("multipart/form-data", b""), UnsupportedMediaType),
        (("multipart/form-data; boundary=b", b"x" * (MAX_FORM_BYTES + 1)), PayloadTooLarge),
        (body("b" * 8, ("n", None, b"1"), ("n", None, b"2")), Validation),
        (body("b" * 8, ("n", None, b"\xff\xfe")), Validation),
        (body("b" * 8, ("n", None, b"x" * 70_000)), Validation),
        (body("b" * 8, *((f"n{at}", None, b"1") for at in range(MAX_PARTS + 1))), Validation),
        (("multipart/form-data; boundary=bbbbbbbb", body("b" * 8, *PARTS)[1][:-30]), Validation),
    ],
)
def test_what_is_refused(given, refusal):
    with pytest.raises(refusal):
        read(*given)
