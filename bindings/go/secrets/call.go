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

// An outParameters has the out-parameters of all C functions, of which each writes some. A call in a queue writes them
// when it is taken, so they are in C memory then. They hold no pointer to Go memory.
type outParameters struct {
	err         *C.hf_error
	manager     *C.hf_manager
	text        *C.char
	bytes       *C.hf_bytes
	list        *C.hf_string_list
	results     *C.hf_results
	document    *C.hf_document
	versions    *C.hf_versions
	lease       *C.hf_lease
	credentials *C.hf_credentials
	transit     *C.hf_transit
	envelope    *C.hf_envelope
	change      *C.hf_change
	number      C.int64_t
	httpStatus  C.int32_t
}

// A cFunction calls one C function that may wait for the server.
type cFunction func(*C.hf_call, *outParameters) C.hf_status

// A call passes the deadline and the cancellation of a context, and callSettings, to one C call. settings is nil, which
// means the defaults, if there are none of these.
type call struct {
	ctx         context.Context
	queue       *queue // the one that it is in; nil without one
	settings    *C.hf_call
	hasDeadline bool
	stop        func() bool
	cancelled   chan struct{}
}

// newCall starts a call, in a queue unless it is nil; the caller calls finish.
func newCall(ctx context.Context, queue *queue, settings []callSetting) (*call, error) {
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
	c := &call{ctx: ctx, queue: queue, hasDeadline: hasDeadline}
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
		if c.queue != nil {
			c.queue.enter()
			defer c.queue.leave()
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

// do runs one C function with the context's deadline and cancellation, and with settings: in the queue, or in this
// thread if queue is nil. What the function has made is owned by the caller.
func do(ctx context.Context, queue *queue, function cFunction, settings ...callSetting) (outParameters, error) {
	if queue == nil {
		c, err := newCall(ctx, nil, settings)
		if err != nil {
			return outParameters{}, err
		}
		var out outParameters
		status := function(c.settings, &out)
		return out, c.finish(takeError(status, out.err))
	}
	c, queued, err := submit(ctx, queue, function, settings)
	if err != nil {
		return outParameters{}, err
	}
	out, status := queued.wait()
	return out, c.finish(takeError(status, out.err))
}

// submit gives a call to a queue.
func submit(
	ctx context.Context, queue *queue, function cFunction, settings []callSetting,
) (*call, *queuedCall, error) {
	queue.enter()
	defer queue.leave()
	queued := queue.newCall()
	c, err := newCall(ctx, queue, append(settings[:len(settings):len(settings)], queued.setting))
	if err != nil {
		queued.forget()
		return nil, nil, err
	}
	queued.submit(c.settings, function)
	return c, queued, nil
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
