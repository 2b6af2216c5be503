"""Receives the callbacks of the service, so that ends are known at once and tasks are polled seldom.

The service signs nothing, so each callback URL holds a token of ours, and the body is not believed. What a callback
leads to is decided in `pool`.
"""

from .receiver import CallbackReceiver

__all__ = ("CallbackReceiver",)
