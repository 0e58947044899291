"""An embedded server that behaves like the GRAD300 archive and serves synthetic scans.

`Sandbox` runs it in a thread; ``python -m grad300_sdk.sandbox`` runs it in the foreground. Both
need the extra ``sandbox``.
"""

from importlib.util import find_spec

for _module in ("fastapi", "jwt", "python_multipart", "uvicorn"):
    if find_spec(_module) is None:
        raise ImportError(
            f'the sandbox needs {_module}: python -m pip install "grad300-sdk[sandbox]"'
        )

from grad300_sdk.sandbox.server import Sandbox  # noqa: E402 - needs what is checked

__all__ = ["Sandbox"]
