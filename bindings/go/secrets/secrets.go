package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"runtime"
	"sync"
)

// Manager is a store of secrets: a Vault server, or the process environment. Any number of goroutines may use one at
// once. Open creates it, Close frees it.
type Manager struct {
	kind   string
	queue  *queue        // carries the calls; nil: each of them runs in its thread
	slots  chan struct{} // as many as calls may run at once; nil with a queue
	closed chan struct{} // closed by Close, for those that wait for a slot

	mu       sync.Mutex
	handle   *C.hf_manager // nil once closed and not in use
	users    int           // calls that use handle
	isClosed bool
	watches  *queue // carries those of watches, which wait for long; nil before the first watch, unless there is queue
}

// Open opens a manager with options and, unless WithoutEnvironment is among them, the environment variables
// SECRET_MANAGER_TYPE, VAULT_ADDR and so on. It tries the credentials once, so a wrong address or token fails here.
func Open(options ...Option) (*Manager, error) {
	return OpenContext(context.Background(), options...)
}

// OpenContext is Open with a deadline and cancellation for the connection and the login. The manager does not use the
// context later.
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
	m := &Manager{closed: make(chan struct{})}
	if s.concurrency == nil {
		m.slots = make(chan struct{}, s.maxCalls)
	} else if m.queue, err = newQueue(*s.concurrency); err != nil {
		return nil, err
	}
	m.watches = m.queue
	out, err := do(ctx, m.queue, func(call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_manager_open(cOptions, call, &out.manager, &out.err)
	})
	if err != nil {
		m.freeQueue()
		return nil, err
	}
	m.handle = out.manager
	m.kind = C.GoString(C.hf_manager_type(m.handle))
	runtime.SetFinalizer(m, func(m *Manager) { _ = m.Close() })
	return m, nil
}

// Close frees the manager. Running calls continue to their end, later ones return ErrClosed. Close sends no request,
// does not block, and may be called again. It always returns nil; the result is for io.Closer.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.isClosed || m.handle == nil {
		return nil
	}
	runtime.SetFinalizer(m, nil)
	m.isClosed = true
	close(m.closed)
	m.freeIfUnused()
	return nil
}

// freeIfUnused frees the handle of a closed manager when no call uses it any more. The caller holds the lock.
func (m *Manager) freeIfUnused() {
	if m.isClosed && m.users == 0 && m.handle != nil {
		C.hf_manager_free(m.handle)
		m.handle = nil
		m.freeQueue()
	}
}

func (m *Manager) freeQueue() {
	if m.watches != nil {
		m.watches.drop()
	}
}

// hold returns the handle, which stays valid until drop.
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

// enter waits for a slot, if there are any: a zero Manager and one with a queue have none.
func (m *Manager) enter(ctx context.Context) error {
	if m.slots == nil {
		return nil
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

func (m *Manager) leave() {
	if m.slots != nil {
		<-m.slots
	}
}

// blocking runs a C function that may wait for the server.
func (m *Manager) blocking(
	ctx context.Context,
	function func(*C.hf_manager, *C.hf_call, *outParameters) C.hf_status,
	settings ...callSetting,
) (outParameters, error) {
	if err := m.enter(ctx); err != nil {
		return outParameters{}, err
	}
	defer m.leave()
	handle, err := m.hold()
	if err != nil {
		return outParameters{}, err
	}
	defer m.drop()
	return do(ctx, m.queue, func(call *C.hf_call, out *outParameters) C.hf_status {
		return function(handle, call, out)
	}, settings...)
}

// Type returns the name of the backend: "vault" or "env".
func (m *Manager) Type() string { return m.kind }

// Check returns nil if the manager can be used now: a server answers, is unsealed, and takes the token. It sends one
// request, which needs no policy. With the env backend there is nothing to check.
func (m *Manager) Check(ctx context.Context) error {
	_, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_manager_check(m, call, &out.err)
	})
	return err
}

// Warm opens connections until this number of them is idle, so that the first calls find them open. It sends no request.
// VAULT_MAX_IDLE_CONNECTIONS and VAULT_MAX_CONNECTIONS limit the number. With the env backend there is nothing to open.
func (m *Manager) Warm(ctx context.Context, connections int) error {
	if int(C.int32_t(connections)) != connections {
		return invalidArgument("connections is out of range")
	}
	_, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_manager_warm(m, C.int32_t(connections), call, &out.err)
	})
	return err
}

// Store writes value under key and returns the reference of the secret. A secret that is already there is replaced,
// including its metadata. The characters '.' and '_' of a key separate folders in Vault, as '/' does. The caller wipes
// value.
func (m *Manager) Store(ctx context.Context, key string, value []byte, options ...WriteOption) (string, error) {
	w, err := newWrite("key", key, options)
	if err != nil {
		return "", err
	}
	defer w.free()
	text, err := newCString("value", value)
	if err != nil {
		return "", err
	}
	defer text.wipe()
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_store_secret(m, w.name.pointer(), text.pointer(), w.metadata, call, &out.text, &out.err)
	}, w.settings...)
	if err != nil {
		return "", err
	}
	defer C.hf_free_string(out.text)
	return C.GoString(out.text), nil
}

// Get returns the value that reference names, or ErrNotFound. The caller wipes the Secret when it is no longer needed.
func (m *Manager) Get(ctx context.Context, reference string) (Secret, error) {
	text, err := newCString("reference", reference)
	if err != nil {
		return Secret{}, err
	}
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_get_secret(m, text.pointer(), call, &out.text, &out.err)
	})
	if err != nil {
		return Secret{}, err
	}
	return takeSecret(out.text), nil
}

// Update replaces the value that reference names, or returns ErrNotFound. The metadata are kept unless WithMetadata is
// given. Concurrent updates of other programs are not lost, except in KV version 1.
func (m *Manager) Update(ctx context.Context, reference string, value []byte, options ...WriteOption) error {
	w, err := newWrite("reference", reference, options)
	if err != nil {
		return err
	}
	defer w.free()
	text, err := newCString("value", value)
	if err != nil {
		return err
	}
	defer text.wipe()
	_, err = m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_update_secret(m, w.name.pointer(), text.pointer(), w.metadata, call, &out.err)
	}, w.settings...)
	return err
}

// Delete deletes the secret that reference names with all its versions, or returns ErrNotFound.
func (m *Manager) Delete(ctx context.Context, reference string) error {
	text, err := newCString("reference", reference)
	if err != nil {
		return err
	}
	_, err = m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_delete_secret(m, text.pointer(), call, &out.err)
	})
	return err
}

// List returns the references of the secrets whose path starts with prefix, sorted; all if prefix is empty. In Vault a
// secret whose latest version is deleted is listed, too. Secrets with a path that no reference can name are left out
// and logged.
func (m *Manager) List(ctx context.Context, prefix string) ([]string, error) {
	var text cString
	if prefix != "" {
		var err error
		if text, err = newCString("prefix", prefix); err != nil {
			return nil, err
		}
	}
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_list_secrets(m, text.pointer(), call, &out.list, &out.err)
	})
	if err != nil {
		return nil, err
	}
	defer C.hf_string_list_free(out.list)
	references := make([]string, C.hf_string_list_len(out.list))
	for index := range references {
		references[index] = C.GoString(C.hf_string_list_get(out.list, C.size_t(index)))
	}
	return references, nil
}

// CanonicalReference returns the canonical form of a reference, which all references to the same secret share. It sends
// no request.
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

// LibraryVersion returns the version of the loaded C library, such as "0.1.0".
func LibraryVersion() string { return C.GoString(C.hf_version()) }
