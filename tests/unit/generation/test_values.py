"""A model may take only some values of a parameter: others are refused, and its first is meant where none is named."""

from dataclasses import replace

import pytest

from chalicelib.generation.operations import operation
from chalicelib.generation.ordering.order import Order, Plan, ready, understand
from chalicelib.kernel.errors import Validation
from chalicelib.providers import local
from chalicelib.providers.capability import Model
from chalicelib.providers.price import Price, Step

UPSCALE = operation("upscale")


def plan(*models: Model, **parameters: object) -> Plan:
    order = Order(model=models[0].id, operation="upscale", parameters=parameters, upload_id="upl_1")
    return understand(order, list(models), UPSCALE)


@pytest.mark.parametrize(("model", "own", "other"), [(local.UPSCALE, 2, 4), (local.UPSCALE_4, 4, 2)])
def test_a_value_that_the_model_does_not_take_is_refused_by_name(model: Model, own: int, other: int) -> None:
    assert plan(model, scale=own).parameters == {"scale": own}
    with pytest.raises(Validation, match=rf"parameters\.scale: {model.id} takes {own}") as refused:
        plan(model, scale=other)
    assert refused.value.param == "parameters.scale"


@pytest.mark.parametrize(("model", "own"), [(local.UPSCALE, 2), (local.UPSCALE_4, 4)])
def test_where_none_is_named_the_model_gets_its_own_first(model: Model, own: int) -> None:
    assert plan(model).parameters == {}
    assert ready(UPSCALE.parse({}), model).model_dump() == {"scale": own}
    both = replace(model, allowed=(("scale", (2, 4)),))
    assert ready(UPSCALE.parse({"scale": 4}), both).model_dump() == {"scale": 4}


def test_the_price_is_of_the_value_that_the_model_gets() -> None:
    steps = (Step(measure="scale", above=2, adds=3, per=None),)
    assert plan(replace(local.UPSCALE_4, price=Price(assets=4, steps=steps))).dearest == 7


def test_every_model_that_may_make_it_must_take_the_value() -> None:
    assert [choice.price for choice in plan(local.UPSCALE, local.UPSCALE_4).choices] == [2, 4]
    with pytest.raises(Validation, match=local.UPSCALE_4.id):
        plan(local.UPSCALE, local.UPSCALE_4, scale=2)


def test_a_model_without_such_limits_takes_all_that_its_operation_does() -> None:
    free = replace(local.UPSCALE, allowed=())
    assert [plan(free, scale=scale).parameters for scale in (2, 4)] == [{"scale": 2}, {"scale": 4}]
    assert ready(UPSCALE.parse({}), free).model_dump() == {"scale": 2}
