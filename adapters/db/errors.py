"""Turns what the database and its driver raise into the domain's errors.

PostgreSQL's messages quote the row that broke a rule, and SQLAlchemy's quote the parameters: names and addresses of
customers. Temporal keeps an error with its whole chain of causes. So a translated error names the SQLSTATE and the
constraint alone, and is raised `from None`: the original goes no further than this module.
"""

from __future__ import annotations

import errno
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

import asyncpg
from pydantic import ValidationError
from sqlalchemy import exc

from domain.errors import (
    Conflict,
    ConnectionBroken,
    InvalidRequest,
    JobError,
    NetworkTimeout,
    ServiceUnavailable,
    TransientError,
)

_SCHEMA = "The database's schema is not the one that this code needs; run `jobs setup`"
_CREDENTIALS = "The database refuses our login; correct DATABASE_URL or the database, and restart the worker"
_LATE = "The database did not answer in time."
_SETTING = "Look at DATABASE_URL; sslmode, sslrootcert, sslcert and sslkey in it are about TLS."
_RIGHTS = "The database's role lacks a right that this code needs; have it granted"

_BY_SQLSTATE: dict[str, tuple[type[JobError], str]] = {
    "08": (ConnectionBroken, "The connection to the database broke off"),
    "08P01": (ConnectionBroken, "The pooler before the database has no connection for us; its log tells why"),
    "0A000": (ServiceUnavailable, "The database's schema changed while the statement was prepared"),
    "22": (InvalidRequest, "The database refuses a value as malformed or out of range"),
    "23": (InvalidRequest, "The database refuses a row"),
    "23001": (Conflict, "Other rows still refer to the row"),
    "23503": (Conflict, "A row refers to one that is not there, or is still referred to"),
    "23505": (Conflict, "There is such a row already"),
    "23P01": (Conflict, "The row excludes one that is there already"),
    "25006": (ServiceUnavailable, "The database takes no changes for now (a standby, or switching over)"),
    "28": (ServiceUnavailable, _CREDENTIALS),
    "3D000": (ServiceUnavailable, "The database is not there; correct its name in DATABASE_URL, or make it"),
    "3F000": (ServiceUnavailable, _SCHEMA),
    "40": (ServiceUnavailable, "The transaction collided with another"),
    "42501": (ServiceUnavailable, _RIGHTS),
    "42703": (ServiceUnavailable, _SCHEMA),
    "42883": (ServiceUnavailable, _SCHEMA),
    "42P01": (ServiceUnavailable, _SCHEMA),
    "53": (ServiceUnavailable, "The database is out of connections, memory or disk"),
    "55P03": (ServiceUnavailable, "A lock in the database did not become free in time"),
    "57": (ServiceUnavailable, "The database is starting or stopping"),
    "57014": (NetworkTimeout, "The database gave up the statement at its time limit"),
    "57P01": (ConnectionBroken, "The database was told to close the connection"),
    "57P02": (ConnectionBroken, "The database crashed and closed the connection"),
    "57P05": (ConnectionBroken, "The database closed an idle connection"),
    "58": (ServiceUnavailable, "The database's machine has a fault"),
    "XX": (ServiceUnavailable, "The database has an internal fault"),
}
"""By SQLSTATE, or by its class (the first two characters)."""

_CLOSED_BY_SERVER = ("57P01", "57P02", "57P03", "57P05")


@contextmanager
def translated() -> Iterator[None]:
    """Raise the domain's error for whatever the database raises inside.

    Only what the data itself makes impossible is permanent: `Conflict` for a unique key or a reference,
    `InvalidRequest` for a broken rule or a malformed value. A wrong password, a missing right or a missing table is
    transient (`ServiceUnavailable`), unlike at a provider: it is our own database, each job needs it, and a slip while
    a password is changed would otherwise turn every job into a dead letter within seconds. As it is, jobs wait for the
    operator as long as their policy allows, and one that fails in the end says what to mend. What is unknown is a
    `TransientError`.
    """
    try:
        yield
    except JobError:
        raise
    except (exc.SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise _translate(error) from None
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in found["loc"]) for found in error.errors(include_input=False)})
        raise InvalidRequest(f"A row does not fit {error.title}: {', '.join(fields)}.") from None
    except TimeoutError:
        raise NetworkTimeout(_LATE) from None
    except OSError as error:
        raise _unreached(error) from None


