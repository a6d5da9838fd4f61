package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unsafe"
)

// A Kind is the JSON kind of a field of a Document.
type Kind int32

// The kinds, with the numbers of the C library. KindAbsent means that there is no such field.
const (
	KindAbsent Kind = iota
	KindString
	KindNumber
	KindBoolean
	KindNull
	KindObject
	KindArray
)

var kindNames = [...]string{"absent", "string", "number", "boolean", "null", "object", "array"}

// String returns the name of the kind, such as "number".
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return "kind " + strconv.Itoa(int(k))
	}
	return kindNames[k]
}

// A Document has all fields of one version of a secret. It prints as [redacted], as a Secret does. Any number of
// goroutines may use one at once. Its values are in memory of the library until Wipe, or until the garbage collector
// finds that the Document is not used any more.
type Document struct {
	redactedForm
	mu     sync.RWMutex
	handle *C.hf_document // nil after Wipe
}

// newDocument takes ownership of one reference.
func newDocument(handle *C.hf_document) *Document {
	d := &Document{handle: handle}
	runtime.SetFinalizer(d, (*Document).Wipe)
	return d
}

// Wipe overwrites the document. Secrets that its methods returned are copies, which stay. Wipe may be called again, and
// on nil.
func (d *Document) Wipe() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	runtime.SetFinalizer(d, nil)
	C.hf_document_free(d.handle)
	d.handle = nil
}

// lock returns the library's document, nil after Wipe. It stays valid until unlock.
func (d *Document) lock() *C.hf_document {
	d.mu.RLock()
	return d.handle
}

func (d *Document) unlock() {
	d.mu.RUnlock()
	runtime.KeepAlive(d)
}

// Names returns the names of the fields, sorted: those to iterate over. "metadata" is one of them if there are
// metadata. A document that was wiped has none.
func (d *Document) Names() []string {
	document := d.lock()
	defer d.unlock()
	names := make([]string, C.hf_document_len(document))
	for index := range names {
		names[index] = C.GoString(C.hf_document_name(document, C.size_t(index)))
	}
	return names
}

// Kind returns the kind of the field, KindAbsent if there is none with this name.
func (d *Document) Kind(name string) Kind {
	document := d.lock()
	defer d.unlock()
	_, kind, _ := fieldOf(document, name)
	return kind
}

// Text returns the text of a field: a string as it is, a number or boolean as its JSON. The error is ErrNotFound if
// there is no such field, and ErrUnsupported if it is null, an object or an array. The caller wipes the Secret.
func (d *Document) Text(name string) (Secret, error) {
	document := d.lock()
	defer d.unlock()
	field, kind, err := fieldOf(document, name)
	if err != nil {
		return Secret{}, err
	}
	var length C.size_t
	text := C.hf_document_text(document, field.pointer(), &length)
	switch {
	case text != nil:
		return copyMemory(unsafe.Pointer(text), length), nil
	case kind == KindString:
		return Secret{}, unsupported(fmt.Sprintf("the field %q is not valid Unicode; read it with JSON", name))
	default:
		return Secret{}, unsupported(fmt.Sprintf("the field %q has the kind %v; read it with JSON", name, kind))
	}
}

// JSON returns the JSON of a field, to the letter of the server, or ErrNotFound. The caller wipes the Secret.
func (d *Document) JSON(name string) (Secret, error) {
	document := d.lock()
	defer d.unlock()
	field, _, err := fieldOf(document, name)
	if err != nil {
		return Secret{}, err
	}
	return jsonOf(document, field)
}

// Object returns the whole document as a JSON object, to the letter of the server. The caller wipes the Secret.
func (d *Document) Object() (Secret, error) {
	document := d.lock()
	defer d.unlock()
	if document == nil {
		return Secret{}, wasWiped()
	}
	return jsonOf(document, nil)
}

// jsonOf returns the JSON of a field that exists, of the whole document if field is nil.
func jsonOf(document *C.hf_document, field cString) (Secret, error) {
	var length C.size_t
	text := C.hf_document_json(document, field.pointer(), &length)
	if text == nil {
		return Secret{}, &Error{Status: StatusTooLarge, Message: "there is not enough memory for the JSON of a field"}
	}
	return copyMemory(unsafe.Pointer(text), length), nil
}

