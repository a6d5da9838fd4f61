package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"errors"
)

// Status is the outcome of a call, with the numbers of the C library. Newer libraries may add statuses; treat an
// unknown negative one as a failure.
type Status int32

// The statuses that the library returns.
const (
	StatusOK               Status = C.HF_OK
	StatusNotFound         Status = C.HF_NOT_FOUND
	StatusPending          Status = C.HF_PENDING
	StatusMismatch         Status = C.HF_MISMATCH
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
	StatusIO               Status = C.HF_ERR_IO
)

// String returns the name of the status in the C header, such as HF_NOT_FOUND, or HF_UNKNOWN for a number that the
// library does not know.
func (s Status) String() string {
	return C.GoString(C.hf_status_name(C.hf_status(s)))
}

// A statusError is an error for comparison with errors.Is: an Error matches the one with its status.
type statusError struct {
	status Status
	text   string
}

func (e *statusError) Error() string { return "secrets: " + e.text }

// Errors for comparison with errors.Is, one for each status of the same name.
var (
	// ErrNotFound: the secret, version, field or path does not exist.
	ErrNotFound error = &statusError{StatusNotFound, "not found"}
	// ErrPending: a call waits in a queue. The package takes calls from their queues, and returns this from no function.
	ErrPending error = &statusError{StatusPending, "pending"}
	// ErrMismatch: a signature or an HMAC is not that of the data.
	ErrMismatch error = &statusError{StatusMismatch, "signature does not match"}
	// ErrInvalidArgument: an invalid key, value, option name or metadata; or a ciphertext that cannot be decrypted.
	ErrInvalidArgument error = &statusError{StatusInvalidArgument, "invalid argument"}
	// ErrInvalidReference: the text is not a reference of this manager.
	ErrInvalidReference error = &statusError{StatusInvalidReference, "invalid reference"}
	// ErrConfig: the configuration is incomplete or contradictory, or the mount or namespace does not exist.
	ErrConfig error = &statusError{StatusConfig, "invalid configuration"}
	// ErrAuth: Vault rejects the credentials.
	ErrAuth error = &statusError{StatusAuth, "authentication failed"}
	// ErrPermissionDenied: the token's policy denies the request.
	ErrPermissionDenied error = &statusError{StatusPermissionDenied, "permission denied"}
	// ErrConnection: no connection could be made, or it broke. A write may have happened.
	ErrConnection error = &statusError{StatusConnection, "connection failed"}
	// ErrTLS: a certificate was rejected, or the TLS handshake failed.
	ErrTLS error = &statusError{StatusTLS, "TLS failed"}
	// ErrTimeout: the deadline passed. A write may have happened.
	ErrTimeout error = &statusError{StatusTimeout, "deadline exceeded"}
	// ErrUnavailable: Vault is sealed or has no active node, or a server error persisted after the retries. A write may
	// have happened.
	ErrUnavailable error = &statusError{StatusUnavailable, "server unavailable"}
	// ErrRateLimited: Vault still limited the rate of requests after the retries.
	ErrRateLimited error = &statusError{StatusRateLimited, "rate limited"}
	// ErrConflict: other writers changed the secret on every attempt, or since the version of WithCAS.
	ErrConflict error = &statusError{StatusConflict, "conflicting update"}
	// ErrTooLarge: a value or a response exceeds a limit, or there is not enough memory for it.
	ErrTooLarge error = &statusError{StatusTooLarge, "too large"}
	// ErrProtocol: the peer is not Vault, or its response is not as documented.
	ErrProtocol error = &statusError{StatusProtocol, "unexpected answer"}
	// ErrUnsupported: the backend, mount or server does not support the operation, or the value has another form than
	// the function returns.
	ErrUnsupported error = &statusError{StatusUnsupported, "unsupported"}
	// ErrCancelled: the context was cancelled. A write may have happened.
	ErrCancelled error = &statusError{StatusCancelled, "cancelled"}
	// ErrInternal: a bug in the library.
	ErrInternal error = &statusError{StatusInternal, "internal error"}
	// ErrIO: a descriptor of the program could not be read or written.
	ErrIO error = &statusError{StatusIO, "input or output failed"}
)

// ErrClosed is returned by every call on a Manager, a Transit or a stream of an envelope after its Close, and on the
// latter two after that of the Manager.
var ErrClosed = errors.New("secrets: the manager, the key or the envelope is closed")

// Error is the error of a failed call. Its text may contain names, paths and text of the server, but no secret.
type Error struct {
	// Status is the kind of failure.
	Status Status
	// HTTPStatus is the HTTP status of the server's response, or 0 if none was involved.
	HTTPStatus int
	// Message says what failed, where, and what to do next.
	Message string

	context error // the context's error, where the context ended the call
}

// Error returns the message.
func (e *Error) Error() string { return "secrets: " + e.Message }

// Is reports whether target is the error of the same status.
func (e *Error) Is(target error) bool {
	sentinel, ok := target.(*statusError)
	return ok && sentinel.status == e.Status
}

// Unwrap returns context.Canceled or context.DeadlineExceeded if the context ended the call, and nil otherwise.
func (e *Error) Unwrap() error { return e.context }

func invalidArgument(message string) error {
	return &Error{Status: StatusInvalidArgument, Message: message}
}

// contextError is the error of a call whose context ended before the call began.
func contextError(cause error) error {
	status := StatusCancelled
	if errors.Is(cause, context.DeadlineExceeded) {
		status = StatusTimeout
	}
	return &Error{Status: status, Message: "the context ended before the call began: " + cause.Error(), context: cause}
}

// takeError converts the result of a C function to an error, nil for HF_OK, and frees cError.
func takeError(status C.hf_status, cError *C.hf_error) error {
	defer C.hf_error_free(cError)
	return newError(status, cError)
}

// newError converts a status and its error, which may be NULL, to an error; nil for HF_OK. It frees nothing.
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
		return &Error{Status: StatusNotFound, Message: "not found"}
	case status == C.HF_MISMATCH:
		return &Error{Status: StatusMismatch, Message: "the signature does not match"}
	default:
		return &Error{Status: Status(status), Message: Status(status).String()}
	}
}