def connection_problem(error: Exception, dsn: str) -> JobError:
    """The error to raise if the driver could make no connection, with its words or the server's, and what to correct.

    No row is known to either yet that they could quote. What is left of the URL's secrets is masked.
    """
    secrets = [dsn.partition("://")[2].rpartition("@")[0].partition(":")[2]]
    secrets += [value for name, value in parse_qsl(urlsplit(dsn).query) if "password" in name]
    words = str(error)
    for piece in re.split(r"\W+", " ".join(secrets)):
        words = words.replace(piece, "***") if len(piece) > 2 else words  # the rest is no secret
    match error:
        case TimeoutError():
            return NetworkTimeout(_LATE)
        case asyncpg.PostgresError():
            translated = _translate(error)
            return type(translated)(f"{translated.message} The server's words: {words}. {_SETTING}")
        case ssl.SSLError():
            return ConnectionBroken(f"No TLS connection to the database could be made: {words}. {_SETTING}")
        case asyncpg.ClientConfigurationError() | FileNotFoundError() | PermissionError() | IsADirectoryError():
            return ServiceUnavailable(f"DATABASE_URL cannot be used: {words}. {_SETTING}")
        case OSError():
            return _unreached(error)
        case ValueError():  # its text may quote a password that nobody escaped
            return ServiceUnavailable(f"DATABASE_URL cannot be used: a number in it is none. {_SETTING}")
        case _:
            return _translate(error)


def is_broken(error: exc.DBAPIError) -> bool:
    """Tell whether the statement failed because its connection, or what was prepared on it, had gone stale.

    A second try on a fresh connection can do better then.
    """
    return error.connection_invalidated or isinstance(_driver_error(error), asyncpg.InvalidCachedStatementError)


def closed_by_server(error: BaseException | None) -> bool:
    """Tell whether the server said that it closes the connection, which the driver may not have noticed yet."""
    sqlstate = _sqlstate(error)
    return sqlstate in _CLOSED_BY_SERVER or sqlstate.startswith("08")


def gave_up_waiting(error: exc.DBAPIError) -> bool:
    """Tell whether the statement failed because a lock did not become free within `lock_timeout`."""
    return _sqlstate(_driver_error(error)) == "55P03"


def _translate(error: Exception) -> JobError:
    if isinstance(error, exc.TimeoutError):
        return ServiceUnavailable("No connection to the database became free in time (DATABASE_CONNECTIONS).")
    driver_error = _driver_error(error)
    if sqlstate := _sqlstate(driver_error):
        known = _BY_SQLSTATE.get(sqlstate) or _BY_SQLSTATE.get(sqlstate[:2])
        cls, what = known or (TransientError, "The database refuses the statement")
        constraint = getattr(driver_error, "constraint_name", None)
        where = f"constraint {constraint}, SQLSTATE {sqlstate}" if constraint else f"SQLSTATE {sqlstate}"
        return cls(f"{what} ({where}).")
    if isinstance(driver_error, asyncpg.DataError):
        return InvalidRequest("The database's driver refuses a value as malformed or out of range.")
    if isinstance(driver_error, asyncpg.TargetServerAttributeNotMatched):
        return ServiceUnavailable("None of the database's servers is in the state that DATABASE_URL asks for.")
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return ConnectionBroken("The connection to the database broke off.")
    return TransientError(f"The database or its driver failed ({type(driver_error).__name__}).")


def _unreached(error: OSError) -> JobError:
    return ConnectionBroken(f"The database cannot be reached ({errno.errorcode.get(error.errno or 0, str(error))}).")


def _driver_error(error: BaseException) -> BaseException:
    """What asyncpg raised; SQLAlchemy wraps it twice."""
    if isinstance(error, exc.StatementError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error.__cause__ if isinstance(error.__cause__, asyncpg.PostgresError) else error


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""
