package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"time"
)

// A RequestOption of Request.
type RequestOption func(*request)

type request struct{ settings []callSetting }

// WithWrapTTL has the server keep the answer, and send a wrapping token instead, which Unwrap exchanges for the answer
// once. ttl is how long the token lives; servers count seconds, so it is rounded up.
func WithWrapTTL(ttl time.Duration) RequestOption {
	return func(r *request) {
		r.settings = append(r.settings, func(call *C.hf_call, cError **C.hf_error) C.hf_status {
			return C.hf_call_set_wrap_ttl_ms(call, milliseconds(ttl), cError)
		})
	}
}

// A Response is what the server answered to Request.
type Response struct {
	// Status is the HTTP status, such as 200 or 204.
	Status int
	// Body is the whole answer, empty for 204. The caller wipes it.
	Body Secret
}

// Request sends a request to any endpoint of the server, for what has no method of its own. method is GET, LIST, POST,
// PUT, PATCH or DELETE, and path what stands behind /v1/, such as "sys/health" or "pki/issue/web?x=y". body is JSON,
// which is sent to the letter and which the caller wipes; GET, LIST and DELETE take none, and a POST, PUT or PATCH
// without one has the body {}.
//
// GET and LIST are repeated after a failure, like all reads; the others only if the server cannot have executed them.
// Failures are errors, ErrNotFound if there is nothing at the path; sys/health succeeds with every status that is
// documented for it. The env backend has no server (ErrUnsupported).
func (m *Manager) Request(
	ctx context.Context, method, path string, body []byte, options ...RequestOption,
) (Response, error) {
	var r request
	for _, option := range options {
		option(&r)
	}
	cMethod, err := newCString("method", method)
	if err != nil {
		return Response{}, err
	}
	cPath, err := newCString("path", path)
	if err != nil {
		return Response{}, err
	}
	var json cString
	if len(body) > 0 {
		if json, err = newCString("body", body); err != nil {
			return Response{}, err
		}
		defer json.wipe()
	}
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_request(m, cMethod.pointer(), cPath.pointer(), json.pointer(), call, &out.httpStatus, &out.bytes, &out.err)
	}, r.settings...)
	if err != nil {
		return Response{}, err
	}
	return Response{Status: int(out.httpStatus), Body: takeBytes(out.bytes)}, nil
}

// Unwrap exchanges a wrapping token for the answer that the server has kept for it, as JSON, which the caller wipes.
// The token is spent by that: a second Unwrap is ErrAuth, as is a token that is wrong or has expired. If the first
// Unwrap of a token that you were given is ErrAuth, somebody else may have read the answer. It needs no policy.
func (m *Manager) Unwrap(ctx context.Context, wrappingToken string) (Secret, error) {
	token, err := newCString("wrapping token", wrappingToken)
	if err != nil {
		return Secret{}, err
	}
	defer token.wipe()
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_unwrap(m, token.pointer(), call, &out.text, &out.err)
	})
	if err != nil {
		return Secret{}, err
	}
	return takeSecret(out.text), nil
}
