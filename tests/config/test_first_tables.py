"""An app's first tables are made, and taken away, in one step."""

import pytest
from django.db import connections, models
from django.db.migrations.operations import AddField, AddIndex, CreateModel
from django.db.migrations.state import ProjectState

from config.first_tables import CreateTables

KEY = ("id", models.BigAutoField(primary_key=True))


@pytest.fixture
def tables() -> CreateTables:
    """Two that name each other, one of them with an index."""
    lead = models.ForeignKey("portal.FirstB", on_delete=models.CASCADE, null=True)
    return CreateTables(
        [
            CreateModel("FirstA", [KEY, ("name", models.TextField())]),
            CreateModel("FirstB", [KEY, ("a", models.ForeignKey("portal.FirstA", on_delete=models.CASCADE))]),
            AddField("FirstA", "lead", lead),
            AddIndex("FirstA", models.Index(fields=["name"], name="first_by_name")),
        ]
    )


@pytest.mark.django_db(databases=["owner"])
def test_tables_that_name_each_other_come_and_go_at_once(tables: CreateTables) -> None:
    owner = connections["owner"]
    before, after = ProjectState(), ProjectState()
    tables.state_forwards("portal", after)
    with owner.schema_editor() as editor:
        tables.database_forwards("portal", editor, before, after)
    assert {"portal_firsta", "portal_firstb"} <= set(owner.introspection.table_names())
    with owner.cursor() as cursor:
        constraints = owner.introspection.get_constraints(cursor, "portal_firsta")
    assert "first_by_name" in constraints
    assert any(one["foreign_key"] == ("portal_firstb", "id") for one in constraints.values())
    with owner.schema_editor() as editor:
        tables.database_backwards("portal", editor, after, before)
    assert not {"portal_firsta", "portal_firstb"} & set(owner.introspection.table_names())


def test_the_state_is_that_of_the_operations_one_by_one(tables: CreateTables) -> None:
    at_once, one_by_one = ProjectState(), ProjectState()
    tables.state_forwards("portal", at_once)
    for operation in tables.operations:
        operation.state_forwards("portal", one_by_one)
    assert at_once == one_by_one
