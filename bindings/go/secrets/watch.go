package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// A ChangeKind says what has changed. Later versions of the library may have other kinds: then read the secret again.
type ChangeKind int32

// The kinds of changes.
const (
	// ChangeWritten: the secret has another content.
	ChangeWritten ChangeKind = C.HF_CHANGE_WRITTEN
	// ChangeDeleted: the content is gone.
	ChangeDeleted ChangeKind = C.HF_CHANGE_DELETED
	// ChangeFailed: the secret cannot be looked at.
	ChangeFailed ChangeKind = C.HF_CHANGE_FAILED
)

// String returns "written", "deleted" or "failed".
func (k ChangeKind) String() string {
	switch k {
	case ChangeWritten:
		return "written"
	case ChangeDeleted:
		return "deleted"
	case ChangeFailed:
		return "failed"
	default:
		return "change " + strconv.Itoa(int(k))
	}
}

// A Change tells that a secret has changed.
type Change struct {
	// Reference is the reference as it was added; of a secret beneath a folder its canonical reference.
	Reference string
	// Kind is what has changed.
	Kind ChangeKind
	// Version is the number of the latest version.
	Version int64
	// Err is why the secret cannot be looked at.
	Err error
}

// The known versions of Watch.Add.
const (
	// KnowNothing has what is there told first.
	KnowNothing int64 = 0
	// KnowFirstLook has only changes after the first look told.
	KnowFirstLook int64 = -1
)

// A Watch tells which secrets have changed. Any goroutine may add and remove references, and one at a time waits for
// changes, which occupies no thread.
type Watch struct {
	manager *Manager
	queue   *queue          // in which it waits, without a thread
	open    context.Context // which ends when the watch is closed
	end     context.CancelFunc
	mu      sync.Mutex
	handle  *C.hf_watch
	users   int
	closed  bool
}

// NewWatch returns a watch of nothing yet. The caller closes it.
func (m *Manager) NewWatch() (*Watch, error) {
	handle, err := m.hold()
	if err != nil {
		return nil, err
	}
	defer m.drop()
	w := &Watch{manager: m}
	w.open, w.end = context.WithCancel(context.Background())
	var cError *C.hf_error
	if err := takeError(C.hf_watch_new(handle, &w.handle, &cError), cError); err != nil {
		return nil, err
	}
	if w.queue, err = m.holdWatchQueue(); err != nil {
		C.hf_watch_free(w.handle)
		return nil, err
	}
	runtime.SetFinalizer(w, func(w *Watch) { _ = w.Close() })
	return w, nil
}

// watchConcurrency is how many watches of a manager without a queue of its own look at the same time.
const watchConcurrency = 4

// holdWatchQueue returns the queue in which watches wait. The caller has the manager's handle, and drops the queue.
func (m *Manager) holdWatchQueue() (*queue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.watches == nil {
		queue, err := newQueue(watchConcurrency)
		if err != nil {
			return nil, err
		}
		m.watches = queue
	}
	return m.watches.hold(), nil
}

// Add watches a secret, or everything beneath a reference that ends in '/'. knownVersion is the version that the program
// has, KnowNothing or KnowFirstLook; a folder takes these two only.
func (w *Watch) Add(reference string, knownVersion int64) error {
	text, err := newCString("reference", reference)
	if err != nil {
		return err
	}
	handle, err := w.hold()
	if err != nil {
		return err
	}
	defer w.drop()
	var cError *C.hf_error
	return takeError(C.hf_watch_add(handle, text.pointer(), C.int64_t(knownVersion), &cError), cError)
}

// Remove ends the watch of a reference, spelled as it was added. It returns ErrNotFound if it was not watched.
func (w *Watch) Remove(reference string) error {
	text, err := newCString("reference", reference)
	if err != nil {
		return err
	}
	handle, err := w.hold()
	if err != nil {
		return err
	}
	defer w.drop()
	var cError *C.hf_error
	return takeError(C.hf_watch_remove(handle, text.pointer(), &cError), cError)
}

// Next waits for the next change, for ever if the context has no deadline. It returns ErrNotFound if nothing has changed
// until the deadline, and ErrClosed if the watch is closed meanwhile.
func (w *Watch) Next(ctx context.Context) (Change, error) {
	handle, err := w.hold()
	if err != nil {
		return Change{}, err
	}
	defer w.drop()
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.open, cancel)()
	out, err := do(waiting, w.queue, func(call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_watch_next(handle, call, &out.change, &out.err)
	})
	if err != nil && ctx.Err() == nil && w.open.Err() != nil {
		err = ErrClosed
	}
	if err != nil {
		return Change{}, err
	}
	defer C.hf_change_free(out.change)
	return takeChange(out.change), nil
}

// Changes returns a channel of changes. A goroutine waits for them until the context ends or the watch is closed, and
// then closes the channel. A change that was not received is lost then.
func (w *Watch) Changes(ctx context.Context) <-chan Change {
	changes := make(chan Change)
	deadline, hasDeadline := ctx.Deadline()
	go func() {
		defer close(changes)
		for {
			change, err := w.Next(ctx)
			if errors.Is(err, ErrCancelled) || errors.Is(err, ErrClosed) || ctx.Err() != nil {
				return
			}
			if err != nil && hasDeadline && time.Until(deadline) <= 0 { // the context has not noticed yet
				return
			}
			if err != nil {
				change = Change{Kind: ChangeFailed, Err: err}
			}
			select {
			case changes <- change:
			case <-ctx.Done():
				return
			}
		}
	}()
	return changes
}

// Close ends the watch, and a Next that is waiting. It always returns nil.
func (w *Watch) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	runtime.SetFinalizer(w, nil)
	w.closed = true
	w.end()
	w.freeIfUnused()
	return nil
}

func (w *Watch) hold() (*C.hf_watch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.handle == nil {
		return nil, ErrClosed
	}
	w.users++
	return w.handle, nil
}

func (w *Watch) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.users--
	w.freeIfUnused()
	runtime.KeepAlive(w)
}

func (w *Watch) freeIfUnused() {
	if w.closed && w.users == 0 && w.handle != nil {
		C.hf_watch_free(w.handle)
		w.handle = nil
		w.queue.drop()
	}
}

func takeChange(change *C.hf_change) Change {
	taken := Change{
		Reference: C.GoString(C.hf_change_reference(change)),
		Kind:      ChangeKind(C.hf_change_kind(change)),
		Version:   int64(C.hf_change_version(change)),
	}
	if failure := C.hf_change_error(change); failure != nil {
		taken.Err = newError(C.hf_error_status(failure), failure)
	}
	return taken
}
