package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"runtime"
	"sync"
)

// A Transit is a key of the transit engine, with which the server encrypts, decrypts, signs and makes data keys, and
// which it does not give away. Manager.Transit opens it, Close frees it. Any number of goroutines may use one at once;
// its calls are calls of its Manager (WithMaxCalls).
//
// Ciphertexts, signatures and HMACs are texts, such as vault:v1:…, which the program keeps. Data are any bytes, which
// the caller wipes.
//
// The calls have these errors in common: ErrInvalidArgument for an option that the operation does not have, a
// ciphertext that was changed or is of another key, or a wrong context or associated data; ErrUnsupported if the type
// of the key cannot do this, or the version of the key is below min_decryption_version; ErrConfig if the key does not
// exist any more.
type Transit struct {
	manager *Manager
	mu      sync.Mutex
	handle  *C.hf_transit // nil after Close
}

// Transit opens a key of the transit engine at VAULT_TRANSIT_MOUNT, or returns ErrNotFound: no key is made by a
// mistyped name. A token that may not read the key opens it unchecked, unless it may create it, which is
// ErrPermissionDenied. The env backend has no server (ErrUnsupported).
func (m *Manager) Transit(ctx context.Context, key string) (*Transit, error) {
	name, err := newCString("key", key)
	if err != nil {
		return nil, err
	}
	out, err := m.blocking(ctx, func(m *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_transit_open(m, name.pointer(), call, &out.transit, &out.err)
	})
	if err != nil {
		return nil, err
	}
	t := &Transit{manager: m, handle: out.transit}
	runtime.SetFinalizer(t, func(t *Transit) { _ = t.Close() })
	return t, nil
}

// Close frees the key. Running calls continue to their end, later ones return ErrClosed, as they do after the Manager
// was closed. Close sends no request, does not block, and may be called again. It always returns nil; the result is for
// io.Closer.
func (t *Transit) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	runtime.SetFinalizer(t, nil)
	C.hf_transit_free(t.handle)
	t.handle = nil
	return nil
}

// hold returns a reference, which the caller frees.
func (t *Transit) hold() (*C.hf_transit, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.handle == nil {
		return nil, ErrClosed
	}
	return C.hf_transit_ref(t.handle), nil
}

// A transitCall has the arguments that all functions with a key pass to C.
type transitCall struct {
	key        *C.hf_transit
	parameters *C.hf_fields // NULL for none
	call       *C.hf_call
	out        *outParameters
}

// blocking runs a C function that may wait for the server.
func (t *Transit) blocking(
	ctx context.Context, options []TransitOption, function func(transitCall) C.hf_status,
) (outParameters, error) {
	key, err := t.hold()
	if err != nil {
		return outParameters{}, err
	}
	defer C.hf_transit_free(key)
	parameters, err := newParameters(options)
	if err != nil {
		return outParameters{}, err
	}
	defer parameters.wipe()
	return t.manager.blocking(ctx, func(_ *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return function(transitCall{key, parameters.pointer(), call, out})
	})
}

// text is blocking for a C function that returns nothing but a text which is not secret.
func (t *Transit) text(
	ctx context.Context, options []TransitOption, function func(transitCall) C.hf_status,
) (string, error) {
	out, err := t.blocking(ctx, options, function)
	if err != nil {
		return "", err
	}
	defer C.hf_free_string(out.text)
	return C.GoString(out.text), nil
}

// Encrypt encrypts data, and returns the ciphertext. It takes WithDerivationContext, WithAssociatedData and
// WithKeyVersion.
func (t *Transit) Encrypt(ctx context.Context, data []byte, options ...TransitOption) (string, error) {
	copied := newCData(data)
	defer copied.wipe()
	return t.text(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_transit_encrypt(c.key, copied.pointer(), copied.length(), c.parameters, c.call, &c.out.text, &c.out.err)
	})
}

// Decrypt decrypts a ciphertext. It takes WithDerivationContext and WithAssociatedData, with what was given for the
// encryption. The caller wipes the Secret.
func (t *Transit) Decrypt(ctx context.Context, ciphertext string, options ...TransitOption) (Secret, error) {
	cText, err := newCString("ciphertext", ciphertext)
	if err != nil {
		return Secret{}, err
	}
	out, err := t.blocking(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_transit_decrypt(c.key, cText.pointer(), c.parameters, c.call, &c.out.bytes, &c.out.err)
	})
	if err != nil {
		return Secret{}, err
	}
	return takeBytes(out.bytes), nil
}

// Rewrap encrypts the data of a ciphertext under the latest version of the key, and returns the new ciphertext. It
// takes the options of Encrypt. With WithAssociatedData the ciphertext is decrypted and encrypted again, which needs
// the policy for both.
func (t *Transit) Rewrap(ctx context.Context, ciphertext string, options ...TransitOption) (string, error) {
	cText, err := newCString("ciphertext", ciphertext)
	if err != nil {
		return "", err
	}
	return t.text(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_transit_rewrap(c.key, cText.pointer(), c.parameters, c.call, &c.out.text, &c.out.err)
	})
}

// Sign signs data, and returns the signature. It takes WithDerivationContext, WithKeyVersion, WithHashAlgorithm,
// WithSignatureAlgorithm, WithPrehashed and WithMarshalingAlgorithm.
func (t *Transit) Sign(ctx context.Context, data []byte, options ...TransitOption) (string, error) {
	copied := newCData(data)
	defer copied.wipe()
	return t.text(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_transit_sign(c.key, copied.pointer(), copied.length(), c.parameters, c.call, &c.out.text, &c.out.err)
	})
}

// HMAC returns the HMAC of data. Every key can do this. It takes WithKeyVersion and WithHashAlgorithm.
func (t *Transit) HMAC(ctx context.Context, data []byte, options ...TransitOption) (string, error) {
	copied := newCData(data)
	defer copied.wipe()
	return t.text(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_transit_hmac(c.key, copied.pointer(), copied.length(), c.parameters, c.call, &c.out.text, &c.out.err)
	})
}

// Verify returns nil if a signature or an HMAC is that of data, and ErrMismatch if it is that of other data. It takes
// the options of Sign or HMAC, except for WithKeyVersion.
func (t *Transit) Verify(ctx context.Context, data []byte, signature string, options ...TransitOption) error {
	text, err := newCString("signature", signature)
	if err != nil {
		return err
	}
	copied := newCData(data)
	defer copied.wipe()
	_, err = t.blocking(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_transit_verify(
			c.key, copied.pointer(), copied.length(), text.pointer(), c.parameters, c.call, &c.out.err)
	})
	return err
}

// DataKey makes a random key for encryption by the program itself, which the caller wipes. wrapped is the same key,
// encrypted under the key of the engine: the program keeps it beside its data, and Decrypt gives the key back. It takes
// WithBits, WithDerivationContext and WithAssociatedData.
func (t *Transit) DataKey(
	ctx context.Context, options ...TransitOption,
) (key Secret, wrapped string, err error) {
	out, err := t.blocking(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_transit_data_key(c.key, c.parameters, c.call, &c.out.bytes, &c.out.text, &c.out.err)
	})
	if err != nil {
		return Secret{}, "", err
	}
	defer C.hf_free_string(out.text)
	return takeBytes(out.bytes), C.GoString(out.text), nil
}

// WrappedDataKey is DataKey without the key itself, which the server does not send.
func (t *Transit) WrappedDataKey(ctx context.Context, options ...TransitOption) (string, error) {
	return t.text(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_transit_data_key(c.key, c.parameters, c.call, nil, &c.out.text, &c.out.err)
	})
}
