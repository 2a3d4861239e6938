"""Images: known by their bytes, stored once per id, bound to one message, pruned when nobody sent them."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.errors import Invalid
from accounts.models import Organization, User
from sessions import services
from sessions.errors import AttachmentIdTaken, MessageIdTaken, TooManyImages
from sessions.models import AgentSession, Attachment, Event, Message
from sessions.services import attachments
from tests.sessions.rows import IMAGE, make_attachment, make_session


@pytest.fixture
def session(organization: Organization) -> AgentSession:
    return make_session(organization)


def add(session: AgentSession, user: User, data: bytes = IMAGE, id: uuid.UUID | None = None) -> services.Uploaded:
    return services.add_attachment(session=session, author=user, data=data, attachment_id=id, now=timezone.now())


def send(session: AgentSession, user: User, *ids: uuid.UUID, id: uuid.UUID | None = None) -> services.Sent:
    return services.send_message(
        session=session, author=user, text="look", message_id=id, attachment_ids=ids, now=timezone.now()
    )


class TestMediaType:
    @pytest.mark.parametrize(
        ("data", "type"),
        [
            (IMAGE, "image/png"),
            (b"\xff\xd8\xff\xe0x", "image/jpeg"),
            (b"GIF89ax", "image/gif"),
            (b"GIF87ax", "image/gif"),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"),
        ],
    )
    def test_is_told_by_the_bytes(self, data: bytes, type: str) -> None:
        assert attachments.media_type_of(data) == type

    @pytest.mark.parametrize(
        "data", [b"", b"GIF", b"<svg onload=alert(1)>", b"RIFF\x01\x02\x03\x04WAVE", b"%PDF-1.7", b" \x89PNG\r\n\x1a\n"]
    )
    def test_of_anything_else_is_refused(self, data: bytes) -> None:
        with pytest.raises(Invalid):
            attachments.media_type_of(data)


class TestAddAttachment:
    def test_stores_the_bytes(self, session: AgentSession, bob: User) -> None:
        made = add(session, bob).attachment

        row = Attachment.objects.get()
        assert (row.pk, bytes(row.data), row.media_type, row.size) == (made.pk, IMAGE, "image/png", len(IMAGE))
        assert (row.author, row.message) == (bob, None)

    def test_gives_the_stored_answer_to_the_same_id(self, session: AgentSession, bob: User) -> None:
        id = uuid.uuid4()

        assert [add(session, bob, id=id).is_new for _ in range(2)] == [True, False]
        assert Attachment.objects.count() == 1

    def test_refuses_the_same_id_with_other_bytes_or_in_another_session(
        self, session: AgentSession, organization: Organization, bob: User
    ) -> None:
        id = uuid.uuid4()
        add(session, bob, id=id)

        for where, data in ((session, IMAGE + b"!"), (make_session(organization), IMAGE)):
            with pytest.raises(AttachmentIdTaken):
                add(where, bob, data, id)

    def test_refuses_what_is_too_large(self, session: AgentSession, bob: User) -> None:
        with pytest.raises(Invalid, match="5 MB"):
            add(session, bob, IMAGE + b"x" * attachments.MAX_BYTES)

    def test_refuses_more_than_a_session_keeps_in_all(
        self, session: AgentSession, bob: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also what went with messages, which may have been removed since."""
        sent = add(session, bob, IMAGE)
        message = services.send_message(
            session=session, author=bob, text="look", attachment_ids=[sent.attachment.pk], now=timezone.now()
        )
        services.remove_message(session=session, message_id=message.message.pk, by=bob, now=timezone.now())
        monkeypatch.setattr(attachments, "MAX_SESSION_BYTES", 2 * len(IMAGE))
        add(session, bob, IMAGE)

        with pytest.raises(Invalid, match="new session"):
            add(session, bob, IMAGE)

        assert session.attachments.count() == 2

    def test_refuses_more_than_a_session_keeps_without_a_message(self, session: AgentSession, bob: User) -> None:
        for number in range(4):
            make_attachment(session, size=5 * 2**20, sha256=str(number))

        with pytest.raises(TooManyImages):
            add(session, bob)

        assert Attachment.objects.count() == 4


class TestBind:
    def test_makes_them_the_messages_own_in_their_order(self, session: AgentSession, bob: User) -> None:
        first, second = (add(session, bob, IMAGE + text).attachment for text in (b"1", b"2"))

        sent = send(session, bob, second.pk, first.pk)

        assert attachments.ids_of(sent.message) == [second.pk, first.pk]
        shown = Event.objects.get(kind="message.user").payload["attachments"]
        assert shown[0] == {"id": str(second.pk), "media_type": "image/png", "size": second.size}

    def test_gives_the_same_answer_again_but_not_for_other_images(self, session: AgentSession, bob: User) -> None:
        id, image = uuid.uuid4(), add(session, bob).attachment
        send(session, bob, image.pk, id=id)

        assert send(session, bob, image.pk, id=id).is_new is False
        with pytest.raises(MessageIdTaken):
            send(session, bob, id=id)

    def test_refuses_images_of_other_sessions_and_of_other_messages(
        self, session: AgentSession, organization: Organization, bob: User
    ) -> None:
        foreign, used = make_attachment(make_session(organization)), add(session, bob).attachment
        send(session, bob, used.pk)

        for id in (foreign.pk, used.pk, uuid.uuid4()):
            with pytest.raises(Invalid, match="not there any more"):
                send(session, bob, id)

        assert Message.objects.count() == 1

    def test_refuses_more_than_ten(self, session: AgentSession, bob: User) -> None:
        with pytest.raises(Invalid, match="at most 10"):
            send(session, bob, *(make_attachment(session).pk for _ in range(11)))


class TestPruneAttachments:
    def test_deletes_what_was_never_sent_after_a_day(self, session: AgentSession, bob: User) -> None:
        now = timezone.now()
        long_ago = now - timedelta(days=1, minutes=1)
        make_attachment(session, created_at=long_ago)
        fresh, bound = make_attachment(session), make_attachment(session, created_at=long_ago)
        send(session, bob, bound.pk)

        assert services.prune_attachments(now=now) == 1

        assert set(Attachment.objects.values_list("pk", flat=True)) == {fresh.pk, bound.pk}
