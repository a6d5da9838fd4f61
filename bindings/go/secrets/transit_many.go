package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"unsafe"
)

// A TransitData is one item of EncryptMany.
type TransitData struct {
	// Data are any bytes, which the caller wipes. They are not a Secret: fmt prints them.
	Data []byte
	// Options take the place of the same options of the call, for this item.
	Options []TransitOption
}

// A TransitText is one item of DecryptMany or RewrapMany.
type TransitText struct {
	// Ciphertext is a ciphertext, such as vault:v1:….
	Ciphertext string
	// Options take the place of the same options of the call, for this item.
	Options []TransitOption
}

// An Encrypted is the outcome of one item of EncryptMany or RewrapMany.
type Encrypted struct {
	// Ciphertext is the ciphertext; empty if Err is not nil.
	Ciphertext string
	// Err is the error that Encrypt or Rewrap would return for this item.
	Err error
}

// EncryptMany encrypts many items: thousands are split into requests that the server takes, up to 8 of which are on
// their way at a time. It returns an Encrypted for each item, in the order of the items, and counts as one call for
// WithMaxCalls. The deadline of ctx applies to the whole call. It takes the options of Encrypt.
//
// The error is about the call as a whole; there are no results then. It is nil if single items failed: check the Err of
// each.
func (t *Transit) EncryptMany(
	ctx context.Context, items []TransitData, options ...TransitOption,
) ([]Encrypted, error) {
	data := newCBytes(len(items), func(index int) []byte { return items[index].Data })
	defer data.free()
	own := newItemParameters(data, func(index int) []TransitOption { return items[index].Options })
	defer own.free()
	return t.encrypted(ctx, data, options, func(c transitCall) C.hf_status {
		pointers := (*unsafe.Pointer)(unsafe.Pointer(data.pointer()))
		lengths := unsafe.SliceData(data.lengths)
		return C.hf_transit_encrypt_many(
			c.key, pointers, lengths, data.count(), c.parameters, own.pointer(), c.call, &c.out.results, &c.out.err)
	})
}

// RewrapMany encrypts the data of many ciphertexts under the latest version of the key, and otherwise works as
// EncryptMany does.
func (t *Transit) RewrapMany(
	ctx context.Context, items []TransitText, options ...TransitOption,
) ([]Encrypted, error) {
	texts := newCiphertexts(items)
	defer texts.free()
	own := newItemParameters(texts, func(index int) []TransitOption { return items[index].Options })
	defer own.free()
	return t.encrypted(ctx, texts, options, func(c transitCall) C.hf_status {
		return C.hf_transit_rewrap_many(
			c.key, texts.pointer(), texts.count(), c.parameters, own.pointer(), c.call, &c.out.results, &c.out.err)
	})
}

// DecryptMany decrypts many ciphertexts, and otherwise works as EncryptMany does: it returns a Result for each item, in
// the order of the items. It takes the options of Decrypt.
func (t *Transit) DecryptMany(
	ctx context.Context, items []TransitText, options ...TransitOption,
) ([]Result, error) {
	texts := newCiphertexts(items)
	defer texts.free()
	own := newItemParameters(texts, func(index int) []TransitOption { return items[index].Options })
	defer own.free()
	out, err := t.blocking(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_transit_decrypt_many(
			c.key, texts.pointer(), texts.count(), c.parameters, own.pointer(), c.call, &c.out.results, &c.out.err)
	})
	if err != nil {
		return nil, err
	}
	defer C.hf_results_free(out.results)
	results := make([]Result, len(items))
	for index := range results {
		results[index].Err = errorAt(ctx, out.results, index, texts.refused[index])
		if results[index].Err == nil {
			var length C.size_t
			data := C.hf_results_bytes(out.results, C.size_t(index), &length)
			results[index].Secret = copyMemory(data, length)
		}
	}
	return results, nil
}

// encrypted runs a C function whose results are ciphertexts.
func (t *Transit) encrypted(
	ctx context.Context,
	items *cStrings,
	options []TransitOption,
	function func(transitCall) C.hf_status,
) ([]Encrypted, error) {
	out, err := t.blocking(ctx, options, function)
	if err != nil {
		return nil, err
	}
	defer C.hf_results_free(out.results)
	results := make([]Encrypted, len(items.pointers))
	for index := range results {
		results[index].Err = errorAt(ctx, out.results, index, items.refused[index])
		results[index].Ciphertext = C.GoString(C.hf_results_text(out.results, C.size_t(index)))
	}
	return results, nil
}

func newCiphertexts(items []TransitText) *cStrings {
	return newCStrings("ciphertext", len(items), func(index int) string { return items[index].Ciphertext })
}

// itemParameters are the parameters of each item of a call.
type itemParameters struct {
	all      []*parameters
	pointers []*C.hf_fields // NULL for none
}

// newItemParameters creates the parameters of each item; the caller calls free. An item with options that cannot be set
// is refused.
func newItemParameters(items *cStrings, options func(int) []TransitOption) *itemParameters {
	count := len(items.pointers)
	p := &itemParameters{all: make([]*parameters, count), pointers: make([]*C.hf_fields, count)}
	for index := range p.all {
		own, err := newParameters(options(index))
		if err != nil {
			items.refuse(index, err)
		}
		p.all[index], p.pointers[index] = own, own.pointer()
	}
	return p
}

func (p *itemParameters) pointer() **C.hf_fields { return unsafe.SliceData(p.pointers) }

func (p *itemParameters) free() {
	for _, own := range p.all {
		own.wipe()
	}
}
