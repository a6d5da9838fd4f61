package secrets

// #include <handsfree_secrets.h>
// #include <stdlib.h>
import "C"

import (
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// A queue carries calls without a thread for each. One goroutine takes those that have ended, which the runtime's poller
// wakes, and tells the goroutines that wait for them.
type queue struct {
	handle *C.hf_queue
	poller *os.File // a duplicate of the queue's descriptor
	closed chan struct{}
	slots  chan struct{} // as many as goroutines may submit or cancel at once

	mu      sync.Mutex
	users   int // the manager and its watches
	waiting map[C.uintptr_t]chan<- C.hf_status
	lastTag C.uintptr_t

	// What the goroutine that takes calls passes to C.
	takenTag    C.uintptr_t
	takenStatus C.hf_status
}

// queueSlots limits the goroutines that are in a function of a queue. None of them waits there for long, but each has a
// thread meanwhile, and there may be thousands.
const queueSlots = 16

// newQueue creates a queue with one user, who calls drop.
func newQueue(concurrency int) (*queue, error) {
	if int(C.int32_t(concurrency)) != concurrency {
		return nil, invalidArgument("the concurrency of a queue is out of range")
	}
	var handle *C.hf_queue
	var cError *C.hf_error
	if err := takeError(C.hf_queue_new(C.int32_t(concurrency), &handle, &cError), cError); err != nil {
		return nil, err
	}
	poller, err := newPoller(int(C.hf_queue_fd(handle)))
	if err != nil {
		C.hf_queue_free(handle)
		return nil, &Error{Status: StatusTooLarge, Message: "no descriptor for a queue: " + err.Error()}
	}
	q := &queue{
		handle:  handle,
		poller:  poller,
		closed:  make(chan struct{}),
		slots:   make(chan struct{}, queueSlots),
		users:   1,
		waiting: map[C.uintptr_t]chan<- C.hf_status{},
	}
	go q.serve()
	return q, nil
}

// newPoller duplicates a descriptor, which the library keeps, into a file that the runtime polls.
func newPoller(descriptor int) (*os.File, error) {
	syscall.ForkLock.RLock()
	duplicate, err := syscall.Dup(descriptor)
	if err == nil {
		syscall.CloseOnExec(duplicate)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, err
	}
	_ = syscall.SetNonblock(duplicate, true) // which makes it one that is polled
	file := os.NewFile(uintptr(duplicate), "hf_queue")
	if err := file.SetReadDeadline(time.Time{}); err != nil { // it is not polled
		file.Close()
		return nil, err
	}
	return file, nil
}

// hold adds a user, who calls drop. The caller is, or has, a user.
func (q *queue) hold() *queue {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.users++
	return q
}

// drop closes the queue if this was its last user. It does not block.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.users--; q.users == 0 {
		C.hf_queue_close(q.handle)
		close(q.closed)
	}
}

// serve takes calls until the queue is closed, and frees it. Only the end of a thread that looks up a host name for a
// call that was cancelled is waited for.
func (q *queue) serve() {
	connection, err := q.poller.SyscallConn()
	if err == nil {
		_ = connection.Read(q.takeAll)
	}
	<-q.closed
	_ = q.poller.Close()
	C.hf_queue_free(q.handle)
}

// takeAll takes the calls that have ended, and returns whether there will be no more.
func (q *queue) takeAll(uintptr) bool {
	for {
		status := C.hf_queue_next(q.handle, 0, &q.takenTag, &q.takenStatus, nil)
		if status != C.HF_OK {
			return status == C.HF_NOT_FOUND
		}
		q.mu.Lock()
		done := q.waiting[q.takenTag]
		delete(q.waiting, q.takenTag)
		q.mu.Unlock()
		done <- q.takenStatus // it has room
	}
}

// A queuedCall is one call in a queue.
type queuedCall struct {
	queue *queue
	tag   C.uintptr_t
	done  chan C.hf_status
	out   *outParameters // in C memory
}

// enter waits for a slot; the caller calls leave.
func (q *queue) enter() { q.slots <- struct{}{} }

func (q *queue) leave() { <-q.slots }

// newCall prepares a call; the caller calls submit, or forget.
func (q *queue) newCall() *queuedCall {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lastTag++
	c := &queuedCall{queue: q, tag: q.lastTag, done: make(chan C.hf_status, 1)}
	q.waiting[c.tag] = c.done
	return c
}

// setting has the call use the queue.
func (c *queuedCall) setting(call *C.hf_call, cError **C.hf_error) C.hf_status {
	return C.hf_call_set_queue(call, c.queue.handle, c.tag, cError)
}

// forget ends a call that is not in the queue.
func (c *queuedCall) forget() {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	delete(c.queue.waiting, c.tag)
}

// submit calls a C function with the setting; the caller calls wait.
func (c *queuedCall) submit(settings *C.hf_call, function cFunction) {
	c.out = (*outParameters)(C.malloc(C.size_t(unsafe.Sizeof(outParameters{}))))
	*c.out = outParameters{}
	if status := function(settings, c.out); status != C.HF_PENDING {
		c.forget()
		c.done <- status
	}
}

// wait waits for the end of the call.
func (c *queuedCall) wait() (outParameters, C.hf_status) {
	defer func() { C.free(unsafe.Pointer(c.out)) }()
	status := <-c.done
	return *c.out, status
}
