package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"errors"
)

// Status is the outcome of a call, with the numbers of the C library. New ones may come with a newer library; treat an
// unknown negative one as a failure.
type Status int32

// The statuses that the library returns.
const (
	StatusOK               Status = C.HF_OK
	StatusNotFound         Status = C.HF_NOT_FOUND
	StatusInvalidArgument  Status = C.HF_ERR_INVALID_ARGUMENT
	StatusInvalidReference Status = C.HF_ERR_INVALID_REFERENCE
	StatusConfig           Status = C.HF_ERR_CONFIG
	StatusAuth             Status = C.HF_ERR_AUTH
	StatusPermissionDenied Status = C.HF_ERR_PERMISSION_DENIED
	StatusConnection       Status = C.HF_ERR_CONNECTION
	StatusTLS              Status = C.HF_ERR_TLS
	StatusTimeout          Status = C.HF_ERR_TIMEOUT
	StatusUnavailable      Status = C.HF_ERR_UNAVAILABLE
	StatusRateLimited      Status = C.HF_ERR_RATE_LIMITED
	StatusConflict         Status = C.HF_ERR_CONFLICT
	StatusTooLarge         Status = C.HF_ERR_TOO_LARGE
	StatusProtocol         Status = C.HF_ERR_PROTOCOL
	StatusUnsupported      Status = C.HF_ERR_UNSUPPORTED
	StatusCancelled        Status = C.HF_ERR_CANCELLED
	StatusInternal         Status = C.HF_ERR_INTERNAL
)

// String gives the name that the C header has for the status, such as HF_NOT_FOUND, and HF_UNKNOWN for a number that
// the library does not know.
func (s Status) String() string {
	return C.GoString(C.hf_status_name(C.hf_status(s)))
}

// A statusError is what errors.Is compares with: an Error matches the one with its status.
type statusError struct {
	status Status
	text   string
}

func (e *statusError) Error() string { return "secrets: " + e.text }

// What a call's error can be compared with by errors.Is. Each stands for the status of the same name.
var (
	// ErrNotFound: no secret stands behind the reference.
	ErrNotFound error = &statusError{StatusNotFound, "no such secret"}
	// ErrInvalidArgument: a key, value, option name or metadata that the library refuses.
	ErrInvalidArgument error = &statusError{StatusInvalidArgument, "invalid argument"}
	// ErrInvalidReference: the text is no reference of this manager.
	ErrInvalidReference error = &statusError{StatusInvalidReference, "invalid reference"}
	// ErrConfig: configuration missing or contradictory, or the mount or namespace does not exist.
	ErrConfig error = &statusError{StatusConfig, "invalid configuration"}
	// ErrAuth: Vault refuses the credentials.
	ErrAuth error = &statusError{StatusAuth, "authentication failed"}
	// ErrPermissionDenied: the token is alive, and its policy says no.
	ErrPermissionDenied error = &statusError{StatusPermissionDenied, "permission denied"}
	// ErrConnection: no connection, or it broke. A write may have happened.
	ErrConnection error = &statusError{StatusConnection, "connection failed"}
	// ErrTLS: the certificate or the handshake.
	ErrTLS error = &statusError{StatusTLS, "TLS failed"}
	// ErrTimeout: the deadline passed. A write may have happened.
	ErrTimeout error = &statusError{StatusTimeout, "deadline exceeded"}
	// ErrUnavailable: sealed, or no active node, after the retries. A write may have happened.
	ErrUnavailable error = &statusError{StatusUnavailable, "server unavailable"}
	// ErrRateLimited: too many requests, after the retries.
	ErrRateLimited error = &statusError{StatusRateLimited, "rate limited"}
	// ErrConflict: somebody else changed the secret again and again.
	ErrConflict error = &statusError{StatusConflict, "conflicting update"}
	// ErrTooLarge: a value or an answer over a limit.
	ErrTooLarge error = &statusError{StatusTooLarge, "too large"}
	// ErrProtocol: the peer does not speak Vault.
	ErrProtocol error = &statusError{StatusProtocol, "unexpected answer"}
	// ErrUnsupported: this backend, mount or server cannot do it.
	ErrUnsupported error = &statusError{StatusUnsupported, "unsupported"}
	// ErrCancelled: the context was cancelled. A write may have happened.
	ErrCancelled error = &statusError{StatusCancelled, "cancelled"}
	// ErrInternal: a bug in the library.
	ErrInternal error = &statusError{StatusInternal, "internal error"}
)

// ErrClosed is returned by every call on a Manager after Close.
var ErrClosed = errors.New("secrets: the manager is closed")

// Error is a failed call. Its texts hold names, paths and the server's own words, never a secret.
type Error struct {
	// Status says what kind of failure it is.
	Status Status
	// HTTPStatus is the status of the server's answer, 0 where none was involved.
	HTTPStatus int
	// Message says what failed, where, and what to do next.
	Message string

	context error // the context's error, where the context ended the call
}

// Error gives the message.
func (e *Error) Error() string { return "secrets: " + e.Message }

// Is tells errors.Is that an Error equals the sentinel of its status.
func (e *Error) Is(target error) bool {
	sentinel, ok := target.(*statusError)
	return ok && sentinel.status == e.Status
}

// Unwrap gives context.Canceled or context.DeadlineExceeded where the context ended the call, else nil.
func (e *Error) Unwrap() error { return e.context }

func invalidArgument(message string) error {
	return &Error{Status: StatusInvalidArgument, Message: message}
}

// contextError is the error of a call that its context ended before it began.
func contextError(cause error) error {
	status := StatusCancelled
	if errors.Is(cause, context.DeadlineExceeded) {
		status = StatusTimeout
	}
	return &Error{Status: status, Message: "the context ended before the call began: " + cause.Error(), context: cause}
}

// takeError turns what a C function returned into an error, nil for HF_OK, and frees cError.
func takeError(status C.hf_status, cError *C.hf_error) error {
	defer C.hf_error_free(cError)
	return newError(status, cError)
}

// newError turns a status and its error, NULL where there is none, into an error; nil for HF_OK. It frees nothing.
func newError(status C.hf_status, cError *C.hf_error) error {
	switch {
	case status == C.HF_OK:
		return nil
	case cError != nil:
		return &Error{
			Status:     Status(status),
			HTTPStatus: int(C.hf_error_http_status(cError)),
			Message:    C.GoString(C.hf_error_message(cError)),
		}
	case status == C.HF_NOT_FOUND:
		return &Error{Status: StatusNotFound, Message: "no such secret"}
	default:
		return &Error{Status: Status(status), Message: Status(status).String()}
	}
}
