"""What was asked for, checked against the models that may make it: pure."""

import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from chalicelib.generation.generation import DEADLINE, Choice, Retention, Words
from chalicelib.generation.operations.contract import Operation, Parameters, Prompt
from chalicelib.kernel.errors import UnsupportedParameter, Validation
from chalicelib.kernel.shapes import refusal
from chalicelib.providers.capability import Model

#: Models that may make it instead, where the first could not.
MAX_FALLBACKS = 3


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, as it counts for idempotency."""

    model: str
    operation: str
    parameters: dict[str, Any] = field(default_factory=dict)
    upload_id: str | None = None
    prompt: str | None = None
    n: int = 1
    seed: int | None = None
    max_assets: int | None = None
    fallback_models: tuple[str, ...] = ()
    retention: Retention = Retention.STANDARD
    retention_hours: int | None = None
    deliver_to: tuple[str, ...] = ()
    deadline_seconds: int | None = None

    def canonical(self) -> str:
        """The same text for the same request, however its JSON was spelled."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def deadline(self) -> timedelta:
        """How long it may take."""
        return DEADLINE if self.deadline_seconds is None else timedelta(seconds=self.deadline_seconds)


@dataclass(frozen=True, slots=True)
class Plan:
    """An order understood: `choices` are the models in the order in which they are tried, `parameters` those without
    words, `max_pixels` the largest photo that all of them take."""

    choices: tuple[Choice, ...]
    parameters: dict[str, Any]
    words: Words
    reference: str | None
    max_pixels: int

    @property
    def dearest(self) -> int:
        """What one result costs at the most."""
        return max(choice.price for choice in self.choices)


def understand(order: Order, models: list[Model], operation: Operation) -> Plan:
    """The plan of an order for these models, first the one it names, which all do this operation.

    Raises Validation or UnsupportedParameter, naming what is wrong.
    """
    _check_inputs(order, operation)
    _check_delivery(order)
    try:
        parsed = operation.parse(order.parameters)
    except ValidationError as error:
        raise refusal(error, "parameters") from None
    given: dict[str, Any] = parsed.model_dump(mode="json", exclude_unset=True)
    for model in models:
        _check_limits(order, model, parsed, given)
    return Plan(
        choices=tuple(Choice(model.id, model.price.of(operation.measures(ready(parsed, model)))) for model in models),
        parameters={name: value for name, value in given.items() if name not in operation.texts},
        words=Words(
            prompt=order.prompt,
            parameters={name: given[name] for name in operation.texts if given.get(name) is not None},
            deliver_to=order.deliver_to,
        ),
        reference=operation.reference_upload(parsed),
        max_pixels=min(model.max_input_pixels for model in models),
    )


def ready(parameters: Parameters, model: Model) -> Parameters:
    """The parameters as that model gets them: with its own first size or value, where one can be named and none was."""
    offered = {name: values for name, values in model.allowed if name not in parameters.model_fields_set}
    if model.sizes and getattr(parameters, "size", None) is None:
        offered["size"] = model.sizes
    own = {name: values[0] for name, values in offered.items() if name in type(parameters).model_fields}
    return parameters.model_copy(update=own) if own else parameters


def _check_inputs(order: Order, operation: Operation) -> None:
    if operation.needs_photo and order.upload_id is None:
        raise Validation(f"upload_id: {order.operation} needs a photo", param="upload_id")
    if not operation.needs_photo and order.upload_id is not None:
        raise UnsupportedParameter(f"upload_id: {order.operation} takes no photo", param="upload_id")
    if operation.prompt is Prompt.NONE and order.prompt is not None:
        raise UnsupportedParameter(f"prompt: {order.operation} takes no prompt", param="prompt")
    if operation.prompt is Prompt.REQUIRED and not (order.prompt or "").strip():
        raise Validation(f"prompt: {order.operation} needs one", param="prompt")


def _check_delivery(order: Order) -> None:
    if order.retention is Retention.NONE and order.retention_hours is not None:
        raise Validation("retention_hours: goes with retention standard only", param="retention_hours")
    if order.deliver_to and order.retention is not Retention.NONE:
        raise Validation('deliver_to: goes with "retention": "none" only', param="deliver_to")
    if order.deliver_to and len(order.deliver_to) != order.n:
        raise Validation(f"deliver_to: {order.n} results need as many addresses", param="deliver_to")


def _check_limits(order: Order, model: Model, parsed: Parameters, given: dict[str, Any]) -> None:
    if order.n > model.max_outputs:
        raise Validation(f"n: {model.id} makes at most {model.max_outputs}", param="n")
    for name in given:
        if name not in model.takes:
            raise UnsupportedParameter(f"parameters.{name}: {model.id} does not take it", param=f"parameters.{name}")
    size, seconds = given.get("size"), getattr(parsed, "seconds", None)
    if size is not None and size not in model.sizes:
        offered = ", ".join(model.sizes) or "no sizes"
        raise Validation(f"parameters.size: {model.id} makes {offered}", param="parameters.size")
    for name, values in model.allowed:
        if name in given and given[name] not in values:
            offered = " or ".join(str(value) for value in values)
            raise Validation(f"parameters.{name}: {model.id} takes {offered}", param=f"parameters.{name}")
    if isinstance(seconds, int | float) and seconds > model.max_seconds:
        most = f"at most {model.max_seconds} seconds"
        raise Validation(f"parameters.seconds: {model.id} makes {most}", param="parameters.seconds")
