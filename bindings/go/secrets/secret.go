package secrets

// #include <handsfree_secrets.h>
// #include <string.h>
import "C"

import (
	"fmt"
	"log/slog"
	"unsafe"
)

const redacted = "[redacted]"

// Secret holds the value of a secret and prevents it from being printed: fmt, log/slog and encoding/json print
// [redacted]. Copies share one value: wiping one wipes all. The zero Secret is empty. Several goroutines may read a
// Secret at once, but not while Wipe runs.
type Secret struct {
	// A function, because reflection cannot look into one. Packages that print a Secret in a field that is not exported
	// cannot call its methods, and fmt would show the bytes behind a slice or a pointer for some verbs.
	value func() *[]byte
}

// newSecret takes ownership of bytes.
func newSecret(bytes []byte) Secret {
	return Secret{func() *[]byte { return &bytes }}
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

// String returns [redacted].
func (s Secret) String() string { return redacted }

// GoString returns [redacted], for %#v.
func (s Secret) GoString() string { return redacted }

// Format writes [redacted] whatever the verb, %x and %q included.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(redacted)) }

// MarshalJSON returns "[redacted]".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns [redacted], for XML and most YAML packages.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns [redacted], for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// takeSecret copies a value of the library and lets the library wipe and free its copy.
func takeSecret(value *C.char) Secret {
	defer C.hf_free_string(value)
	return copySecret(value)
}

// copySecret copies a value that the library keeps.
func copySecret(value *C.char) Secret {
	bytes := make([]byte, C.strlen(value))
	copy(bytes, unsafe.Slice((*byte)(unsafe.Pointer(value)), len(bytes)))
	return newSecret(bytes)
}
