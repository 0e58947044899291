"""
An embedded server of the same kind as the GRAD300 archive's, filled with synthetic scans.

`Sandbox` runs it in a thread, ``python -m grad300_sdk.sandbox`` in the foreground. Both need the
extra ``sandbox``.
"""

from importlib.util import find_spec

for _module in ("fastapi", "jwt", "python_multipart", "uvicorn"):
    if find_spec(_module) is None:
        raise ImportError(
            f"the sandbox needs {_module}, which its extra brings: "
            'pip install "grad300-sdk[sandbox]"'
        )

from .server import Sandbox  # noqa: E402

__all__ = ["Sandbox"]
