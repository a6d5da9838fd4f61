package secrets

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// redactedForm is embedded in types that hold secrets. Its methods make fmt, log/slog, encoding/json and the like print
// [redacted].
type redactedForm struct{}

// String returns [redacted].
func (redactedForm) String() string { return redacted }

// GoString returns [redacted], for %#v.
func (redactedForm) GoString() string { return redacted }

// Format writes [redacted] whatever the verb, %x and %q included.
func (redactedForm) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(redacted)) }

// MarshalJSON returns "[redacted]".
func (redactedForm) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns [redacted], for XML and most YAML packages.
func (redactedForm) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns [redacted], for log/slog.
func (redactedForm) LogValue() slog.Value { return slog.StringValue(redacted) }
