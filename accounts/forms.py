"""What the sign-up page asks besides what allauth asks, and the forms of the settings."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Preferences, User
from accounts.names import UNSAFE


class SignupForm(forms.Form):
    """Base of allauth's sign-up form: a name, if one likes to give it."""

    name = forms.CharField(
        label=_("Name"), max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )

    def signup(self, request: HttpRequest, user: User) -> None:
        """Called by allauth when the user row has been made."""
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])


def readable(name: str) -> str:
    """A name without control characters. Raises: ValidationError."""
    if UNSAFE.search(name):
        raise forms.ValidationError(_("A name has no control characters."))
    return name.strip()


class ProfileForm(forms.ModelForm[User]):
    class Meta:
        model = User
        fields = ("name",)
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}
        help_texts = {"name": _("Shown next to your messages. If empty, the first part of your email address is used.")}

    def clean_name(self) -> str:
        return readable(self.cleaned_data["name"])


class AppearanceForm(forms.ModelForm[Preferences]):
    class Meta:
        model = Preferences
        fields = ("theme", "language", "wrap_code")


class NotificationsForm(forms.ModelForm[Preferences]):
    class Meta:
        model = Preferences
        fields = ("notify_waiting", "notify_ended", "notify_failed", "has_sound")


class OrganizationForm(forms.ModelForm[Organization]):
    class Meta:
        model = Organization
        fields = ("name",)

    def clean_name(self) -> str:
        return readable(self.cleaned_data["name"])
