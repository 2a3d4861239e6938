"""What only an operator can do so far, in the server's own database: members, limits, staff."""

from __future__ import annotations

from uuid_utils.compat import uuid7

from tests.journeys.person import Person
from tests.journeys.server import Server
from tests.journeys.wire import query


def add_member(server: Server, organization_id: str, person: Person, role: str) -> str:
    """There are no invitations yet; the membership's id."""
    member_id = str(uuid7())
    user_id = query(server, "select id from accounts_user where email = %s", person.email)[0][0]
    columns = "insert into accounts_membership (id, organization_id, user_id, role, created_at)"
    query(server, f"{columns} values (%s, %s, %s, %s, now())", member_id, organization_id, user_id, role)
    return member_id


def remove_member(server: Server, member_id: str) -> None:
    query(server, "delete from accounts_membership where id = %s", member_id)


def limit_turns(server: Server, organization_id: str, limit: int) -> None:
    query(server, "update accounts_organization set turn_limit = %s where id = %s", limit, organization_id)


def make_staff(server: Server, person: Person) -> None:
    query(server, "update accounts_user set is_staff = true, is_superuser = true where email = %s", person.email)
