"""Settings that cannot be used are refused in our words, with the value that was found."""

from __future__ import annotations

import pytest

from mlvajra_al import config
from mlvajra_al.errors import Setup


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "eighty", "it must be a whole number but is 'eighty'"),
        ("PORT", "99999", "it must be at most 65535 but is '99999'"),
        ("WORKERS", "0", "it must be at least 1 but is '0'"),
        ("LEASE_MINUTES", "0", "it must be more than 0 but is '0'"),
        ("LEASE_MINUTES", "soon", "it must be a number but is 'soon'"),
        ("SECURE_COOKIES", "maybe", "it must be true or false but is 'maybe'"),
        ("OIDC_CREATE_AS", "boss", "'annotator', 'reviewer' or 'admin' but is 'boss'"),
        ("OIDC_ISSUER", "id.org", "it must be an address that begins with https:// but is 'id"),
        ("OIDC_ISSUER", "https://" + "x" * 300, "it must have at most 300 characters but is "),
        ("OIDC_SCOPES", "email", "it must have 'openid' among its words but is 'email'"),
        ("ALLOWED_HOSTS", "a.org,http://b.org", "'http://b.org' is no name of a host"),
        ("ALLOWED_HOSTS", "a.org:8501", "'a.org:8501' is no name of a host"),
        ("ENGINE", "ray", "it is 'local', or 'dask://host:port' of a scheduler"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said_in_our_words(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"MLVAJRA_{name}", value)
    with pytest.raises(Setup) as refused:
        config.settings()
    text = str(refused.value)
    assert text.startswith(f"the setting MLVAJRA_{name} cannot be used: ")
    assert said in text
    assert text.endswith("; correct or unset it")


def test_names_of_hosts_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLVAJRA_ALLOWED_HOSTS", "label.example.org, label,my_box,10.0.0.7,")
    assert config.settings().allowed_hosts.startswith("label.example.org")


def test_a_provider_without_our_name_there_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLVAJRA_OIDC_ISSUER", "https://id.example.org")
    with pytest.raises(Setup) as refused:
        config.settings()
    assert str(refused.value) == (
        "the setting MLVAJRA_OIDC_CLIENT_ID is missing: MLVAJRA_OIDC_ISSUER is of no use without "
        "it; set it"
    )


def test_what_looks_like_a_setting_and_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known = config.unknown()
    monkeypatch.setenv("MLVAJRA_PROT", "8600")
    monkeypatch.setenv("MLVAJRA_XYZZY", "1")
    assert config.unknown()[len(known) :] == [
        "there is no setting MLVAJRA_PROT, so it changes nothing; did you mean MLVAJRA_PORT?",
        "there is no setting MLVAJRA_XYZZY, so it changes nothing; docs/settings.md lists all",
    ]
