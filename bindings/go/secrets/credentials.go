package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"runtime"
	"sync"
)

// Credentials are a source of credentials that are always valid. A program asks for them whenever it opens a connection.
// Manager.Credentials opens them, Close frees them. Any number of goroutines may use them at once.
type Credentials struct {
	manager *Manager
	mu      sync.Mutex
	handle  *C.hf_credentials // nil after Close
}

// Credentials opens a source of credentials, and obtains the first ones. The arguments and errors are those of
// Manager.Lease.
func (m *Manager) Credentials(ctx context.Context, path string, parameters *Fields) (*Credentials, error) {
	out, err := m.withPath(ctx, path, parameters, func(
		m *C.hf_manager, path *C.char, fields *C.hf_fields, call *C.hf_call, out *outParameters,
	) C.hf_status {
		return C.hf_credentials_open(m, path, fields, call, &out.credentials, &out.err)
	})
	if err != nil {
		return nil, err
	}
	c := &Credentials{manager: m, handle: out.credentials}
	runtime.SetFinalizer(c, func(c *Credentials) { _ = c.Close() })
	return c, nil
}

// Close frees the source. What was obtained lives until its end; Close sends no request. It may be called again, and
// always returns nil.
func (c *Credentials) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	runtime.SetFinalizer(c, nil)
	C.hf_credentials_free(c.handle)
	c.handle = nil
	return nil
}

// hold returns a reference, which the caller frees.
func (c *Credentials) hold() (*C.hf_credentials, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handle == nil {
		return nil, ErrClosed
	}
	return C.hf_credentials_ref(c.handle), nil
}

// Get returns credentials that are valid, renewed or replaced if that is due. Most calls send nothing. The error says why
// there are none; it is ErrNotFound if there is nothing at the path any more.
func (c *Credentials) Get(ctx context.Context) (*Lease, error) {
	out, err := c.blocking(ctx, func(c *C.hf_credentials, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_credentials_get(c, call, &out.lease, &out.err)
	})
	if err != nil {
		return nil, err
	}
	return newLease(out.lease, nil), nil
}

// Refused reports that the credentials of a lease were not accepted. The next Get replaces them, but no more than once in
// half of their time. The lease of an earlier generation has no effect.
func (c *Credentials) Refused(lease *Lease) error {
	credentials, err := c.hold()
	if err != nil {
		return err
	}
	defer C.hf_credentials_free(credentials)
	handle := lease.lock()
	defer lease.unlock()
	var cError *C.hf_error
	return takeError(C.hf_credentials_refused(credentials, handle, &cError), cError)
}

// Revoke revokes the leases of every generation that is alive. The next Get makes other ones. The default policy does not
// allow it.
func (c *Credentials) Revoke(ctx context.Context) error {
	_, err := c.blocking(ctx, func(c *C.hf_credentials, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_credentials_revoke(c, call, &out.err)
	})
	return err
}

// blocking runs a C function that may wait for the server.
func (c *Credentials) blocking(
	ctx context.Context, function func(*C.hf_credentials, *C.hf_call, *outParameters) C.hf_status,
) (outParameters, error) {
	credentials, err := c.hold()
	if err != nil {
		return outParameters{}, err
	}
	defer C.hf_credentials_free(credentials)
	return c.manager.blocking(ctx, func(_ *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return function(credentials, call, out)
	})
}
