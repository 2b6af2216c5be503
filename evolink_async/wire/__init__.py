"""The vendor's paths, headers and JSON keys: values to requests, and replies to values.

No other room knows them. Requests are sent in `client`.

Source: https://docs.evolink.ai/en/api-manual/task-management/get-task-detail and the model pages (read 2026-11-20).
"""

from .account import Credits, decode_credits
from .files import (
    MAX_FILE_BYTES,
    MAX_INLINE_BYTES,
    MultipartFrame,
    decode_upload,
    encode_fetch,
    encode_inline,
    encode_stream,
)
from .messages import READ_HEADERS, REPEATED_HEADERS, REQUEST_KINDS, Request, RequestKind, Response
from .price_rules import (
    UNITS_PER_CREDIT,
    ModelPrice,
    PriceComponent,
    PriceParameter,
    PriceRate,
    PriceRules,
    PriceTerm,
    decode_price_rules,
    number_of,
)
from .refusals import decode_error, error_kind, is_foreign, retry_after, vendor_error
from .requests import check_task_id, encode_batch, encode_credits, encode_poll, encode_price_rules, encode_submit
from .tasks import decode_batch, decode_task, read_task
from .verdict import (
    bars_model,
    denies,
    is_refused_for_load,
    is_trouble,
    lacks_credits,
    may_send_again,
    may_upload_again,
    on_batch,
    on_poll,
    on_submit,
    on_upload,
    suspends_key,
    task_error,
)

__all__ = (
    "MAX_FILE_BYTES",
    "MAX_INLINE_BYTES",
    "READ_HEADERS",
    "REPEATED_HEADERS",
    "REQUEST_KINDS",
    "UNITS_PER_CREDIT",
    "Credits",
    "ModelPrice",
    "MultipartFrame",
    "PriceComponent",
    "PriceParameter",
    "PriceRate",
    "PriceRules",
    "PriceTerm",
    "Request",
    "RequestKind",
    "Response",
    "bars_model",
    "check_task_id",
    "decode_batch",
    "decode_credits",
    "decode_error",
    "decode_price_rules",
    "decode_task",
    "decode_upload",
    "denies",
    "encode_batch",
    "encode_credits",
    "encode_fetch",
    "encode_inline",
    "encode_poll",
    "encode_price_rules",
    "encode_stream",
    "encode_submit",
    "error_kind",
    "is_foreign",
    "is_refused_for_load",
    "is_trouble",
    "lacks_credits",
    "may_send_again",
    "may_upload_again",
    "number_of",
    "on_batch",
    "on_poll",
    "on_submit",
    "on_upload",
    "read_task",
    "retry_after",
    "suspends_key",
    "task_error",
    "vendor_error",
)
