package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"sync"
)

// envelopePiece is how many bytes C gets at once. Pieces of this size are the fastest.
const envelopePiece = 32 * 1024

// EncryptEnvelope encrypts data of any size in the program, with a data key of the server, and returns the envelope:
// the wrapped data key and the encrypted data. A data key is kept for other envelopes (VAULT_DATA_KEY_MAX_AGE,
// VAULT_DATA_KEY_MAX_USES), so most calls send no request. It takes WithDerivationContext (4096 bytes at most) and
// WithAssociatedData (65,535 bytes at most). The derivation context stands in the envelope, readable by everybody.
// EnvelopeWriter needs less memory.
func (t *Transit) EncryptEnvelope(ctx context.Context, data []byte, options ...TransitOption) ([]byte, error) {
	copied := newCData(data)
	defer copied.wipe()
	out, err := t.blocking(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_envelope_encrypt(
			c.key, copied.pointer(), copied.length(), c.parameters, c.call, &c.out.bytes, &c.out.err)
	})
	if err != nil {
		return nil, err
	}
	return takeBytes(out.bytes).Bytes(), nil
}

// DecryptEnvelope decrypts an envelope. One that was altered, cut off or lengthened, or is of another key, is
// ErrInvalidArgument. It takes WithAssociatedData, with what was given for the encryption, and WithDerivationContext,
// which may be left out. The caller wipes the Secret.
func (t *Transit) DecryptEnvelope(ctx context.Context, envelope []byte, options ...TransitOption) (Secret, error) {
	copied := newCData(envelope)
	out, err := t.blocking(ctx, options, func(c transitCall) C.hf_status {
		return C.hf_envelope_decrypt(c.key, copied.pointer(), copied.length(), c.parameters, c.call, &c.out.bytes, &c.out.err)
	})
	if err != nil {
		return Secret{}, err
	}
	return takeBytes(out.bytes), nil
}

// RewrapEnvelope wraps the data key of an envelope under the latest version of the key. It takes the envelope, or its
// first 8200 bytes, and returns the new header, which takes the place of the first EnvelopeHeaderLength bytes of the
// envelope. It may be longer than the old one.
func (t *Transit) RewrapEnvelope(ctx context.Context, header []byte) ([]byte, error) {
	copied := newCData(header)
	out, err := t.blocking(ctx, nil, func(c transitCall) C.hf_status {
		return C.hf_envelope_rewrap(c.key, copied.pointer(), copied.length(), c.call, &c.out.bytes, &c.out.err)
	})
	if err != nil {
		return nil, err
	}
	return takeBytes(out.bytes).Bytes(), nil
}

// EnvelopeHeaderLength returns the length of the header at the start of an envelope, of which it needs at most the
// first 8200 bytes. It does not check the header otherwise; RewrapEnvelope does.
func EnvelopeHeaderLength(envelope []byte) (int, error) {
	if len(envelope) >= 6 {
		behindKey := 6 + int(binary.BigEndian.Uint16(envelope[4:]))
		if len(envelope) >= behindKey+2 {
			length := behindKey + 2 + int(binary.BigEndian.Uint16(envelope[behindKey:]))
			if len(envelope) >= length {
				return length, nil
			}
		}
	}
	return 0, invalidArgument("the header of the envelope is cut off, or this is no envelope")
}