// Bytes decodes a field that is a string in base64: what Fields.SetBytes has stored. The error is ErrNotFound if there
// is no such field, and ErrUnsupported if it is something else. The caller wipes the Secret.
func (d *Document) Bytes(name string) (Secret, error) {
	document := d.lock()
	defer d.unlock()
	field, _, err := fieldOf(document, name)
	if err != nil {
		return Secret{}, err
	}
	var bytes *C.hf_bytes
	var cError *C.hf_error
	if err := takeError(C.hf_document_bytes(document, field.pointer(), &bytes, &cError), cError); err != nil {
		return Secret{}, err
	}
	return takeBytes(bytes), nil
}

// fieldOf returns the name of a field for C, and its kind, or the error that there is no such field.
func fieldOf(document *C.hf_document, name string) (cString, Kind, error) {
	if document == nil {
		return nil, KindAbsent, wasWiped()
	}
	field, err := newCString("field's name", name)
	if err != nil {
		return nil, KindAbsent, err
	}
	kind := Kind(C.hf_document_kind(document, field.pointer()))
	if kind == KindAbsent {
		message := fmt.Sprintf("the document has no field %q", name)
		return nil, KindAbsent, &Error{Status: StatusNotFound, Message: message}
	}
	return field, kind, nil
}

func wasWiped() error { return invalidArgument("the document was wiped") }

func unsupported(message string) error {
	return &Error{Status: StatusUnsupported, Message: message}
}

// Unmarshal decodes the document into v, a pointer to a struct or map of the caller's, with encoding/json. A field of
// type Secret takes a string, and does not print it. Strings in v cannot be wiped.
//
// If a field does not fit, the error is ErrUnsupported, and v may be filled in part. The error names the field, and
// holds no value, unlike those of encoding/json.
func (d *Document) Unmarshal(v any) error {
	object, err := d.Object()
	if err != nil {
		return err
	}
	defer object.Wipe()
	return unmarshalError(json.Unmarshal(object.Bytes(), v), v)
}

// unmarshalError converts an error of encoding/json, whose text and fields may show a value.
func unmarshalError(err error, v any) error {
	var notPointer *json.InvalidUnmarshalError
	var misfit *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &notPointer):
		return invalidArgument(fmt.Sprintf("a document is decoded into a pointer that is not nil; this is %T", v))
	case errors.As(err, &misfit) && misfit.Field != "":
		return unsupported(fmt.Sprintf("the field %q of the document does not fit the type %v", misfit.Field, misfit.Type))
	default:
		return unsupported(fmt.Sprintf("the document does not fit the type %T, or a method that decodes a field failed", v))
	}
}

// Metadata returns the metadata that were stored beside the value or the fields, an empty map if there are none. Values
// that are not strings are their JSON. Entries with U+0000 are left out.
func (d *Document) Metadata() map[string]string {
	document := d.lock()
	defer d.unlock()
	return copyMetadata(C.hf_document_metadata(document))
}

// Version returns the number of the version, which WithCAS takes; 0 if there are no versions (KV version 1, env).
func (d *Document) Version() int64 {
	document := d.lock()
	defer d.unlock()
	return int64(C.hf_document_version(document))
}

// Created returns when the version was created, the zero Time if the server does not tell.
func (d *Document) Created() time.Time {
	document := d.lock()
	defer d.unlock()
	return parseTime(C.hf_document_created(document))
}

// Age returns how old the server's answer is that the document was made of; 0 if the server answered this call.
func (d *Document) Age() time.Duration {
	document := d.lock()
	defer d.unlock()
	return time.Duration(C.hf_document_age_ms(document)) * time.Millisecond
}

// parseTime returns the zero Time for an empty text.
func parseTime(text *C.char) time.Time {
	parsed, _ := time.Parse(time.RFC3339Nano, C.GoString(text))
	return parsed
}
