"""Names and prices of models."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from gateway import catalog
from gateway.catalog import Tokens

MILLION = 1_000_000


class TestFamilyOf:
    @pytest.mark.parametrize(
        ("name", "family"),
        [
            ("sonnet", "sonnet"),
            ("sonnet[1m]", "sonnet"),
            ("claude-sonnet-5-5", "sonnet"),
            ("claude-sonnet-5-5[1m]", "sonnet"),
            ("claude-opus-4-1-20250805", "opus"),
            ("claude-3-5-haiku-20241022", "haiku"),
            ("claude-opus-9-preview", "opus"),
            ("claude-nope-9", None),
            ("claude-opus", "opus"),
            ("claude-opusculum-1", None),
            ("Claude-Opus-5", None),
            ("claude-opus-5 ", None),
            ("claude-opus-5\n", None),
            ("us.anthropic.claude-opus-5", None),
            ("default", None),
            ("", None),
        ],
    )
    def test_reads_aliases_and_full_names(self, name: str, family: str | None) -> None:
        assert catalog.family_of(name) == family


class TestIsAllowed:
    def test_an_alias_opens_its_family_and_a_full_name_itself(self, settings: Settings) -> None:
        settings.MODELS = ["claude-opus-5-5", "sonnet"]

        assert catalog.is_allowed("claude-opus-5-5")
        assert not catalog.is_allowed("claude-opus-5")
        assert not catalog.is_allowed("opus")
        assert catalog.is_allowed("claude-sonnet-4-5-20250929")
        assert not catalog.is_allowed("claude-haiku-5-5")


class TestCost:
    @pytest.mark.parametrize(
        ("model", "tokens", "usd"),
        [
            ("claude-sonnet-5-5", Tokens(input=MILLION), "2"),
            ("claude-sonnet-5-5", Tokens(output=MILLION), "10"),
            ("claude-sonnet-5-5", Tokens(cache_write_5m=MILLION), "2.5"),
            ("claude-sonnet-5-5", Tokens(cache_write_1h=MILLION), "4"),
            ("claude-sonnet-5-5", Tokens(cache_read=MILLION), "0.1"),
            ("claude-sonnet-5-5", Tokens(searches=3), "0.03"),
            ("claude-opus-5-5", Tokens(input=300, output=60), "0.0024"),  # as the CLI itself reckons
            ("claude-opus-4-1-20250805", Tokens(input=MILLION, output=MILLION), "90"),
            ("claude-haiku-4-5-20251001", Tokens(input=MILLION), "1"),
            ("claude-haiku-5-5", Tokens(input=100_000), "0.01"),
            ("claude-haiku-5-5", Tokens(input=60_000, cache_read=60_000), "0.033"),  # a long prompt
            ("claude-opus-77", Tokens(input=MILLION), "4"),  # the newest of its family
            ("sonnet", Tokens(input=MILLION), "2"),
            ("something-else", Tokens(output=MILLION), "75"),  # the dearest of all
            ("claude-sonnet-5-5", Tokens(), "0"),
        ],
    )
    def test_follows_the_price_list(self, model: str, tokens: Tokens, usd: str) -> None:
        assert catalog.cost_usd(model, tokens) == Decimal(usd)

    def test_takes_the_operators_prices_first(self, settings: Settings) -> None:
        settings.MODEL_PRICES = {
            "opus": (Decimal(1), Decimal(2)),
            "claude-opus-5-5": (Decimal(3), Decimal(4)),
        }

        assert catalog.cost_usd("claude-opus-5-5", Tokens(input=MILLION, output=MILLION)) == 7
        assert catalog.cost_usd("claude-opus-5", Tokens(input=MILLION, output=MILLION)) == 3
        assert catalog.cost_usd("claude-opus-5", Tokens(cache_read=MILLION)) == Decimal("0.1")
        assert catalog.cost_usd("claude-sonnet-5", Tokens(input=MILLION)) == 2
