"""The parameters of one generation, checked before it costs anything.

The model classes are in `models`.
"""

from .base import AnyParams, P, Params, RawParams, dump_params, json_schema, local_media, with_media
from .body import nearest
from .checking import ParamsWarning, independent, is_given
from .fields import ParamField, fields_of, optional_url, optional_urls, optional_voices, rule, url, urls
from .json_faults import shown
from .loading import NamedFile, files_of_body, load_params
from .registry import registered_models, unregister
from .rules import Between, Flag, Length, OneOf, Rule, Size
from .url_rules import CallbackUrl, Url, Urls, VoiceBindings, voice_target

__all__ = (
    "AnyParams",
    "Between",
    "CallbackUrl",
    "Flag",
    "Length",
    "NamedFile",
    "OneOf",
    "P",
    "ParamField",
    "Params",
    "ParamsWarning",
    "RawParams",
    "Rule",
    "Size",
    "Url",
    "Urls",
    "VoiceBindings",
    "dump_params",
    "fields_of",
    "files_of_body",
    "independent",
    "is_given",
    "json_schema",
    "load_params",
    "local_media",
    "nearest",
    "optional_url",
    "optional_urls",
    "optional_voices",
    "registered_models",
    "rule",
    "shown",
    "unregister",
    "url",
    "urls",
    "voice_target",
    "with_media",
)
