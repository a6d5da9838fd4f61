package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"runtime"
	"sync"
)

// Manager is a store of secrets: a Vault server, or the process environment. Any number of goroutines may use one at
// once. Open makes it, Close ends it.
type Manager struct {
	kind   string
	slots  chan struct{} // as many as calls may run at once
	closed chan struct{} // closed by Close, for those that wait for a slot

	mu       sync.Mutex
	handle   *C.hf_manager // nil once closed and not in use
	users    int           // calls that use handle
	isClosed bool
}

// Open opens a manager from options and, unless WithoutEnvironment is among them, from the environment variables:
// SECRET_MANAGER_TYPE, VAULT_ADDR and so on. The credentials are tried once, so a wrong address or token fails here.
func Open(options ...Option) (*Manager, error) {
	return OpenContext(context.Background(), options...)
}

// OpenContext is Open with a deadline and cancellation for the connection and the login. The context does not matter
// to the manager later.
func OpenContext(ctx context.Context, options ...Option) (*Manager, error) {
	s, err := newSettings(options)
	if err != nil {
		return nil, err
	}
	cOptions, err := s.build()
	defer C.hf_options_free(cOptions)
	if err != nil {
		return nil, err
	}
	var handle *C.hf_manager
	err = do(ctx, func(call *C.hf_call, cError **C.hf_error) C.hf_status {
		return C.hf_manager_open(cOptions, call, &handle, cError)
	})
	if err != nil {
		return nil, err
	}
	m := &Manager{
		kind:   C.GoString(C.hf_manager_type(handle)),
		slots:  make(chan struct{}, s.maxCalls),
		closed: make(chan struct{}),
		handle: handle,
	}
	runtime.SetFinalizer(m, func(m *Manager) { _ = m.Close() })
	return m, nil
}

// Close frees the manager; calls that run meanwhile end as if it had not been closed, later ones give ErrClosed. It
// sends nothing, never blocks, and may be called again. The error is always nil, as io.Closer wants one.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed || m.slots == nil {
		return nil
	}
	runtime.SetFinalizer(m, nil)
	m.isClosed = true
	close(m.closed)
	m.freeIfUnused()
	return nil
}

// freeIfUnused frees the handle of a closed manager when nobody uses it any more. The lock is held.
func (m *Manager) freeIfUnused() {
	if m.isClosed && m.users == 0 && m.handle != nil {
		C.hf_manager_free(m.handle)
		m.handle = nil
	}
}

// hold gives the handle, which stays valid until drop.
func (m *Manager) hold() (*C.hf_manager, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed || m.handle == nil {
		return nil, ErrClosed
	}
	m.users++
	return m.handle, nil
}

func (m *Manager) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users--
	m.freeIfUnused()
	runtime.KeepAlive(m)
}

// enter waits for a slot. A zero Manager has none, and counts as closed.
func (m *Manager) enter(ctx context.Context) error {
	if m.slots == nil {
		return ErrClosed
	}
	select {
	case m.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case m.slots <- struct{}{}:
		return nil
	case <-m.closed:
		return ErrClosed
	case <-ctx.Done():
		return contextError(ctx.Err())
	}
}

func (m *Manager) leave() { <-m.slots }

// blocking runs a C function that may wait for the server.
func (m *Manager) blocking(
	ctx context.Context,
	function func(*C.hf_manager, *C.hf_call, **C.hf_error) C.hf_status,
) error {
	if err := m.enter(ctx); err != nil {
		return err
	}
	defer m.leave()
	handle, err := m.hold()
	if err != nil {
		return err
	}
	defer m.drop()
	return do(ctx, func(call *C.hf_call, cError **C.hf_error) C.hf_status {
		return function(handle, call, cError)
	})
}

// Type gives the name of the backend: "vault" or "env".
func (m *Manager) Type() string { return m.kind }

// Store writes value under key and gives the reference to get it back with. What was there is replaced as a whole. The
// characters '.' and '_' of a key separate folders in Vault, as '/' does. value is the caller's to wipe.
func (m *Manager) Store(ctx context.Context, key string, value []byte, options ...WriteOption) (string, error) {
	w, err := newWrite("key", key, value, options)
	if err != nil {
		return "", err
	}
	defer w.free()
	var reference *C.char
	err = m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, cError **C.hf_error) C.hf_status {
		return C.hf_store_secret(m, w.name.pointer(), w.value.pointer(), w.metadata, call, &reference, cError)
	})
	if err != nil {
		return "", err
	}
	defer C.hf_free_string(reference)
	return C.GoString(reference), nil
}

// Get gives the value behind reference, and ErrNotFound where there is none. The Secret is the caller's; wipe it when
// it is no longer needed.
func (m *Manager) Get(ctx context.Context, reference string) (Secret, error) {
	text, err := newCString("reference", reference)
	if err != nil {
		return Secret{}, err
	}
	var value *C.char
	err = m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, cError **C.hf_error) C.hf_status {
		return C.hf_get_secret(m, text.pointer(), call, &value, cError)
	})
	if err != nil {
		return Secret{}, err
	}
	return takeSecret(value), nil
}

// Update replaces the value behind reference, and gives ErrNotFound where there is none. The metadata stay as they are
// unless WithMetadata says otherwise. No update of somebody else at the same time is lost.
func (m *Manager) Update(ctx context.Context, reference string, value []byte, options ...WriteOption) error {
	w, err := newWrite("reference", reference, value, options)
	if err != nil {
		return err
	}
	defer w.free()
	return m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, cError **C.hf_error) C.hf_status {
		return C.hf_update_secret(m, w.name.pointer(), w.value.pointer(), w.metadata, call, cError)
	})
}

// Delete removes the secret behind reference with all its versions, and gives ErrNotFound where there is none.
func (m *Manager) Delete(ctx context.Context, reference string) error {
	text, err := newCString("reference", reference)
	if err != nil {
		return err
	}
	return m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, cError **C.hf_error) C.hf_status {
		return C.hf_delete_secret(m, text.pointer(), call, cError)
	})
}

// List gives the references of all secrets whose path starts with prefix, all where it is empty, sorted. In Vault a
// secret whose latest version is deleted is listed, too.
func (m *Manager) List(ctx context.Context, prefix string) ([]string, error) {
	var text cString
	if prefix != "" {
		var err error
		if text, err = newCString("prefix", prefix); err != nil {
			return nil, err
		}
	}
	var list *C.hf_string_list
	err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, cError **C.hf_error) C.hf_status {
		return C.hf_list_secrets(m, text.pointer(), call, &list, cError)
	})
	if err != nil {
		return nil, err
	}
	defer C.hf_string_list_free(list)
	references := make([]string, C.hf_string_list_len(list))
	for index := range references {
		references[index] = C.GoString(C.hf_string_list_get(list, C.size_t(index)))
	}
	return references, nil
}

// CanonicalReference gives the one spelling that all references to the same secret share. It asks no server.
func (m *Manager) CanonicalReference(reference string) (string, error) {
	text, err := newCString("reference", reference)
	if err != nil {
		return "", err
	}
	handle, err := m.hold()
	if err != nil {
		return "", err
	}
	defer m.drop()
	var canonical *C.char
	var cError *C.hf_error
	if err := takeError(C.hf_canonical_reference(handle, text.pointer(), &canonical, &cError), cError); err != nil {
		return "", err
	}
	defer C.hf_free_string(canonical)
	return C.GoString(canonical), nil
}

// LibraryVersion gives the version of the C library that runs, such as "0.1.0".
func LibraryVersion() string { return C.GoString(C.hf_version()) }
