"""The version of the package, below all that tells it to others."""

__all__ = ["__version__"]

__version__ = "0.1.0"
