"""The AsyncAPI document of all topics, made from the catalogue and the released schemas.

`python -m schemas.contract` prints it.
"""

import json
import sys
from typing import Any

from schemas.registry import Release, latest
from schemas.topics import CATALOGUE, SOURCES, Topic

VERSION = "3.1.0"
"""Of AsyncAPI."""
AVRO = "application/vnd.apache.avro;version=1.12.0"
BINDING = "0.5.0"
"""Of AsyncAPI's Kafka bindings."""
ABOUT = """Session events in; exact rolling rates, risk and alerts out.

A record's key is UTF-8 text. A value is Confluent-framed Avro: a zero byte, the schema id as 4
bytes big-endian, the body; ids never change. Session events and profiles may be JSON instead.
Everything is delivered at least once: drop repeats by `event_id`, or keep the latest by
(`generation`, `version`). Rates are fractions in [0, 1], times milliseconds since 1970 in UTC."""
TICKS = "tutor_tick"
"""Travels on the topic of session events, written by the pipeline only."""
CONFIGURABLE = {"cleanup.policy", "retention.ms", "max.message.bytes"}
"""Of a topic's settings, those that the bindings know."""
JSON_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "long": {"type": "integer"},
    "double": {"type": "number"},
    "null": {"type": "null"},
}
TIME: dict[str, Any] = {
    "oneOf": [
        {"type": "integer", "description": "milliseconds since 1970, UTC"},
        {"type": "string", "format": "date-time"},
    ]
}


def document() -> dict[str, Any]:
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Tutor Quality topics",
            "version": "1.0.0",
            "description": ABOUT,
            "contact": {"name": "The operators of this pipeline"},
            "license": {"name": "Proprietary"},
            "tags": [{"name": "kafka", "description": "Apache Kafka 4"}],
        },
        "defaultContentType": "avro/binary",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "TQ_KAFKA_BOOTSTRAP",
                "variables": {
                    "bootstrap": {"default": "127.0.0.1:9092", "description": "host:port"}
                },
            }
        },
        "channels": {topic.name: _channel(topic) for topic in CATALOGUE},
        "operations": dict(_operation(topic) for topic in CATALOGUE),
        "components": {"messages": _messages()},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    kafka: dict[str, Any] = {
        "topic": topic.name,
        "topicConfiguration": _configuration(topic),
        "bindingVersion": BINDING,
    }
    if topic.partitions is not None:
        kafka["partitions"] = topic.partitions
    return {
        "address": topic.name,
        "description": f"{topic.about}. {_who(topic)}",
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in _message_names(topic)
        },
        "bindings": {"kafka": kafka},
    }


def _who(topic: Topic) -> str:
    return f"Written by {', '.join(topic.writers)}; read by {', '.join(topic.readers)}."


def _configuration(topic: Topic) -> dict[str, Any]:
    """In production; the embedded broker keeps everything."""
    settings = topic.config(embedded=False)
    known: dict[str, Any] = {
        name: int(value)
        for name, value in settings.items()
        if name in CONFIGURABLE and name != "cleanup.policy"
    }
    return {"cleanup.policy": [settings["cleanup.policy"]], **known}


def _message_names(topic: Topic) -> list[str]:
    if topic.schema is None:
        return [_untouched(topic)]
    ticks = [TICKS] if topic.schema == "session_event" else []
    as_json = [f"{topic.schema}_json"] if topic in SOURCES else []
    return [topic.schema, *as_json, *ticks]


def _untouched(topic: Topic) -> str:
    return f"{topic.name.replace('.', '_').replace('-', '_')}_bytes"


def _operation(topic: Topic) -> tuple[str, dict[str, Any]]:
    """What the pipeline does with it, seen from the pipeline as AsyncAPI wants."""
    action = "receive" if topic in SOURCES else "send"
    name = f"{action}_{topic.name.replace('.', '_').replace('-', '_')}"
    channel = f"#/channels/{topic.name}"
    return name, {
        "action": action,
        "channel": {"$ref": channel},
        "summary": topic.about,
        "description": _who(topic),
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in _message_names(topic)],
    }


def _messages() -> dict[str, Any]:
    messages: dict[str, Any] = {}
    for topic in CATALOGUE:
        if topic.schema is None:
            messages[_untouched(topic)] = _bytes(topic)
            continue
        messages[topic.schema] = _avro(latest(topic.schema), topic.key)
        if topic in SOURCES:
            messages[f"{topic.schema}_json"] = _json(latest(topic.schema), topic.key)
    messages[TICKS] = _avro(latest(TICKS), "tutor_id")
    return messages


def _avro(release: Release, key: str) -> dict[str, Any]:
    schema = release.schema()
    return {
        "name": release.subject,
        "title": schema["name"],
        "summary": schema["doc"],
        "description": f"Avro after a zero byte and the schema id {release.id}.",
        "contentType": "avro/binary",
        "payload": {"schemaFormat": AVRO, "schema": schema},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": key},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "TopicIdStrategy",
                "bindingVersion": BINDING,
            }
        },
    }


def _json(release: Release, key: str) -> dict[str, Any]:
    schema = release.schema()
    return {
        "name": f"{release.subject}_json",
        "title": f"{schema['name']} as JSON",
        "summary": schema["doc"],
        "description": "One JSON object, or one in a CloudEvents envelope (`specversion`, `data`).",
        "contentType": "application/json",
        "payload": _json_schema(schema),
        "bindings": {"kafka": _key(key)},
    }


def _bytes(topic: Topic) -> dict[str, Any]:
    return {
        "name": _untouched(topic),
        "title": topic.about.capitalize(),
        "summary": topic.about,
        "contentType": "application/octet-stream",
        "payload": {"type": "string", "format": "binary"},
        "bindings": {"kafka": _key(topic.key)},
    }


def _key(key: str) -> dict[str, Any]:
    return {"key": {"type": "string", "description": key}, "bindingVersion": BINDING}


def _json_schema(avro: Any) -> dict[str, Any]:
    """What is accepted as JSON in place of an Avro type."""
    if isinstance(avro, list):
        return {"oneOf": [_json_schema(branch) for branch in avro]}
    if isinstance(avro, str):
        return dict(JSON_TYPES[avro])
    if avro.get("logicalType") == "timestamp-millis":
        return dict(TIME)
    if avro.get("logicalType") == "uuid":
        return {"type": "string", "format": "uuid"}
    if avro["type"] == "enum":
        return {"type": "string", "enum": avro["symbols"]}
    if avro["type"] == "array":
        return {"type": "array", "items": _json_schema(avro["items"])}
    return {
        "type": "object",
        "properties": {
            field["name"]: {**_json_schema(field["type"]), "description": field["doc"]}
            for field in avro["fields"]
        },
        "required": [field["name"] for field in avro["fields"] if "default" not in field],
    }


def main() -> None:
    sys.stdout.write(json.dumps(document(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
