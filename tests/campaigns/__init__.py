"""Property-based tests that run for minutes: ``python -m tests.campaigns.fits``."""
