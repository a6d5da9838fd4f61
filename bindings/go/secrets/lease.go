package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// A Lease is one set of credentials, such as a database user, with the time that they live. Close frees it; without Close
// the garbage collector does so. It prints as [redacted]. Any number of goroutines may use one at once.
type Lease struct {
	redactedForm
	mu     sync.RWMutex
	handle *C.hf_lease // nil after Close
	owner  *Manager    // of a lease of its own; nil for one of Credentials
}

// newLease takes ownership of one reference.
func newLease(handle *C.hf_lease, owner *Manager) *Lease {
	l := &Lease{handle: handle, owner: owner}
	runtime.SetFinalizer(l, func(l *Lease) { _ = l.Close() })
	return l
}

// Lease obtains credentials from a path of the API, such as "database/creds/app", or from a secret by its reference.
// With parameters the request is a POST, even if they are none; nil is a GET. The error is ErrNotFound if there is
// nothing at the path, and ErrConfig if the mount or the role does not exist.
func (m *Manager) Lease(ctx context.Context, path string, parameters *Fields) (*Lease, error) {
	out, err := m.withPath(ctx, path, parameters, func(
		m *C.hf_manager, path *C.char, fields *C.hf_fields, call *C.hf_call, out *outParameters,
	) C.hf_status {
		return C.hf_lease_open(m, path, fields, call, &out.lease, &out.err)
	})
	if err != nil {
		return nil, err
	}
	return newLease(out.lease, m), nil
}

// withPath runs a C function that takes a path and parameters.
func (m *Manager) withPath(
	ctx context.Context, path string, parameters *Fields,
	function func(*C.hf_manager, *C.char, *C.hf_fields, *C.hf_call, *outParameters) C.hf_status,
) (outParameters, error) {
	text, err := newCString("path", path)
	if err != nil {
		return outParameters{}, err
	}
	run := func(fields *C.hf_fields) (outParameters, error) {
		return m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
			return function(m, text.pointer(), fields, call, out)
		})
	}
	if parameters == nil {
		return run(nil)
	}
	return parameters.use(run)
}

// Close frees the lease. The credentials live until their end; Close sends no request. It may be called again, and
// always returns nil.
func (l *Lease) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	runtime.SetFinalizer(l, nil)
	C.hf_lease_free(l.handle)
	l.handle = nil
	return nil
}

// lock returns the library's lease, nil after Close. It stays valid until unlock.
func (l *Lease) lock() *C.hf_lease {
	l.mu.RLock()
	return l.handle
}

func (l *Lease) unlock() {
	l.mu.RUnlock()
	runtime.KeepAlive(l)
}

// Fields returns the credentials, such as the fields "username" and "password". They may be used after Close.
func (l *Lease) Fields() *Document {
	lease := l.lock()
	defer l.unlock()
	return newDocument(C.hf_document_ref(C.hf_lease_fields(lease)))
}

// ID returns the id of the lease at the server, "" if there is none.
func (l *Lease) ID() string {
	lease := l.lock()
	defer l.unlock()
	return C.GoString(C.hf_lease_id(lease))
}

// Remaining returns how long the credentials are valid from now on, 0 if they are over, and false if they have no end.
// Renewals extend it in all leases of the same generation. A pool closes a connection before this is over.
func (l *Lease) Remaining() (time.Duration, bool) {
	lease := l.lock()
	defer l.unlock()
	left := C.hf_lease_remaining_ms(lease)
	if left < 0 {
		return 0, false
	}
	return time.Duration(left) * time.Millisecond, true
}

// Generation returns the number of the generation of Credentials: another number, other credentials. It is 0 for a lease
// of Manager.Lease.
func (l *Lease) Generation() uint64 {
	lease := l.lock()
	defer l.unlock()
	return uint64(C.hf_lease_generation(lease))
}

// Renew renews a lease of Manager.Lease for the time of its role. The error is ErrNotFound if the server does not know it
// any more, and ErrUnsupported if it cannot be renewed.
func (l *Lease) Renew(ctx context.Context) error {
	_, err := l.blocking(ctx, func(l *C.hf_lease, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_lease_renew(l, call, &out.err)
	})
	return err
}

// Revoke revokes a lease of Manager.Lease: its credentials are of no use any more. The default policy does not allow it.
func (l *Lease) Revoke(ctx context.Context) error {
	_, err := l.blocking(ctx, func(l *C.hf_lease, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_lease_revoke(l, call, &out.err)
	})
	return err
}

// blocking runs a C function that may wait for the server.
func (l *Lease) blocking(
	ctx context.Context, function func(*C.hf_lease, *C.hf_call, *outParameters) C.hf_status,
) (outParameters, error) {
	lease := C.hf_lease_ref(l.lock())
	l.unlock()
	if lease == nil {
		return outParameters{}, ErrClosed
	}
	defer C.hf_lease_free(lease)
	if l.owner == nil {
		// The library refuses a lease of Credentials, without a request.
		return do(ctx, nil, func(call *C.hf_call, out *outParameters) C.hf_status {
			return function(lease, call, out)
		})
	}
	return l.owner.blocking(ctx, func(_ *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return function(lease, call, out)
	})
}

// Maintain does what is due for the token and for all Credentials of this manager that are in use, and returns in what
// time something is due next, the pause after a failure included; it is negative if never, and 0 only if nothing was
// asked, because the context had ended or the manager is closed. A program that uses its credentials all the time does
// not need it.
func (m *Manager) Maintain(ctx context.Context) (next time.Duration, err error) {
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_manager_maintain(m, call, &out.number, &out.err)
	})
	return time.Duration(out.number) * time.Millisecond, err
}
