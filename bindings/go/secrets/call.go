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

// A callSetting sets what one C call needs besides the deadline and the cancellation of its context.
type callSetting func(*C.hf_call, **C.hf_error) C.hf_status

// A call passes the deadline and the cancellation of a context, and callSettings, to one C call. settings is nil, which
// means the defaults, if there are none of these.
type call struct {
	ctx         context.Context
	settings    *C.hf_call
	hasDeadline bool
	stop        func() bool
	cancelled   chan struct{}
}

// newCall starts a call; the caller calls finish.
func newCall(ctx context.Context, settings []callSetting) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextError(err)
	}
	settings, err := withTraceParent(ctx, settings)
	if err != nil {
		return nil, err
	}
	if settings, err = withMaxAge(ctx, settings); err != nil {
		return nil, err
	}
	deadline, hasDeadline := ctx.Deadline()
	c := &call{ctx: ctx, hasDeadline: hasDeadline}
	if !hasDeadline && ctx.Done() == nil && len(settings) == 0 {
		return c, nil
	}
	c.settings = C.hf_call_new()
	err = c.set(settings)
	if err == nil && hasDeadline {
		err = c.setDeadline(deadline)
	}
	if err != nil {
		C.hf_call_free(c.settings)
		return nil, err
	}
	c.watch()
	return c, nil
}

func (c *call) set(settings []callSetting) error {
	for _, setting := range settings {
		var cError *C.hf_error
		if err := takeError(setting(c.settings, &cError), cError); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) setDeadline(deadline time.Time) error {
	left := time.Until(deadline)
	if left <= 0 {
		return contextError(context.DeadlineExceeded)
	}
	var cError *C.hf_error
	return takeError(C.hf_call_set_timeout_ms(c.settings, milliseconds(left), &cError), cError)
}

// milliseconds rounds up: the library must not give up before the context does.
func milliseconds(duration time.Duration) C.int64_t {
	whole := duration / time.Millisecond
	if duration%time.Millisecond > 0 {
		whole++
	}
	return C.int64_t(whole)
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

// do runs one C function with the context's deadline and cancellation, and with settings.
func do(
	ctx context.Context,
	function func(*C.hf_call, **C.hf_error) C.hf_status,
	settings ...callSetting,
) error {
	c, err := newCall(ctx, settings)
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

// cData are bytes in Go memory that C reads during one call. They are a copy: bytes of the caller may be part of an
// object with pointers in it, which cgo does not pass to C.
type cData []byte

func newCData(data []byte) cData { return bytes.Clone(data) }

// pointer returns the bytes for C; nil may be returned if there are none.
func (d cData) pointer() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(d)) }

func (d cData) length() C.size_t { return C.size_t(len(d)) }

func (d cData) wipe() { clear(d) }
