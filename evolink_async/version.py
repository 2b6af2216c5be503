"""The version of the package, in a module without imports so that every other one can read it."""

__all__ = ("__version__",)

__version__ = "0.1.0"
