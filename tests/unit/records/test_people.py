"""Where requests come from: what counts as one address when sign-ins are counted."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlvajra_al.records import Origin


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0003::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("192.0.2.007", "192.0.2.007"),
        ("unix socket", "unix socket"),
        ("", ""),
    ],
)
def test_an_address_counts_as_the_network_one_machine_has(address: str, network: str) -> None:
    assert Origin(address).network == network


@settings(derandomize=True, max_examples=50)
@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_whatever_the_lower_half_of_an_address_is_it_counts_as_the_same(
    address: IPv6Address, lower: int
) -> None:
    beside = IPv6Address(int(address) >> 64 << 64 | lower)
    if address.ipv4_mapped is None and beside.ipv4_mapped is None:
        assert Origin(str(address)).network == Origin(str(beside)).network
