"""What the sign-up page asks besides what allauth asks."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class SignupForm(forms.Form):
    """Base of allauth's sign-up form: a name, if one likes to give it."""

    name = forms.CharField(
        label=_("Name"), max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth when the user row has been made."""
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
