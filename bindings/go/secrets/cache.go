package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"time"
)

// ClearCache drops what is cached about the secret that reference names, with all versions and fields, so that the next
// read asks the server. With an empty reference it drops everything. It sends no request.
func (m *Manager) ClearCache(reference string) error {
	var text cString
	if reference != "" {
		var err error
		if text, err = newCString("reference", reference); err != nil {
			return err
		}
	}
	handle, err := m.hold()
	if err != nil {
		return err
	}
	defer m.drop()
	var cError *C.hf_error
	return takeError(C.hf_manager_cache_clear(handle, text.pointer(), &cError), cError)
}

type maxAgeKey struct{}

// ContextWithMaxAge returns a context whose calls are served cached answers only up to this age, in place of the ttl of
// WithCache. It bounds answers that serve while the server cannot be asked, too. With 0 the server is asked.
func ContextWithMaxAge(ctx context.Context, age time.Duration) context.Context {
	return context.WithValue(ctx, maxAgeKey{}, age)
}

// withMaxAge adds the maximum age of a context, if it has one, to the settings of a call.
func withMaxAge(ctx context.Context, settings []callSetting) ([]callSetting, error) {
	age, isBounded := ctx.Value(maxAgeKey{}).(time.Duration)
	if !isBounded {
		return settings, nil
	}
	if age < 0 {
		return nil, invalidArgument("the maximum age is negative")
	}
	setting := func(call *C.hf_call, cError **C.hf_error) C.hf_status {
		return C.hf_call_set_max_age_ms(call, C.int64_t(age/time.Millisecond), cError)
	}
	return append(settings[:len(settings):len(settings)], setting), nil
}
