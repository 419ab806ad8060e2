"""Roles that the API takes on, so that a mistake in it cannot touch the numbers.

Neither can log in; who migrates becomes a member, and any login role may be made one.
"""

from collections.abc import Iterator

READER = "tq_reader"
"""May look at every table and change none."""
BOOKKEEPER = "tq_bookkeeper"
"""May besides write what the API keeps itself."""
KEPT_BY_API = ("api_keys", "login_links", "login_sessions", "audit_log", "alerts")

# Roles belong to the whole cluster: another database's migration may be making them just now.
CREATE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN;
        GRANT {role} TO CURRENT_USER;
    ELSIF NOT pg_has_role('{role}', 'MEMBER') THEN
        GRANT {role} TO CURRENT_USER;
    END IF;
EXCEPTION
    WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN NULL;
END $$"""
GRANT = """
DO $$ DECLARE name text; BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        RETURN;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO {role}', current_schema());
    FOR name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v')
        AND pg_has_role(relowner, 'USAGE') AND {wanted}
        AND NOT has_table_privilege('{role}', oid, '{right}')
    LOOP
        EXECUTE format('GRANT {right} ON %I.%I TO {role}', current_schema(), name);
    END LOOP;
END $$"""


def statements() -> Iterator[str]:
    """Make the roles where that is allowed, and give those that exist their rights to the tables
    of the current schema; may run any number of times."""
    kept = f"relname IN ({', '.join(repr(name) for name in KEPT_BY_API)})"
    for role in (READER, BOOKKEEPER):
        yield CREATE.format(role=role)
        yield GRANT.format(role=role, right="SELECT", wanted="true")
    for right in ("INSERT", "UPDATE"):
        yield GRANT.format(role=BOOKKEEPER, right=right, wanted=kept)


TAKE_ON = """
SELECT set_config('role', rolname, false) FROM pg_roles
WHERE rolname = $1 AND pg_has_role(rolname, 'MEMBER')"""
"""$1 is the role; no row where it was not made, or may not be taken on."""
