"""What a client may send: the body's model, and the policies to choose from."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sklroute.policies import Budget, CheapestAbove, MaxUtility, Policy, RiskAverse
from sklroute.server._errors import RequestError

POLICIES = {
    policy.__name__: policy
    for policy in (Budget, CheapestAbove, MaxUtility, RiskAverse)
}
FEW = Field(max_length=10_000)  # keys of an object: each wrong one costs an error
FIRST = Field(fail_fast=True)  # of a million wrong values only the first is an error

Cell = float | None
Row = Annotated[list[Cell], FIRST]
Query = Annotated[dict[str, str | None], FEW]


class _Strict(BaseModel):
    """Nothing is converted, no field is ignored, no number is NaN or infinite."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class PolicyRequest(_Strict):
    """One of the policies by name, with its parameters."""

    name: str
    parameters: Annotated[dict[str, float], FEW] = {}


class RouteRequest(_Strict):
    """Body of ``POST /route``; see the docs for what the fields mean."""

    features: Annotated[list[Row], FIRST] | None = None
    queries: Annotated[list[Query], FIRST] | None = None
    ids: Annotated[list[str], FIRST] | None = None
    available: list[Any] | None = None  # names, or names for each query
    costs: Annotated[dict[str, Annotated[float, Field(ge=0)]], FEW] | None = None
    policy: PolicyRequest | None = None


def read_request(body: bytes) -> RouteRequest:
    """Read the body of a request, a JSON object.

    A `RequestError` has the status 400 if it is not JSON, and 422 if a field is wrong;
    it names the field and, where there is one, the row.

    Examples
    --------
    >>> from sklroute.server._requests import read_request
    >>> read_request(b'{"features": [[0.5, null]]}').features
    [[0.5, None]]
    >>> read_request(b'{"features": [[0.5], [NaN]]}')
    Traceback (most recent call last):
    sklroute.server._errors.RequestError: features, row 1, column 0: Input should be ...
    """
    try:
        return RouteRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(
            include_url=False, include_input=False, include_context=False
        )[0]
        status = 400 if first["type"] == "json_invalid" else 422
        message = first["msg"]
        if first["type"] == "extra_forbidden":
            model = RouteRequest if len(first["loc"]) == 1 else PolicyRequest
            message = f"there is no such field; there are {list(model.model_fields)}."
        raise RequestError(status, _place(first["loc"]) + message) from error


def make_policy(request: PolicyRequest | None) -> Policy | None:
    """Make the policy that a request names; None stands for the router's own.

    A `RequestError` of status 422 names a policy or a parameter that is unknown, or out
    of range.
    """
    if request is None:
        return None
    if request.name not in POLICIES:
        raise RequestError(
            422, f"policy: there is no {request.name!r}; there are {list(POLICIES)}."
        )
    known = POLICIES[request.name]().get_params()
    unknown = [name for name in request.parameters if name not in known]
    if unknown:
        raise RequestError(
            422,
            f"policy: {request.name} has no parameter {unknown[0]!r}; it has "
            f"{list(known)}.",
        )
    policy = POLICIES[request.name](**request.parameters)
    try:
        policy._validate_params()
    except ValueError as error:
        raise RequestError(422, f"policy: {error}") from error
    return policy


def _place(location: tuple[str | int, ...]) -> str:
    """Where an error is, in words: the path of names, then row and column."""
    words = iter(("row", "column"))
    parts = [
        f"{next(words, 'item')} {part}" if isinstance(part, int) else part
        for part in location
    ]
    return ", ".join(parts) + ": " if parts else ""
