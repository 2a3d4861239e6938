"""The labels of allauth's forms of passwords."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from accounts.models import User
from accounts.password_forms import ChangePasswordForm, ResetPasswordKeyForm


class TestPasswordForms:
    @pytest.mark.parametrize("form", [ChangePasswordForm, ResetPasswordKeyForm], ids=["change", "reset"])
    def test_name_their_fields_as_all_others_are_named(
        self, form: type[ChangePasswordForm | ResetPasswordKeyForm], alice: User
    ) -> None:
        with override("en"):
            labels = {name: str(field.label) for name, field in form(user=alice).fields.items()}

        assert labels["password1"] == "New password"
        assert set(labels.values()) <= {"Current password", "New password", "Repeat new password"}

    def test_speak_the_language_of_the_page(self, alice: User) -> None:
        with override("ja"):
            assert str(ChangePasswordForm(user=alice).fields["oldpassword"].label) == "現在のパスワード"
