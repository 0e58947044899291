"""The few names of requests that the published suites use."""
