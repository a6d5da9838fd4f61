package secrets

import (
	"errors"
	"fmt"
	"testing"
)

// Every status that is no success, by the name that the C library gives it, with the sentinel that stands for it.
var sentinels = map[string]struct {
	status   Status
	sentinel error
}{
	"HF_NOT_FOUND":             {StatusNotFound, ErrNotFound},
	"HF_PENDING":               {StatusPending, ErrPending},
	"HF_MISMATCH":              {StatusMismatch, ErrMismatch},
	"HF_ERR_INVALID_ARGUMENT":  {StatusInvalidArgument, ErrInvalidArgument},
	"HF_ERR_INVALID_REFERENCE": {StatusInvalidReference, ErrInvalidReference},
	"HF_ERR_CONFIG":            {StatusConfig, ErrConfig},
	"HF_ERR_AUTH":              {StatusAuth, ErrAuth},
	"HF_ERR_PERMISSION_DENIED": {StatusPermissionDenied, ErrPermissionDenied},
	"HF_ERR_CONNECTION":        {StatusConnection, ErrConnection},
	"HF_ERR_TLS":               {StatusTLS, ErrTLS},
	"HF_ERR_TIMEOUT":           {StatusTimeout, ErrTimeout},
	"HF_ERR_UNAVAILABLE":       {StatusUnavailable, ErrUnavailable},
	"HF_ERR_RATE_LIMITED":      {StatusRateLimited, ErrRateLimited},
	"HF_ERR_CONFLICT":          {StatusConflict, ErrConflict},
	"HF_ERR_TOO_LARGE":         {StatusTooLarge, ErrTooLarge},
	"HF_ERR_PROTOCOL":          {StatusProtocol, ErrProtocol},
	"HF_ERR_UNSUPPORTED":       {StatusUnsupported, ErrUnsupported},
	"HF_ERR_CANCELLED":         {StatusCancelled, ErrCancelled},
	"HF_ERR_INTERNAL":          {StatusInternal, ErrInternal},
	"HF_ERR_IO":                {StatusIO, ErrIO},
}

// failed gives the error of a C call that ended with this status and no error object. The types are inferred, because
// a test cannot name those of C.
func failed[S ~int32, E any](newError func(S, E) error, status Status) error {
	var none E
	return newError(S(status), none)
}

func TestEachStatusMatchesItsOwnSentinelAndNoOther(t *testing.T) {
	for name, row := range sentinels {
		if got := row.status.String(); got != name {
			t.Errorf("the library calls %d %s, and this package %s", row.status, got, name)
		}
		err := fmt.Errorf("wrapped: %w", failed(newError, row.status))
		for other, candidate := range sentinels {
			if errors.Is(err, candidate.sentinel) != (other == name) {
				t.Errorf("errors.Is(%s, the sentinel of %s) is %v", name, other, other != name)
			}
		}
		if errors.Is(err, ErrClosed) {
			t.Errorf("%s counts as ErrClosed", name)
		}
	}
}

func TestEveryStatusThatTheLibraryKnowsHasASentinel(t *testing.T) {
	for status := Status(-1000); status <= 1000; status++ {
		name := status.String()
		row, listed := sentinels[name]
		switch {
		case name == "HF_UNKNOWN" || name == "HF_OK":
			if listed {
				t.Errorf("%s is no failure", name)
			}
		case !listed || row.status != status:
			t.Errorf("%s (%d) has no sentinel", name, status)
		}
	}
	if err := failed(newError, StatusOK); err != nil {
		t.Errorf("HF_OK is the error %v", err)
	}
}
