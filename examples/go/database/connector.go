package main

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// Connector opens the connections of a sql.DB, each with the credentials that are valid at that time. The DB closes
// connections of an earlier generation of the credentials instead of using them again.
type Connector struct {
	credentials *secrets.Credentials
	config      pq.Config // without user and password
}

// NewConnector returns a connector to the database that dsn describes, without user and password.
func NewConnector(credentials *secrets.Credentials, dsn string) (*Connector, error) {
	config, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, err
	}
	return &Connector{credentials: credentials, config: config}, nil
}

// Driver implements driver.Connector.
func (c *Connector) Driver() driver.Driver {
	return pq.Driver{}
}

// Connect implements driver.Connector. If the database refuses a user, somebody has dropped it: after Refused the next
// Get returns another one, but not for every refusal, so that a broken database does not fill with users.
func (c *Connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.logIn(ctx)
	if pq.As(err, pqerror.InvalidPassword, pqerror.InvalidAuthorizationSpecification) != nil {
		opened, err = c.logIn(ctx)
	}
	if err != nil {
		return nil, err
	}
	return opened, nil
}

func (c *Connector) logIn(ctx context.Context) (*conn, error) {
	// Most calls send nothing: the credentials are renewed or replaced only when that is due.
	lease, err := c.credentials.Get(ctx)
	if err != nil {
		return nil, err
	}
	defer lease.Close()
	opened, err := connect(ctx, c.config, lease)
	if pq.As(err, pqerror.InvalidPassword, pqerror.InvalidAuthorizationSpecification) != nil {
		return nil, errors.Join(err, c.credentials.Refused(lease))
	}
	if err != nil {
		return nil, err
	}
	return &conn{pqConn: opened, credentials: c.credentials, generation: lease.Generation()}, nil
}

// connect logs in with the fields of a lease.
func connect(ctx context.Context, config pq.Config, lease *secrets.Lease) (pqConn, error) {
	fields := lease.Fields()
	defer fields.Wipe()
	user, err := fields.Text("username")
	if err != nil {
		return nil, err
	}
	password, err := fields.Text("password")
	if err != nil {
		return nil, err
	}
	defer password.Wipe()
	config = config.Clone()
	config.User, config.Password = user.Reveal(), password.Reveal()
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	opened, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return opened.(pqConn), nil
}

// pqConn is what a connection of pq does for database/sql.
type pqConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// conn is a connection that knows with which generation of the credentials it has logged in.
type conn struct {
	pqConn
	credentials *secrets.Credentials
	generation  uint64
}

// ResetSession implements driver.SessionResetter. database/sql calls it before it uses a connection again, and opens
// another one after ErrBadConn. It renews credentials that are due, so that the user lives as long as the query takes.
func (c *conn) ResetSession(ctx context.Context) error {
	lease, err := c.credentials.Get(ctx)
	if err != nil {
		return driver.ErrBadConn // Connect will tell why there are no credentials
	}
	defer lease.Close()
	if lease.Generation() != c.generation {
		return driver.ErrBadConn
	}
	return c.pqConn.ResetSession(ctx)
}
