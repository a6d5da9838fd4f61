package secrets

// #include <handsfree_secrets.h>
import "C"

import "context"

// A DocumentResult is the outcome of one reference of GetDocuments.
type DocumentResult struct {
	// Document is the document, which the caller wipes; nil if Err is not nil.
	Document *Document
	// Err is the error that GetDocument would return for this reference, such as ErrNotFound if the secret does not
	// exist.
	Err error
}

// GetDocument gets all fields of a secret in one version, or ErrNotFound. Two calls of Get for two fields may see two
// versions. The reference names no field, but may name a version: vault://db?version=3. The env backend has the one
// field "value". The caller wipes the Document when it is no longer needed.
func (m *Manager) GetDocument(ctx context.Context, reference string) (*Document, error) {
	text, err := newCString("reference", reference)
	if err != nil {
		return nil, err
	}
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_get_document(m, text.pointer(), call, &out.document, &out.err)
	})
	if err != nil {
		return nil, err
	}
	return newDocument(out.document), nil
}

// GetInto gets a document and decodes it into v, a pointer to a struct or map of the caller's, with encoding/json:
//
//	var database struct {
//		Username string         `json:"username"`
//		Password secrets.Secret `json:"password"`
//		Port     int            `json:"port"`
//	}
//	err := manager.GetInto(ctx, "vault://db", &database)
//
// The errors are those of GetDocument and of Document.Unmarshal.
func (m *Manager) GetInto(ctx context.Context, reference string, v any) error {
	document, err := m.GetDocument(ctx, reference)
	if err != nil {
		return err
	}
	defer document.Wipe()
	return document.Unmarshal(v)
}

// GetDocuments gets the documents of many secrets, and otherwise works as GetMany does: it returns a DocumentResult for
// each reference, in the order of the references.
func (m *Manager) GetDocuments(ctx context.Context, references []string) ([]DocumentResult, error) {
	texts := newCStrings("reference", len(references), func(index int) string { return references[index] })
	defer texts.free()
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_get_documents(m, texts.pointer(), texts.count(), call, &out.results, &out.err)
	})
	if err != nil {
		return nil, err
	}
	defer C.hf_results_free(out.results)
	results := make([]DocumentResult, len(references))
	for index := range results {
		results[index].Err = errorAt(ctx, out.results, index, texts.refused[index])
		if results[index].Err == nil {
			document := C.hf_document_ref(C.hf_results_document(out.results, C.size_t(index)))
			results[index].Document = newDocument(document)
		}
	}
	return results, nil
}

// StoreDocument writes fields under key, and returns the reference of the secret and the number of the new version,
// which is 0 if there are no versions. A secret that is already there is replaced, with all of its fields and its
// metadata; WithCAS(0) stores only if there is nothing yet. Keys are those of Store.
func (m *Manager) StoreDocument(
	ctx context.Context, key string, fields *Fields, options ...WriteOption,
) (reference string, version int64, err error) {
	w, err := newWrite("key", key, options)
	if err != nil {
		return "", 0, err
	}
	defer w.free()
	out, err := fields.use(func(fields *C.hf_fields) (outParameters, error) {
		return m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
			name := w.name.pointer()
			return C.hf_store_document(m, name, fields, w.metadata, call, &out.text, &out.number, &out.err)
		}, w.settings...)
	})
	if err != nil {
		return "", 0, err
	}
	defer C.hf_free_string(out.text)
	return C.GoString(out.text), int64(out.number), nil
}

// UpdateDocument changes fields of the secret that reference names, or returns ErrNotFound: those that are set are
// added or replaced, removed ones are deleted, and all others stay. The metadata are kept unless WithMetadata is given.
// It returns the number of the new version, which is 0 if there are no versions. Concurrent updates do not overwrite
// each other's fields, except in KV version 1.
func (m *Manager) UpdateDocument(
	ctx context.Context, reference string, fields *Fields, options ...WriteOption,
) (version int64, err error) {
	w, err := newWrite("reference", reference, options)
	if err != nil {
		return 0, err
	}
	defer w.free()
	out, err := fields.use(func(fields *C.hf_fields) (outParameters, error) {
		return m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
			return C.hf_update_document(m, w.name.pointer(), fields, w.metadata, call, &out.number, &out.err)
		}, w.settings...)
	})
	return int64(out.number), err
}
