"""The version of the package, in a leaf module so that anything may read it."""

__all__ = ("__version__",)

__version__ = "0.1.0"
