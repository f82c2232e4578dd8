"""The floor the other tests stand on."""

import socket

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.utils import ProgrammingError

from tests.conftest import NetworkUsed


@pytest.mark.django_db
def test_application_role_has_rows_but_no_tables():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("dme_app",)
        with pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute("CREATE TABLE mine (id int)")


@pytest.mark.django_db(transaction=True)
def test_rows_of_a_transactional_test_are_flushed_first():
    assert not Group.objects.exists()
    Group.objects.create(name="left behind")


@pytest.mark.django_db(transaction=True)
def test_rows_of_a_transactional_test_are_flushed(owner_db: psycopg.Connection):
    assert not Group.objects.exists()
    assert ContentType.objects.exists()
    Group.objects.create(name="left behind")


def test_no_test_reaches_the_network():
    with pytest.raises(NetworkUsed), socket.socket() as away:
        away.connect(("192.0.2.1", 80))
