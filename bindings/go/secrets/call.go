package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"bytes"
	"context"
	"errors"
	"time"
	"unsafe"
)

// A call passes the deadline and the cancellation of a context to one C call. settings is nil, which means the
// defaults, if the context can neither expire nor be cancelled.
type call struct {
	ctx         context.Context
	settings    *C.hf_call
	hasDeadline bool
	stop        func() bool
	cancelled   chan struct{}
}

// newCall starts a call; the caller calls finish.
func newCall(ctx context.Context) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextError(err)
	}
	deadline, hasDeadline := ctx.Deadline()
	c := &call{ctx: ctx, hasDeadline: hasDeadline}
	if !hasDeadline && ctx.Done() == nil {
		return c, nil
	}
	c.settings = C.hf_call_new()
	if hasDeadline {
		if err := c.setDeadline(deadline); err != nil {
			C.hf_call_free(c.settings)
			return nil, err
		}
	}
	c.watch()
	return c, nil
}

func (c *call) setDeadline(deadline time.Time) error {
	left := time.Until(deadline)
	if left <= 0 {
		return contextError(context.DeadlineExceeded)
	}
	// Rounded up: the library must not give up before the context does.
	milliseconds := (left + time.Millisecond - 1) / time.Millisecond
	var cError *C.hf_error
	return takeError(C.hf_call_set_timeout_ms(c.settings, C.int64_t(milliseconds), &cError), cError)
}

// watch cancels the C call when the context is cancelled. No goroutine exists until then. The library handles the
// deadline itself, and its error says what it was waiting for.
func (c *call) watch() {
	c.cancelled = make(chan struct{})
	c.stop = context.AfterFunc(c.ctx, func() {
		defer close(c.cancelled)
		if c.hasDeadline && errors.Is(c.ctx.Err(), context.DeadlineExceeded) {
			return
		}
		C.hf_call_cancel(c.settings)
	})
}

// finish stops watching, frees the settings and returns err, with the error of the context if the context ended the
// call.
func (c *call) finish(err error) error {
	if c.settings != nil {
		if !c.stop() {
			<-c.cancelled // the watcher is running and uses the settings
		}
		C.hf_call_free(c.settings)
	}
	return attribute(c.ctx, err)
}

// attribute returns err, with the error of the context in it if the context ended the call.
func attribute(ctx context.Context, err error) error {
	var failure *Error
	if errors.As(err, &failure) {
		_, hasDeadline := ctx.Deadline()
		switch {
		case failure.Status == StatusCancelled:
			failure.context = ctx.Err()
		case failure.Status == StatusTimeout && hasDeadline:
			failure.context = context.DeadlineExceeded
		}
	}
	return err
}

// do runs one C function with the context's deadline and cancellation.
func do(ctx context.Context, function func(*C.hf_call, **C.hf_error) C.hf_status) error {
	c, err := newCall(ctx)
	if err != nil {
		return err
	}
	var cError *C.hf_error
	status := function(c.settings, &cError)
	return c.finish(takeError(status, cError))
}

// A cString is a NUL-terminated text in Go memory that C reads during one call and that can be wiped.
type cString []byte

// newCString copies text; name is its name in errors. A text that contains a NUL is refused, because C would truncate
// it.
func newCString[T string | []byte](name string, text T) (cString, error) {
	copied := make(cString, len(text)+1)
	copy(copied, text)
	if bytes.IndexByte(copied[:len(text)], 0) >= 0 {
		copied.wipe()
		return nil, holdsNUL(name)
	}
	return copied, nil
}

func holdsNUL(name string) error {
	return invalidArgument("the " + name + " holds U+0000, which this library cannot carry")
}

// pointer returns the text for C; nil for a nil cString.
func (s cString) pointer() *C.char {
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(s)))
}

func (s cString) wipe() { clear(s) }
