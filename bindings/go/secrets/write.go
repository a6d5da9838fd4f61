package secrets

// #include <handsfree_secrets.h>
import "C"

// A WriteOption of Store, Update, StoreDocument and UpdateDocument.
type WriteOption func(*write)

// WithMetadata stores metadata beside the value or the fields. An update without it keeps the present metadata; an
// empty map removes them. The env backend ignores metadata.
func WithMetadata(metadata map[string]string) WriteOption {
	return func(w *write) {
		w.hasMetadata = true
		w.entries = metadata
	}
}

// WithCAS makes a write conditional (check-and-set): it happens only if the latest version of the secret has this
// number, such as that of a Document, and otherwise returns ErrConflict. 0 means that there is no version yet.
// ErrConflict is always the write of somebody else: nothing is tried again after one, and a write whose response was
// lost is not repeated. KV version 1 and the env backend have no versions (ErrUnsupported).
func WithCAS(version int64) WriteOption {
	return func(w *write) {
		w.settings = append(w.settings, func(call *C.hf_call, cError **C.hf_error) C.hf_status {
			return C.hf_call_set_cas(call, C.int64_t(version), cError)
		})
	}
}

// A write has the arguments that all functions that write a secret pass to C.
type write struct {
	name        cString
	metadata    *C.hf_metadata // NULL: none for a store, keep for an update
	settings    []callSetting
	hasMetadata bool
	entries     map[string]string
}

// newWrite creates a write; the caller calls free. parameter is the name of the first argument in errors.
func newWrite(parameter, name string, options []WriteOption) (*write, error) {
	w := &write{}
	for _, option := range options {
		option(w)
	}
	var err error
	if w.name, err = newCString(parameter, name); err != nil {
		return nil, err
	}
	if w.hasMetadata {
		if w.metadata, err = newMetadata(w.entries); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *write) free() { C.hf_metadata_free(w.metadata) }
