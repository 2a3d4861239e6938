"""Every write on environments, their machines and their tests; one noun a module."""

from environments.services.checks import cancel_check, request_check
from environments.services.choosing import Choice, choose_environment, environment_for
from environments.services.copies import settle_deployment
from environments.services.credentials import (
    practising,
    read_credential,
    remove_credential,
    sources_of,
    store_credential,
)
from environments.services.deleting import (
    delete_environment,
    gone_before,
    purge_environments,
    undelete_environment,
)
from environments.services.left import LeftBehind, dismiss_left_behind, left_behind
from environments.services.legacy import docker_environment
from environments.services.machines import (
    LIVE,
    create_machine,
    give_up_homes,
    home_cleared,
    home_not_cleared,
    machine_ended,
    machine_started,
)
from environments.services.rows import clean_name, create_default_environment, create_environment, update_environment

__all__ = [
    "LIVE",
    "Choice",
    "LeftBehind",
    "cancel_check",
    "choose_environment",
    "clean_name",
    "create_default_environment",
    "create_environment",
    "create_machine",
    "delete_environment",
    "dismiss_left_behind",
    "docker_environment",
    "environment_for",
    "give_up_homes",
    "gone_before",
    "home_cleared",
    "home_not_cleared",
    "left_behind",
    "machine_ended",
    "machine_started",
    "practising",
    "purge_environments",
    "read_credential",
    "remove_credential",
    "request_check",
    "settle_deployment",
    "sources_of",
    "store_credential",
    "undelete_environment",
    "update_environment",
]