// EnvelopeWriter returns a writer that encrypts what is written to it, and writes the envelope to w. It takes the
// options of EncryptEnvelope, and asks for the data key if none is kept.
//
// Close writes the end of the envelope, so its error matters; it does not close w. An envelope that was not closed is
// refused by the decryption. After an error the writer refuses everything with the same error. To give up an envelope,
// so that nobody takes it for a complete one, cancel ctx before Close, which is then ErrCancelled. ctx is that of all
// calls of the writer, and so is its deadline.
//
// Writes of 16 KiB or more are the fastest; a bufio.Writer collects smaller ones. A writer is for one goroutine at a
// time. It may outlive the Transit, but not the Manager.
func (t *Transit) EnvelopeWriter(ctx context.Context, w io.Writer, options ...TransitOption) (io.WriteCloser, error) {
	e := &envelopeWriter{target: w}
	err := e.begin(ctx, t, options, func(c transitCall) C.hf_status {
		return C.hf_envelope_encryptor(c.key, c.parameters, c.call, &c.out.envelope, &c.out.err)
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(e, func(e *envelopeWriter) { e.free() })
	return e, nil
}

// EnvelopeReader returns a reader of the data of the envelope that it reads from r. It takes the options of
// DecryptEnvelope, and asks for the data key with the first Read. The envelope has to end with r.
//
// What Read returns is authentic, but complete only if io.EOF follows: an envelope that was altered, cut off or
// lengthened is ErrInvalidArgument in place of io.EOF. ctx is that of all calls of the reader. Close wipes what was not
// read, and does not close r.
//
// A reader is for one goroutine at a time. It may outlive the Transit, but not the Manager.
func (t *Transit) EnvelopeReader(ctx context.Context, r io.Reader, options ...TransitOption) (io.ReadCloser, error) {
	e := &envelopeReader{source: r}
	err := e.begin(ctx, t, options, func(c transitCall) C.hf_status {
		return C.hf_envelope_decryptor(c.key, c.parameters, c.call, &c.out.envelope, &c.out.err)
	})
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(e, func(e *envelopeReader) { e.free() })
	return e, nil
}

// An envelopeStream is what both directions have in common.
type envelopeStream struct {
	ctx     context.Context
	manager *Manager
	mu      sync.Mutex
	handle  *C.hf_envelope // nil after free
	piece   cData          // what C reads during one call
	err     error          // why the stream has ended
}

func (e *envelopeStream) begin(
	ctx context.Context, t *Transit, options []TransitOption, function func(transitCall) C.hf_status,
) error {
	e.ctx, e.manager = ctx, t.manager
	out, err := t.blocking(ctx, options, function)
	if err != nil {
		return err
	}
	e.handle = out.envelope
	e.piece = make(cData, envelopePiece)
	return nil
}

func (e *envelopeStream) free() {
	C.hf_envelope_free(e.handle)
	e.handle = nil
	e.piece.wipe()
}

// update gives the first length bytes of the piece to the stream.
func (e *envelopeStream) update(length int) (Secret, error) {
	data := e.piece[:length]
	return e.output(func(call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_envelope_update(e.handle, data.pointer(), data.length(), call, &out.bytes, &out.err)
	})
}

func (e *envelopeStream) finish() (Secret, error) {
	return e.output(func(call *C.hf_call, out *outParameters) C.hf_status {
		return C.hf_envelope_finish(e.handle, call, &out.bytes, &out.err)
	})
}

func (e *envelopeStream) output(
	function func(*C.hf_call, *outParameters) C.hf_status,
) (Secret, error) {
	out, err := e.manager.blocking(e.ctx, func(_ *C.hf_manager, call *C.hf_call, out *outParameters) C.hf_status {
		return function(call, out)
	})
	if err != nil {
		return Secret{}, err
	}
	return takeBytes(out.bytes), nil
}

type envelopeWriter struct {
	envelopeStream
	target io.Writer
	closed bool
}

func (e *envelopeWriter) Write(data []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return 0, ErrClosed
	}
	written := 0
	for e.err == nil && written < len(data) {
		length := copy(e.piece, data[written:])
		out, err := e.update(length)
		clear(e.piece[:length])
		if e.err = e.pass(out, err); e.err == nil {
			written += length
		}
	}
	return written, e.err
}

// pass writes what the stream has returned.
func (e *envelopeWriter) pass(out Secret, err error) error {
	if err != nil || out.Len() == 0 {
		return err
	}
	written, err := e.target.Write(out.Bytes())
	if err == nil && written < out.Len() {
		err = io.ErrShortWrite
	}
	return err
}

// Close returns the same each time.
func (e *envelopeWriter) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return e.err
	}
	if e.err == nil {
		e.err = e.pass(e.finish())
	}
	e.closed = true
	runtime.SetFinalizer(e, nil)
	e.free()
	return e.err
}

type envelopeReader struct {
	envelopeStream
	source  io.Reader
	content Secret // the decrypted data of which rest is a part
	rest    []byte // what was not read yet
}

func (e *envelopeReader) Read(buffer []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.handle == nil {
		return 0, ErrClosed
	}
	if len(buffer) == 0 {
		return 0, nil
	}
	for empty := 0; len(e.rest) == 0; {
		if e.err != nil {
			return 0, e.err
		}
		length, err := e.source.Read(e.piece)
		if length > 0 {
			empty = 0
			e.keep(e.update(length))
		} else if empty++; err == nil && empty == 100 {
			err = io.ErrNoProgress
		}
		switch {
		case e.err != nil || err == nil:
		case err != io.EOF:
			e.err = err
		case len(e.rest) > 0: // the end comes after the data
			e.source = ended{}
		default:
			if e.keep(e.finish()); e.err == nil {
				e.err = io.EOF
			}
		}
	}
	length := copy(buffer, e.rest)
	clear(e.rest[:length])
	e.rest = e.rest[length:]
	return length, nil
}

// keep takes what the stream has returned. Nothing is left of what it returned before.
func (e *envelopeReader) keep(content Secret, err error) {
	e.content, e.rest, e.err = content, content.Bytes(), err
}

func (e *envelopeReader) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	runtime.SetFinalizer(e, nil)
	e.content.Wipe()
	e.rest = nil
	e.free()
	return nil
}

// ended is a source that has ended.
type ended struct{}

func (ended) Read([]byte) (int, error) { return 0, io.EOF }
