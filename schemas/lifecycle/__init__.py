"""The lifecycle topic: session events and ticks, decoded a batch at a time.

`plain` decodes what is plain (nearly everything), compiled, and `records` the rest, one by one.
Only `records` refuses: `plain` hands on whatever it does not recognise as valid.
"""

from schemas.lifecycle.batch import LifecycleBatch, LifecycleTexts, Refused
from schemas.lifecycle.decoding import decode_lifecycle, decode_records
from schemas.lifecycle.encoding import encode_event, encode_tick

__all__ = [
    "LifecycleBatch",
    "LifecycleTexts",
    "Refused",
    "decode_lifecycle",
    "decode_records",
    "encode_event",
    "encode_tick",
]
