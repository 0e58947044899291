"""The tree under ``/api/v1``, one module a branch."""
