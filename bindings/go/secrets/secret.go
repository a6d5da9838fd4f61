package secrets

// #include <handsfree_secrets.h>
// #include <string.h>
import "C"

import (
	"bytes"
	"unsafe"
)

// Secret holds the value of a secret and prevents it from being printed: fmt, log/slog and encoding/json print
// [redacted]. Copies share one value: wiping one wipes all. The zero Secret is empty. Several goroutines may read a
// Secret at once, but not while Wipe runs.
type Secret struct {
	redactedForm
	// A function, because reflection cannot look into one. Packages that print a Secret in a field that is not exported
	// cannot call its methods, and fmt would show the bytes behind a slice or a pointer for some verbs.
	value func() *[]byte
}

// newSecret takes ownership of bytes.
func newSecret(bytes []byte) Secret {
	return Secret{value: func() *[]byte { return &bytes }}
}

// Bytes returns the value in the memory of the Secret. It is not a copy, and Wipe overwrites it.
func (s Secret) Bytes() []byte {
	if s.value == nil {
		return nil
	}
	return *s.value()
}

// Reveal returns a copy of the value as a string, which cannot be wiped. Prefer Bytes if the receiver accepts bytes.
func (s Secret) Reveal() string { return string(s.Bytes()) }

// Len returns the length of the value in bytes.
func (s Secret) Len() int { return len(s.Bytes()) }

// Wipe overwrites the value with zeros and makes the Secret, and every copy of it, empty.
func (s Secret) Wipe() {
	if s.value == nil {
		return
	}
	bytes := s.value()
	clear(*bytes)
	*bytes = nil
}

// UnmarshalText copies text into a new value, so a struct that GetInto fills may have fields of type Secret. Copies of
// the Secret that were made before keep the old value.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = newSecret(bytes.Clone(text))
	return nil
}

// takeSecret copies a value of the library and lets the library wipe and free its copy.
func takeSecret(value *C.char) Secret {
	defer C.hf_free_string(value)
	return copySecret(value)
}

// takeBytes copies bytes of the library and lets the library wipe and free its copy.
func takeBytes(bytes *C.hf_bytes) Secret {
	defer C.hf_bytes_free(bytes)
	return copyMemory(C.hf_bytes_data(bytes), C.hf_bytes_len(bytes))
}

// copySecret copies a value that the library keeps.
func copySecret(value *C.char) Secret {
	return copyMemory(unsafe.Pointer(value), C.strlen(value))
}

// copyMemory copies length bytes, NUL bytes included.
func copyMemory(data unsafe.Pointer, length C.size_t) Secret {
	copied := make([]byte, length)
	copy(copied, unsafe.Slice((*byte)(data), len(copied)))
	return newSecret(copied)
}
