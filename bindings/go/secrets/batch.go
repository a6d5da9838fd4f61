package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"bytes"
	"context"
	"runtime"
	"unsafe"
)

// A Result is the outcome of one reference of GetMany, or of one item of DecryptMany.
type Result struct {
	// Secret is the value, or the data that were decrypted, which the caller wipes; the zero Secret if Err is not nil.
	Secret Secret
	// Err is the error that Get or Decrypt would return for this item, such as ErrNotFound if the secret does not
	// exist.
	Err error
}

// An Item is one secret for StoreMany.
type Item struct {
	// Key is a key as for Store.
	Key string
	// Value is the value, which the caller wipes. It is not a Secret: fmt prints it.
	Value []byte
}

// A Stored is the outcome of one item of StoreMany.
type Stored struct {
	// Reference is the reference of the secret; empty if Err is not nil.
	Reference string
	// Err is the error that Store would return for this item.
	Err error
}

// GetMany gets the values that many references name. It keeps up to VAULT_LIST_CONCURRENCY requests (8 by default) in
// flight, from one thread, and counts as one call for WithMaxCalls. It returns a Result for each reference, in the
// order of the references. The deadline of ctx applies to the whole call.
//
// The error is about the call as a whole, such as ErrClosed; there are no results then. It is nil if single references
// failed: check the Err of each Result.
func (m *Manager) GetMany(ctx context.Context, references []string) ([]Result, error) {
	texts := newCStrings("reference", len(references), func(index int) string { return references[index] })
	defer texts.free()
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_get_secrets(m, texts.pointer(), texts.count(), call, &out.results, &out.err)
	})
	if err != nil {
		return nil, err
	}
	defer C.hf_results_free(out.results)
	results := make([]Result, len(references))
	for index := range results {
		results[index].Err = errorAt(ctx, out.results, index, texts.refused[index])
		if results[index].Err == nil {
			results[index].Secret = copySecret(C.hf_results_text(out.results, C.size_t(index)))
		}
	}
	return results, nil
}

// StoreMany stores many values, without metadata, and otherwise works as GetMany does: it returns a Stored for each
// item, in the order of the items. If two keys name the same secret, either value may be the one that stays.
func (m *Manager) StoreMany(ctx context.Context, items []Item) ([]Stored, error) {
	keys := newCStrings("key", len(items), func(index int) string { return items[index].Key })
	defer keys.free()
	values := newCStrings("value", len(items), func(index int) []byte { return items[index].Value })
	defer values.free()
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_store_secrets(m, keys.pointer(), values.pointer(), keys.count(), call, &out.results, &out.err)
	})
	if err != nil {
		return nil, err
	}
	defer C.hf_results_free(out.results)
	stored := make([]Stored, len(items))
	for index := range stored {
		refused := keys.refused[index]
		if refused == nil {
			refused = values.refused[index]
		}
		stored[index].Err = errorAt(ctx, out.results, index, refused)
		stored[index].Reference = C.GoString(C.hf_results_text(out.results, C.size_t(index)))
	}
	return stored, nil
}

// errorAt returns the error of one result: refused, if the item was not passed to C.
func errorAt(ctx context.Context, list *C.hf_results, index int, refused error) error {
	if refused != nil {
		return refused
	}
	at := C.size_t(index)
	return attribute(ctx, newError(C.hf_results_status(list, at), C.hf_results_error(list, at)))
}

// cStrings are texts or bytes that C reads during one call. They are in one block of Go memory, which is pinned,
// because C gets pointers into it, and wiped at the end.
type cStrings struct {
	memory   []byte
	pointers []*C.char     // nil for an item that was refused, which makes C leave it alone
	lengths  []C.size_t    // without the NUL that follows each item
	refused  map[int]error // by index
	pinner   runtime.Pinner
}

// newCStrings copies count texts; the caller calls free. name is the name of a text in errors. A text that holds a NUL,
// which would cut it short unnoticed, is refused.
func newCStrings[T string | []byte](name string, count int, text func(int) T) *cStrings {
	s := newCBytes(count, text)
	for index, pointer := range s.pointers {
		copied := unsafe.Slice((*byte)(unsafe.Pointer(pointer)), s.lengths[index])
		if bytes.IndexByte(copied, 0) >= 0 {
			s.refuse(index, holdsNUL(name))
		}
	}
	return s
}

// newCBytes copies count items of any bytes; the caller calls free.
func newCBytes[T string | []byte](count int, item func(int) T) *cStrings {
	size := 0
	for index := 0; index < count; index++ {
		size += len(item(index)) + 1
	}
	s := &cStrings{
		memory:   make([]byte, size),
		pointers: make([]*C.char, count),
		lengths:  make([]C.size_t, count),
		refused:  map[int]error{},
	}
	if count == 0 {
		return s
	}
	s.pinner.Pin(unsafe.SliceData(s.memory))
	rest := s.memory
	for index := range s.pointers {
		length := copy(rest, item(index))
		s.pointers[index] = (*C.char)(unsafe.Pointer(unsafe.SliceData(rest)))
		s.lengths[index] = C.size_t(length)
		rest = rest[length+1:]
	}
	return s
}

// refuse makes C refuse an item, as it does with a null pointer to more than no bytes, and keeps the error to return
// for it.
func (s *cStrings) refuse(index int, err error) {
	s.pointers[index], s.lengths[index] = nil, 1
	s.refused[index] = err
}

func (s *cStrings) pointer() **C.char { return unsafe.SliceData(s.pointers) }

func (s *cStrings) count() C.size_t { return C.size_t(len(s.pointers)) }

// free wipes the items.
func (s *cStrings) free() {
	clear(s.memory)
	s.pinner.Unpin()
}
