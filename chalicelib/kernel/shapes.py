"""Base classes of everything that crosses the HTTP door."""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.kernel.errors import Problem, UnsupportedParameter, Validation

MAX_PAGE = 100
#: What clients that speak JSON send and mean exactly: "1" is not 1, an unknown member is an error.
STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class Body(BaseModel):
    """A JSON request body."""

    model_config = STRICT


class Query(BaseModel):
    """Query parameters: text, so numbers are read from their digits."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(Query):
    """`limit` things per page, those after the opaque cursor `after`."""

    limit: int = Field(20, ge=1, le=MAX_PAGE, description="how many at most")
    after: str | None = Field(None, max_length=200, description="`next_cursor` of the page before")


class View(BaseModel):
    """A JSON answer."""

    model_config = ConfigDict(frozen=True)


Item = TypeVar("Item", bound=View)


class Page(View, Generic[Item]):
    """One page of a list, newest first. `next_cursor` is null on the last page."""

    object: str = "list"
    data: list[Item]
    has_more: bool
    next_cursor: str | None


def refusal(error: ValidationError, prefix: str = "") -> Problem:
    """The problem that says what is wrong where: the first error leads, `errors` has them all."""
    found = [(_path(item["loc"], prefix), _sentence(dict(item)), item["type"]) for item in error.errors()]
    listed: list[dict[str, Any]] = [{"param": path or None, "message": message} for path, message, _ in found]
    path, message, kind = found[0]
    problem = UnsupportedParameter if kind == "extra_forbidden" else Validation
    return problem(f"{path}: {message}" if path else message, param=path or None, errors=listed)


def _path(location: tuple[int | str, ...], prefix: str) -> str:
    path = prefix
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else (f".{part}" if path else part)
    return path


def _sentence(error: dict[str, Any]) -> str:
    if error["type"] == "extra_forbidden":
        return "is not a member this request has"
    if error["type"] == "missing":
        return "is required"
    return str(error["msg"]).removeprefix("Value error, ")
