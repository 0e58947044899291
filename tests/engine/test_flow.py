"""Effects, and flows under way."""

from __future__ import annotations

import pytest

from grad300_sdk.engine import Gather, Send


def test_no_secret_of_a_send_is_in_its_repr() -> None:
    secret = "s3cret"
    send = Send(
        method="POST",
        path="/",
        json=secret,
        data={"password": secret},
        files={"f": secret},
        content=secret,
        headers={"Authorization": secret},
    )
    assert secret not in repr(send)


@pytest.mark.parametrize("limit", [0, -1])
def test_no_flows_at_once_are_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=f"limit must be at least 1, not {limit}"):
        Gather([], limit)
