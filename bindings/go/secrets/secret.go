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

// Secret holds the value of a secret and keeps it from being printed: fmt, log/slog and encoding/json see [redacted].
// Copies share one value: wiping one wipes all. The zero Secret is empty. Reading is safe from several goroutines;
// Wipe must not run at the same time.
type Secret struct {
	// A function, because reflection cannot look into one. Packages that print a Secret in a field that is not exported
	// cannot call its methods, and fmt would show the bytes behind a slice or a pointer for some verbs.
	value func() *[]byte
}

// newSecret takes bytes over.
func newSecret(bytes []byte) Secret {
	return Secret{func() *[]byte { return &bytes }}
}

// Bytes gives the value in the Secret's own memory: no copy, and gone after Wipe.
func (s Secret) Bytes() []byte {
	if s.value == nil {
		return nil
	}
	return *s.value()
}

// Reveal gives the value as a string: a copy that cannot be wiped. Prefer Bytes where the receiver takes bytes.
func (s Secret) Reveal() string { return string(s.Bytes()) }

// Len gives the length of the value in bytes.
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

// String gives [redacted].
func (s Secret) String() string { return redacted }

// GoString gives [redacted], for %#v.
func (s Secret) GoString() string { return redacted }

// Format writes [redacted] whatever the verb, %x and %q included.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(redacted)) }

// MarshalJSON gives "[redacted]".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText gives [redacted], which XML and most YAML packages use.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue gives [redacted], for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// takeSecret copies what the library gave, and has the library wipe and free its own.
func takeSecret(value *C.char) Secret {
	defer C.hf_free_string(value)
	return copySecret(value)
}

// copySecret copies a value that stays the library's.
func copySecret(value *C.char) Secret {
	bytes := make([]byte, C.strlen(value))
	copy(bytes, unsafe.Slice((*byte)(unsafe.Pointer(value)), len(bytes)))
	return newSecret(bytes)
}
