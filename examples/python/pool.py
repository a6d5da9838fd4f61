"""A pool of 4 connections to PostgreSQL whose user changes under it, with psycopg 3.

    python3 pool.py database/creds/app "host=127.0.0.1 dbname=postgres" 60

The arguments are a role of the database engine, where the database is (without user and password), and for how many
seconds to query it. The environment names the server: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN.
"""

import itertools
import sys
import time

import psycopg

from handsfree_secrets import get_default_secret_manager

CONNECTIONS = 4

# A connection whose user has less time left than this many seconds is replaced before it is used. It has to be longer
# than any query, and shorter than a quarter of the role's default_ttl, which new credentials have at least.
LEAST = 1.5


class Place:
    """A place of the pool: a connection that is opened when it is needed, and the lease that it has logged in with."""

    def __init__(self, credentials, where):
        self.credentials, self.where = credentials, where
        self.connection = self.lease = None

    def take(self):
        """Returns a connection that is good for at least LEAST seconds."""
        if self.connection is not None and not self.is_good():
            self.close()
        if self.connection is None:
            self.open()
        return self.connection

    def is_good(self):
        left = self.lease.remaining  # None: it has no end
        return not self.connection.closed and (left is None or left >= LEAST)

    def open(self):
        # A user that the database refuses was dropped by somebody: after refused() the next get() gives another one, but
        # not for every refusal, so that a broken database does not fill with users.
        try:
            self.log_in()
        except psycopg.OperationalError as error:
            if error.pgconn is None or not error.pgconn.used_password:
                raise  # the database did not get as far as the password
            self.credentials.refused(self.lease)
            self.log_in()

    def log_in(self):
        # Most calls send nothing: the credentials are renewed or replaced only when that is due.
        self.lease = self.credentials.get()
        if self.lease is None:
            raise LookupError("there are no credentials at the path any more")
        user, password = self.lease["username"], self.lease["password"]
        self.connection = psycopg.connect(self.where, user=user, password=password, autocommit=True)

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = self.lease = None


def query_for(credentials, where, seconds):
    places = [Place(credentials, where) for _ in range(CONNECTIONS)]
    queries, users, end = 0, set(), time.monotonic() + seconds
    for place in itertools.cycle(places):
        if time.monotonic() >= end:
            break
        (user,) = place.take().execute("SELECT current_user").fetchone()
        users.add(user)
        queries += 1
        time.sleep(0.01)
    for place in places:
        place.close()
    # The first query that fails would have ended the program.
    print(f"  {queries} queries, 0 failed, {len(users)} users")


def main():
    path, where, seconds = sys.argv[1:]
    credentials = get_default_secret_manager().credentials(path)
    if credentials is None:
        sys.exit(f"there is nothing at {path}")
    query_for(credentials, where, float(seconds))
    # A program that ends may leave the users to run out, or drop them now, if its policy allows that.
    credentials.revoke()


if __name__ == "__main__":
    main()
