package secrets

// #include <handsfree_secrets.h>
import "C"

import "strconv"

// A TransitOption of the methods of Transit, each of which says what it takes. Others are ErrInvalidArgument.
type TransitOption func(*parameters)

// parameters are the parameters of one call or item, by the names of the engine; nil for none.
type parameters struct{ fields *Fields }

// WithDerivationContext gives the context from which the engine derives the key: bytes that a key with "derived" needs,
// such as the customer's number. It has nothing to do with a context.Context.
func WithDerivationContext(context []byte) TransitOption {
	return func(p *parameters) { p.fields.SetBytes("context", context) }
}

// WithAssociatedData authenticates bytes along with the data, such as the number of the row that the ciphertext belongs
// to. They are not part of the ciphertext: the decryption needs the same.
func WithAssociatedData(data []byte) TransitOption {
	return func(p *parameters) { p.fields.SetBytes("associated_data", data) }
}

// WithKeyVersion uses this version of the key, not the latest.
func WithKeyVersion(version int) TransitOption {
	return func(p *parameters) { p.fields.SetJSON("key_version", strconv.AppendInt(nil, int64(version), 10)) }
}

// WithHashAlgorithm chooses the hash of a signature or an HMAC, such as sha2-512.
func WithHashAlgorithm(name string) TransitOption {
	return func(p *parameters) { p.fields.Set("hash_algorithm", []byte(name)) }
}

// WithSignatureAlgorithm chooses the form of RSA signatures: pss or pkcs1v15.
func WithSignatureAlgorithm(name string) TransitOption {
	return func(p *parameters) { p.fields.Set("signature_algorithm", []byte(name)) }
}

// WithPrehashed says that the data are a hash already, made by the algorithm of WithHashAlgorithm.
func WithPrehashed() TransitOption {
	return func(p *parameters) { p.fields.SetJSON("prehashed", []byte("true")) }
}

// WithMarshalingAlgorithm chooses the form of ECDSA signatures: asn1 or jws.
func WithMarshalingAlgorithm(name string) TransitOption {
	return func(p *parameters) { p.fields.Set("marshaling_algorithm", []byte(name)) }
}

// WithBits chooses the length of a data key: 128, 256 or 512; the default is 256.
func WithBits(bits int) TransitOption {
	return func(p *parameters) { p.fields.SetJSON("bits", strconv.AppendInt(nil, int64(bits), 10)) }
}

// newParameters creates parameters; the caller calls wipe.
func newParameters(options []TransitOption) (*parameters, error) {
	if len(options) == 0 {
		return nil, nil
	}
	p := &parameters{fields: NewFields()}
	for _, option := range options {
		option(p)
	}
	if err := p.fields.Err(); err != nil {
		p.wipe()
		return nil, err
	}
	return p, nil
}

// wipe frees the parameters. They may be nil.
func (p *parameters) wipe() {
	if p != nil {
		p.fields.Wipe()
	}
}

// pointer returns the library's fields, which are valid until wipe; NULL for none.
func (p *parameters) pointer() *C.hf_fields {
	if p == nil {
		return nil
	}
	return p.fields.handle
}
