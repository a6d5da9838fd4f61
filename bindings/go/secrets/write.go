package secrets

// #include <handsfree_secrets.h>
import "C"

// A WriteOption of Store and Update.
type WriteOption func(*write)

// WithMetadata stores metadata beside the value. Update without it keeps the present metadata; an empty map removes
// them. The env backend ignores metadata.
func WithMetadata(metadata map[string]string) WriteOption {
	return func(w *write) {
		w.hasMetadata = true
		w.entries = metadata
	}
}

// A write has the arguments that Store and Update pass to C.
type write struct {
	name        cString
	value       cString
	metadata    *C.hf_metadata // NULL: none for Store, keep for Update
	hasMetadata bool
	entries     map[string]string
}

// newWrite creates a write; the caller calls free. parameter is the name of the first argument in errors.
func newWrite(parameter, name string, value []byte, options []WriteOption) (*write, error) {
	w := &write{}
	for _, option := range options {
		option(w)
	}
	var err error
	if w.name, err = newCString(parameter, name); err != nil {
		return nil, err
	}
	if w.value, err = newCString("value", value); err != nil {
		return nil, err
	}
	if err = w.buildMetadata(); err != nil {
		w.free()
		return nil, err
	}
	return w, nil
}

func (w *write) buildMetadata() error {
	if !w.hasMetadata {
		return nil
	}
	w.metadata = C.hf_metadata_new()
	for key, value := range w.entries {
		cKey, err := newCString("metadata's key", key)
		if err != nil {
			return err
		}
		cValue, err := newCString("metadata's value", value)
		if err != nil {
			return err
		}
		var cError *C.hf_error
		status := C.hf_metadata_set(w.metadata, cKey.pointer(), cValue.pointer(), &cError)
		if err := takeError(status, cError); err != nil {
			return err
		}
	}
	return nil
}

// free wipes the copy of the value.
func (w *write) free() {
	w.value.wipe()
	C.hf_metadata_free(w.metadata)
}
