package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// Fields are names and values for StoreDocument and UpdateDocument. NewFields creates them, Wipe frees them:
//
//	fields := secrets.NewFields().Set("username", []byte("app")).SetJSON("port", []byte("5432"))
//	defer fields.Wipe()
//
// A change that is refused, such as one with an empty name or a text that is not JSON, sets Err. Later changes are then
// ignored, and StoreDocument and UpdateDocument return that error.
//
// The values are copied; the caller wipes its own. Fields print as [redacted], as a Secret does. Any number of
// goroutines may use them at once; a change waits for the calls that use them.
type Fields struct {
	redactedForm
	mu     sync.RWMutex
	handle *C.hf_fields // nil after Wipe
	err    error        // of the first change that was refused
}

// NewFields creates fields, none at first.
func NewFields() *Fields {
	f := &Fields{handle: C.hf_fields_new()}
	runtime.SetFinalizer(f, (*Fields).Wipe)
	return f
}

// Wipe overwrites the values. The Fields cannot be used any more. Wipe may be called again, and on nil.
func (f *Fields) Wipe() {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	runtime.SetFinalizer(f, nil)
	C.hf_fields_free(f.handle)
	f.handle = nil
}

// Set sets a field to a text in UTF-8. A field with the same name is replaced.
func (f *Fields) Set(name string, text []byte) *Fields {
	return f.change(name, text, func(f *C.hf_fields, name, text *C.char, cError **C.hf_error) C.hf_status {
		return C.hf_fields_set(f, name, text, cError)
	})
}

// SetJSON sets a field to a JSON value of any kind, such as 5, true, null or {"a": [1, 2]}, which is sent to the
// letter. KV version 2 keeps numbers as floating point.
func (f *Fields) SetJSON(name string, json []byte) *Fields {
	return f.change(name, json, func(f *C.hf_fields, name, json *C.char, cError **C.hf_error) C.hf_status {
		return C.hf_fields_set_json(f, name, json, cError)
	})
}

// SetBytes sets a field to any bytes. They are stored as a text in base64, which Document.Bytes decodes.
func (f *Fields) SetBytes(name string, data []byte) *Fields {
	copied := newCData(data)
	defer copied.wipe()
	return f.change(name, nil, func(f *C.hf_fields, name, _ *C.char, cError **C.hf_error) C.hf_status {
		return C.hf_fields_set_bytes(f, name, copied.pointer(), copied.length(), cError)
	})
}

// SetObject sets a field for each member of a JSON object, such as one that json.Marshal made of a struct. The values
// are sent to the letter. An object that is refused sets none.
func (f *Fields) SetObject(object []byte) *Fields {
	return f.change("", object, func(f *C.hf_fields, _, object *C.char, cError **C.hf_error) C.hf_status {
		return C.hf_fields_set_object(f, object, cError)
	})
}

// Remove marks a field as removed: UpdateDocument deletes it from the secret, StoreDocument does not send it.
func (f *Fields) Remove(name string) *Fields {
	return f.change(name, nil, func(f *C.hf_fields, name, _ *C.char, cError **C.hf_error) C.hf_status {
		return C.hf_fields_remove(f, name, cError)
	})
}

// Err returns the error of the first change that was refused, nil if there was none.
func (f *Fields) Err() error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.err
}

// change calls function with copies of name and value, unless an earlier change was refused.
func (f *Fields) change(
	name string,
	value []byte,
	function func(f *C.hf_fields, name, value *C.char, cError **C.hf_error) C.hf_status,
) *Fields {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = inField(name, f.apply(name, value, function))
	}
	return f
}

func (f *Fields) apply(
	name string,
	value []byte,
	function func(f *C.hf_fields, name, value *C.char, cError **C.hf_error) C.hf_status,
) error {
	if f.handle == nil {
		return fieldsWereWiped()
	}
	cName, err := newCString("field's name", name)
	if err != nil {
		return err
	}
	cValue, err := newCString("value", value)
	if err != nil {
		return err
	}
	defer cValue.wipe()
	var cError *C.hf_error
	return takeError(function(f.handle, cName.pointer(), cValue.pointer(), &cError), cError)
}

// inField puts the name of the field in front of the message.
func inField(name string, err error) error {
	var failure *Error
	if name != "" && errors.As(err, &failure) {
		failure.Message = fmt.Sprintf("the field %q: %s", name, failure.Message)
	}
	return err
}

func fieldsWereWiped() error { return invalidArgument("the fields were wiped") }

// use calls function with the library's fields, or returns Err.
func (f *Fields) use(function func(*C.hf_fields) (outParameters, error)) (outParameters, error) {
	if f == nil {
		return outParameters{}, invalidArgument("the fields are nil; to write none, pass NewFields()")
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	switch {
	case f.err != nil:
		return outParameters{}, f.err
	case f.handle == nil:
		return outParameters{}, fieldsWereWiped()
	}
	return function(f.handle)
}
