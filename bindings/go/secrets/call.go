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

// A call carries a context's deadline and cancellation into one C call. settings is nil, which C reads as "defaults",
// where the context can neither expire nor be cancelled.
type call struct {
	ctx         context.Context
	settings    *C.hf_call
	hasDeadline bool
	stop        func() bool
	cancelled   chan struct{}
}

// newCall begins a call; finish has to end it.
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

// watch cancels the C call when the context is cancelled. No goroutine exists until that happens. A deadline that
// passes is left to the library, which knows it and says what it was waiting for.
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

// finish ends the watching, frees the settings and gives err, attributed to the context where that is why.
func (c *call) finish(err error) error {
	if c.settings != nil {
		if !c.stop() {
			<-c.cancelled // the watcher is at work and still needs the settings
		}
		C.hf_call_free(c.settings)
	}
	return attribute(c.ctx, err)
}

// attribute gives err, with the error of the context in it where the context is why.
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

// A cString is a text with its final NUL in memory of Go's, which C may read during one call, and which can be wiped.
type cString []byte

// newCString copies text; name is what the error calls it. A NUL would cut the text short unnoticed, so it is refused.
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

// pointer gives what C reads; nil for a nil cString.
func (s cString) pointer() *C.char {
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(s)))
}

func (s cString) wipe() { clear(s) }
