"""The OpenAPI description of the HTTP transport."""

from __future__ import annotations

from typing import Any

import pdfspider
from pdfspider.gateway.inbound.messages import Message
from pdfspider.gateway.transports.http.idempotency import KEY_PATTERN as KEY
from pdfspider.items import Outcome
from pdfspider.web.documents import SHA256_PATTERN

Schema = dict[str, Any]

JOB_STATES = ["running", "paused", "finished", "cancelling", "cancelled"]
COUNT_SCHEMA: Schema = {"type": "integer", "minimum": 0}
TEXT_SCHEMA: Schema = {"type": "string"}
NULLABLE_TEXT_SCHEMA: Schema = {"type": ["string", "null"]}
URL_SCHEMA: Schema = {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"}
CLASSES_SCHEMA: Schema = {"type": "object", "additionalProperties": COUNT_SCHEMA}
MESSAGE_EXAMPLE: Schema = {"url": "https://example.org/", "depth": 1, "task_id": "mine"}
EVENT_SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "id": TEXT_SCHEMA,
        "event": {"type": "string", "enum": ["status", "document", "result"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["id", "event", "data"],
}
JOB_OPERATIONS = ("status", "result", "pause", "resume", "cancel")
JOB_PARAMETER: Schema = {
    "name": "job",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
}


def describe(*, with_token: bool) -> Schema:
    """Return the OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "pdfspider", "version": "1", "description": pdfspider.__doc__},
        "paths": _paths(),
        "components": {"schemas": _schemas(), "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}] if with_token else [],
    }


def _paths() -> Schema:
    jobs = {"operationId": "jobs", **_operation("Some jobs and their status", 200, "Jobs", 400)}
    limit = {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    jobs["parameters"] = [{"name": "limit", "in": "query", "schema": limit}]
    told = "Its status at each change, documents when they are found, and the result at its end"
    events = _of_job("events", told, "Status")
    events["parameters"] = [
        JOB_PARAMETER,
        {"name": "documents", "in": "query", "schema": {"type": "boolean", "default": False}},
        {"name": "Last-Event-ID", "in": "header", "schema": TEXT_SCHEMA, "description": "Continue after this event"},
    ]
    events["responses"]["204"] = {"description": "The event was the last one"}
    events["responses"]["200"]["content"] = {"text/event-stream": {"schema": EVENT_SCHEMA}}
    health = _operation("The state of the transports of all gateways", 200, "Transports")
    transports = {"operationId": "transports", **health}
    return {
        "/jobs": {"post": _submit(), "get": jobs},
        "/transports": {"get": transports},
        "/documents/{sha256}": {"get": _document()},
        "/jobs/{job}": {"get": _of_job("status", "The status of a job", "Status")},
        "/jobs/{job}/result": {"get": _of_job("result", "The result of a job so far", "Result")},
        "/jobs/{job}/events": {"get": events},
        "/jobs/{job}/pause": {"post": _control("pause", "Pause a job")},
        "/jobs/{job}/resume": {"post": _control("resume", "Resume a job")},
        "/jobs/{job}/cancel": {"post": _control("cancel", "Cancel a job without its remaining URLs")},
    }


def _document() -> Schema:
    document = {
        "operationId": "document",
        **_operation("The bytes of a document", 200, "Document", 400, 404, 412, 416),
    }
    document["parameters"] = [
        {"name": "sha256", "in": "path", "required": True, "schema": {"type": "string", "pattern": SHA256_PATTERN}},
        {
            "name": "Range",
            "in": "header",
            "schema": TEXT_SCHEMA,
            "description": "One range of bytes, such as bytes=1000-",
        },
        *({"name": name, "in": "header", "schema": TEXT_SCHEMA} for name in ("If-Range", "If-Match", "If-None-Match")),
    ]
    document["responses"]["200"]["content"] = {"application/pdf": {}}
    document["responses"]["206"] = {"description": "The part of it", "content": {"application/pdf": {}}}
    document["responses"]["304"] = {"description": "It is the one that If-None-Match names"}
    return document


def _submit() -> Schema:
    submit = {
        "operationId": "submit",
        **_operation("Submit a job, or a part of one", 202, "Accepted", 400, 408, 413, 415, 422),
    }
    submit["responses"]["202"]["links"] = {name: _link(name) for name in JOB_OPERATIONS}
    submit["requestBody"] = {"required": True, "content": _json("Message", example=MESSAGE_EXAMPLE)}
    submit["parameters"] = [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "pattern": KEY},
            "description": "A repeated key means the same message, which changes nothing. With another body: 422",
        }
    ]
    return submit


def _of_job(name: str, summary: str, schema: str, *errors: int) -> Schema:
    return {"operationId": name, **_operation(summary, 200, schema, 400, 404, *errors), "parameters": [JOB_PARAMETER]}


def _control(name: str, summary: str) -> Schema:
    return _of_job(name, summary, "State", 415)


def _link(name: str) -> Schema:
    return {"operationId": name, "parameters": {"job": "$response.body#/job"}}


def _operation(summary: str, status: int, schema: str, *errors: int) -> Schema:
    failed = {"description": "The reason", "content": _json("Problem", "application/problem+json")}
    responses = {str(error): failed for error in (*errors, 401, 403, 503)}
    return {
        "summary": summary,
        "responses": {str(status): {"description": summary, "content": _json(schema)}, **responses},
    }


def _json(schema: str, media: str = "application/json", **more: Any) -> Schema:
    return {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}, **more}}


def _schemas() -> Schema:
    message = Message.model_json_schema()
    for name, schema in message["properties"].items():
        message["properties"][name] = {"anyOf": [schema, {"type": "null"}]}
    urls = {"type": "array", "items": URL_SCHEMA, "minItems": 1}
    message["oneOf"] = [_either(url=URL_SCHEMA, urls={"type": "null"}), _either(urls=urls, url={"type": "null"})]
    counters = ("queued", "delayed", "leased", "done", "dead", "documents", "bytes")
    status = {
        "state": {"type": "string", "enum": JOB_STATES},
        "sealed": {"type": "boolean"},
        "run": COUNT_SCHEMA,
        **dict.fromkeys(counters, COUNT_SCHEMA),
        "classes": CLASSES_SCHEMA,
    }
    transport = dict.fromkeys(("gateway", "transport", "error"), TEXT_SCHEMA)
    transport |= {"state": {"type": "string", "enum": ["starting", "up", "down"]}, "since": {"type": "number"}}
    transport |= {"received": COUNT_SCHEMA, "published": COUNT_SCHEMA}
    return {
        "Message": message,
        "Transports": _object({"transports": {"type": "array", "items": _object(transport)}}),
        "Accepted": _object({"job": TEXT_SCHEMA, "run": COUNT_SCHEMA, "result_id": TEXT_SCHEMA, "added": COUNT_SCHEMA}),
        "Status": _object({"job": TEXT_SCHEMA, **status}),
        "Jobs": _object({"jobs": {"type": "object", "additionalProperties": _object(status)}}),
        "State": _object({"job": TEXT_SCHEMA, "state": {"type": "string", "enum": JOB_STATES}}),
        "Result": _result(),
        "Problem": _object(
            {
                "type": TEXT_SCHEMA,
                "title": TEXT_SCHEMA,
                "status": COUNT_SCHEMA,
                "detail": TEXT_SCHEMA,
                "error": TEXT_SCHEMA,
            }
        ),
    }


def _result() -> Schema:
    document = dict.fromkeys(("sha256", "stored", "title", "found_on"), NULLABLE_TEXT_SCHEMA)
    document |= {"url": TEXT_SCHEMA, "outcome": TEXT_SCHEMA, "size": {"type": ["integer", "null"]}}
    failure = {
        "url": TEXT_SCHEMA,
        "outcome": {"type": "string", "enum": [outcome.value for outcome in Outcome]},
        "reason": NULLABLE_TEXT_SCHEMA,
    }
    failure |= {"status": {"type": ["integer", "null"]}, "found_on": NULLABLE_TEXT_SCHEMA}
    return _object(
        {
            "id": NULLABLE_TEXT_SCHEMA,
            "task_id": {"type": ["string", "integer", "null"]},
            "meta": {"type": ["object", "null"], "additionalProperties": True},
            "urls": {"type": ["array", "null"], "items": TEXT_SCHEMA},
            "job": TEXT_SCHEMA,
            "run": COUNT_SCHEMA,
            "state": {"type": "string", "enum": JOB_STATES},
            "documents": {"type": "array", "items": _object(document)},
            "failures": {"type": "array", "items": _object(failure)},
            "counts": CLASSES_SCHEMA,
            "classes": CLASSES_SCHEMA,
            "truncated": {"type": "boolean"},
        }
    )


def _either(**properties: Schema) -> Schema:
    """Return an object schema whose first property is required."""
    return {"required": list(properties)[:1], "properties": properties}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}
