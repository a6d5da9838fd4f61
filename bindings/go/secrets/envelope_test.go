package secrets_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// pattern gives data of this length in which no piece is equal to another one.
func pattern(length int) []byte {
	data := make([]byte, length)
	for index := range data {
		data[index] = byte(index ^ index>>8 ^ index>>16*7)
	}
	return data
}

// sealed gives the envelope that a writer makes of data in pieces of this length.
func sealed(t testing.TB, key *secrets.Transit, data []byte, piece int, options ...secrets.TransitOption) []byte {
	t.Helper()
	var envelope bytes.Buffer
	writer, err := key.EnvelopeWriter(background, &envelope, options...)
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		length := min(piece, len(data))
		if written, err := writer.Write(data[:length]); err != nil || written != length {
			t.Fatalf("wrote %d of %d, %v", written, length, err)
		}
		data = data[length:]
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return envelope.Bytes()
}

// opened gives what a reader makes of an envelope, up to its error.
func opened(t testing.TB, key *secrets.Transit, source io.Reader, options ...secrets.TransitOption) ([]byte, error) {
	t.Helper()
	reader, err := key.EnvelopeReader(background, source, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	return io.ReadAll(reader)
}

func TestEnvelopesGiveTheirDataBack(t *testing.T) {
	manager, _ := openTransit(t, "aes", "derived")
	aes, derived := mustOpenKey(t, manager, "aes"), mustOpenKey(t, manager, "derived")
	row, customer := secrets.WithAssociatedData([]byte("row\x005")), secrets.WithDerivationContext([]byte("customer 7"))
	for _, length := range []int{0, 1, 32712, 32713, 100_000} {
		data := pattern(length)
		whole, err := aes.EncryptEnvelope(background, data, row)
		if err != nil {
			t.Fatal(err)
		}
		for _, envelope := range [][]byte{whole, sealed(t, aes, data, 777, row), sealed(t, aes, data, 1<<20, row)} {
			decrypted, err := aes.DecryptEnvelope(background, envelope, row)
			if err != nil || !bytes.Equal(decrypted.Bytes(), data) {
				t.Fatalf("%d bytes became %d, %v", length, decrypted.Len(), err)
			}
			decrypted.Wipe()
			for _, source := range []io.Reader{
				bytes.NewReader(envelope),
				iotest.HalfReader(bytes.NewReader(envelope)),
				iotest.DataErrReader(bytes.NewReader(envelope)),
			} {
				read, err := opened(t, aes, source, row)
				if err != nil || !bytes.Equal(read, data) {
					t.Fatalf("%d bytes became %d, %v", length, len(read), err)
				}
			}
		}
		envelope := sealed(t, derived, data, 1000, customer)
		if read, err := opened(t, derived, bytes.NewReader(envelope)); err != nil || !bytes.Equal(read, data) {
			t.Fatalf("%d bytes became %d, %v", length, len(read), err)
		}
	}
	envelope := sealed(t, aes, []byte("data"), 1)
	if read, err := opened(t, aes, iotest.OneByteReader(bytes.NewReader(envelope))); err != nil || string(read) != "data" {
		t.Fatalf("%q, %v", read, err)
	}
}

func TestEnvelopesAreCopiedByIoCopy(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	data := pattern(300_001)
	var envelope, copied bytes.Buffer
	writer, err := key.EnvelopeWriter(background, &envelope)
	if err != nil {
		t.Fatal(err)
	}
	if length, err := io.Copy(writer, bytes.NewReader(data)); err != nil || length != int64(len(data)) {
		t.Fatalf("%d bytes, %v", length, err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := key.EnvelopeReader(background, &envelope)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if _, err := io.Copy(&copied, reader); err != nil || !bytes.Equal(copied.Bytes(), data) {
		t.Fatalf("%d bytes, %v", copied.Len(), err)
	}
	for range [2]int{} {
		if length, err := reader.Read(make([]byte, 1)); length != 0 || err != io.EOF {
			t.Fatalf("%d bytes, %v", length, err)
		}
	}
}

func TestEnvelopesThatWereChangedAreRefused(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	row, other := secrets.WithAssociatedData([]byte("row 5")), secrets.WithAssociatedData([]byte("row 6"))
	data := pattern(100_000)
	envelope := sealed(t, key, data, 5000, row)
	refused := func(what string, envelope []byte, options ...secrets.TransitOption) {
		t.Helper()
		_, err := key.DecryptEnvelope(background, envelope, options...)
		wantError(t, err, secrets.ErrInvalidArgument)
		read, err := opened(t, key, bytes.NewReader(envelope), options...)
		wantError(t, err, secrets.ErrInvalidArgument)
		if !bytes.HasPrefix(data, read) || len(read) == len(data) {
			t.Fatalf("%s: %d bytes were read", what, len(read))
		}
	}
	header, err := secrets.EnvelopeHeaderLength(envelope)
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{0, 1, 5, header - 1, header, header + 39, header + 40, header + 32768,
		len(envelope) - 16, len(envelope) - 1} {
		refused("cut", envelope[:length], row)
	}
	refused("appended", append(bytes.Clone(envelope), 0), row)
	refused("doubled", append(bytes.Clone(envelope), envelope...), row)
	for _, at := range []int{0, 3, header + 5, header + 50, header + 40_000, len(envelope) - 1} {
		altered := bytes.Clone(envelope)
		altered[at] ^= 1
		refused("altered", altered, row)
	}
	refused("other associated data", envelope, other)
	refused("no associated data", envelope)
	refused("other context", envelope, row, secrets.WithDerivationContext([]byte("customer 8")))
	for _, length := range []int{0, 5, 7, header - 1} {
		_, err := secrets.EnvelopeHeaderLength(envelope[:length])
		wantError(t, err, secrets.ErrInvalidArgument)
		_, err = key.RewrapEnvelope(background, envelope[:length])
		wantError(t, err, secrets.ErrInvalidArgument)
	}
	_, err = key.EncryptEnvelope(background, nil, secrets.WithKeyVersion(1))
	wantError(t, err, secrets.ErrInvalidArgument)
	_, err = key.EnvelopeWriter(background, io.Discard, secrets.WithKeyVersion(1))
	wantError(t, err, secrets.ErrInvalidArgument)
}

func TestRewrappedEnvelopeOutlivesTheOldVersionOfTheKey(t *testing.T) {
	manager, mount := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	data := pattern(50_000)
	old := sealed(t, key, data, 50_000)
	mustPost(t, manager, mount+"/keys/aes/rotate", "")
	header, err := key.RewrapEnvelope(background, old[:8200])
	if err != nil {
		t.Fatal(err)
	}
	length, err := secrets.EnvelopeHeaderLength(old)
	if err != nil || !bytes.Contains(old[:length], []byte("vault:v1:")) || !bytes.Contains(header, []byte("vault:v2:")) {
		t.Fatalf("%q became %q, %v", old[:length], header, err)
	}
	renewed := append(header, old[length:]...)
	mustPost(t, manager, mount+"/keys/aes/config", `{"min_decryption_version": 2}`)
	fresh := mustOpenKey(t, manager, "aes") // without the data keys that were kept
	if read, err := opened(t, fresh, bytes.NewReader(renewed)); err != nil || !bytes.Equal(read, data) {
		t.Fatalf("%d bytes, %v", len(read), err)
	}
	_, err = opened(t, fresh, bytes.NewReader(old))
	wantError(t, err, secrets.ErrUnsupported)
}

func TestClosedEnvelopesRefuseCalls(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	var envelope bytes.Buffer
	writer, err := key.EnvelopeWriter(background, &envelope)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := key.EnvelopeReader(background, &envelope)
	if err != nil {
		t.Fatal(err)
	}
	late, err := key.EnvelopeWriter(background, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	lateReader, err := key.EnvelopeReader(background, bytes.NewReader([]byte("HFE")))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := key.EncryptEnvelope(background, nil)
	if err != nil {
		t.Fatal(err)
	}
	key.Close()
	calls := func() []error {
		_, encrypt := key.EncryptEnvelope(background, nil)
		_, decrypt := key.DecryptEnvelope(background, whole)
		_, rewrap := key.RewrapEnvelope(background, whole)
		_, write := key.EnvelopeWriter(background, io.Discard)
		_, read := key.EnvelopeReader(background, bytes.NewReader(whole))
		return []error{encrypt, decrypt, rewrap, write, read}
	}
	for _, err := range calls() {
		wantError(t, err, secrets.ErrClosed)
	}

	// Streams outlive their key.
	if _, err := writer.Write([]byte("data")); err != nil {
		t.Fatal(err)
	}
	for range [2]int{} {
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err = writer.Write([]byte("data"))
	wantError(t, err, secrets.ErrClosed)
	one := make([]byte, 1)
	if _, err := reader.Read(one); err != nil || one[0] != 'd' {
		t.Fatalf("%q, %v", one, err)
	}
	for range [2]int{} {
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err = reader.Read(one)
	wantError(t, err, secrets.ErrClosed)

	manager.Close()
	_, err = lateReader.Read(one)
	wantError(t, err, secrets.ErrClosed)
	lateReader.Close()
	for range [2]int{} {
		wantError(t, late.Close(), secrets.ErrClosed)
	}
}

func TestCancelledEnvelopeIsNotComplete(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	ctx, cancel := context.WithCancel(background)
	var envelope bytes.Buffer
	writer, err := key.EnvelopeWriter(ctx, &envelope)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(pattern(70_000)); err != nil {
		t.Fatal(err)
	}
	whole := sealed(t, key, pattern(70_000), 70_000)
	reader, err := key.EnvelopeReader(ctx, bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cancel()
	_, err = writer.Write([]byte("more"))
	wantError(t, err, secrets.ErrCancelled, context.Canceled)
	wantError(t, writer.Close(), secrets.ErrCancelled, context.Canceled)
	_, err = reader.Read(make([]byte, 1))
	wantError(t, err, secrets.ErrCancelled, context.Canceled)
	_, err = key.DecryptEnvelope(background, envelope.Bytes())
	wantError(t, err, secrets.ErrInvalidArgument)
	_, err = key.EncryptEnvelope(ctx, nil)
	wantError(t, err, secrets.ErrCancelled, context.Canceled)
}

func TestErrorsOfTheFilesAreReturned(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	broken := errors.New("broken")
	read, write := io.Pipe()
	read.CloseWithError(broken)
	writer, err := key.EnvelopeWriter(background, write)
	if err != nil {
		t.Fatal(err)
	}
	_, err = writer.Write(pattern(100_000))
	wantError(t, err, broken)
	wantError(t, writer.Close(), broken)

	envelope := sealed(t, key, pattern(1000), 1000)
	source := io.MultiReader(bytes.NewReader(envelope), iotest.ErrReader(broken))
	_, err = opened(t, key, source)
	wantError(t, err, broken)
}

func TestEnvelopesMayBeLeftToTheGarbageCollector(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	for round := 0; round < 20; round++ {
		if _, err := key.EnvelopeWriter(background, io.Discard); err != nil {
			t.Fatal(err)
		}
		if _, err := key.EnvelopeReader(background, bytes.NewReader(nil)); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
	}
	if _, err := key.EncryptEnvelope(background, nil); err != nil {
		t.Fatal(err)
	}
}
