package secrets_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// openTransit gives a manager with a transit mount of the test's own, in which there are these keys, and the mount.
func openTransit(t testing.TB, keys ...string) (*secrets.Manager, string) {
	t.Helper()
	s := server(t)
	mount := strings.ToLower(t.Name())
	manager := s.open(t, secrets.WithOption("VAULT_TRANSIT_MOUNT", mount))
	mustPost(t, manager, "sys/mounts/"+mount, `{"type": "transit"}`)
	bodies := map[string]string{
		"aes": "", "derived": `{"derived": true}`, "ed": `{"type": "ed25519"}`,
		"rsa": `{"type": "rsa-2048"}`, "ecdsa": `{"type": "ecdsa-p256"}`,
	}
	for _, key := range keys {
		mustPost(t, manager, mount+"/keys/"+key, bodies[key])
	}
	return manager, mount
}

func mustPost(t testing.TB, manager *secrets.Manager, path, body string) {
	t.Helper()
	response, err := manager.Request(background, "POST", path, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Wipe()
}

func mustOpenKey(t testing.TB, manager *secrets.Manager, name string) *secrets.Transit {
	t.Helper()
	key, err := manager.Transit(background, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { key.Close() })
	return key
}

// must gives the text that a method of a Transit has returned.
func must(t testing.TB) func(string, error) string {
	return func(text string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}

func TestTransitKeyHasToExist(t *testing.T) {
	manager, mount := openTransit(t, "aes")
	for name, want := range map[string]error{
		"missing": secrets.ErrNotFound, "a/b": secrets.ErrInvalidArgument, "a\x00b": secrets.ErrInvalidArgument,
	} {
		key, err := manager.Transit(background, name)
		if wantError(t, err, want); key != nil {
			t.Fatalf("%q was opened", name)
		}
	}
	_, err := manager.Request(background, "GET", mount+"/keys/missing", nil)
	wantError(t, err, secrets.ErrNotFound)

	other := server(t).open(t, secrets.WithOption("VAULT_TRANSIT_MOUNT", "no-such-mount"))
	_, err = other.Transit(background, "aes")
	wantError(t, err, secrets.ErrConfig)
}

func TestWhatWasEncryptedIsDecrypted(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	every := make([]byte, 256)
	for index := range every {
		every[index] = byte(index)
	}
	for _, data := range [][]byte{nil, {}, {0}, []byte("gemischt ü 😀"), every} {
		ciphertext := must(t)(key.Encrypt(background, data))
		if !strings.HasPrefix(ciphertext, "vault:v1:") {
			t.Fatalf("the ciphertext is %q", ciphertext)
		}
		decrypted, err := key.Decrypt(background, ciphertext)
		if err != nil || !bytes.Equal(decrypted.Bytes(), data) {
			t.Fatalf("%x became %x, %v", data, decrypted.Bytes(), err)
		}
		if decrypted.Wipe(); decrypted.Len() != 0 {
			t.Fatal("it was not wiped")
		}
	}
	ciphertext := must(t)(key.Encrypt(background, []byte("data")))
	for _, bad := range []string{"", "nonsense", ciphertext[:len(ciphertext)-8], ciphertext + "\x00"} {
		_, err := key.Decrypt(background, bad)
		wantError(t, err, secrets.ErrInvalidArgument)
		_, err = key.Rewrap(background, bad)
		wantError(t, err, secrets.ErrInvalidArgument)
	}
}

func TestDataMayBePartOfAnObjectWithPointers(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	object := &struct {
		pointer *int
		digest  [4]byte
	}{new(int), [4]byte{1, 2, 3, 4}}
	data := object.digest[:]
	option := secrets.WithAssociatedData(data)
	ciphertext := must(t)(key.Encrypt(background, data, option))
	if got := reveal(t)(key.Decrypt(background, ciphertext, option)); got != string(data) {
		t.Fatalf("got %x", got)
	}
	hmac := must(t)(key.HMAC(background, data))
	if err := key.Verify(background, data, hmac); err != nil {
		t.Fatal(err)
	}
	encrypted, err := key.EncryptMany(background, []secrets.TransitData{{Data: data}})
	if err != nil || encrypted[0].Err != nil {
		t.Fatalf("%v, %v", encrypted, err)
	}
}

func TestTransitOptionsReachTheEngine(t *testing.T) {
	manager, mount := openTransit(t, "aes", "derived")
	key, derived := mustOpenKey(t, manager, "aes"), mustOpenKey(t, manager, "derived")
	row, other := secrets.WithAssociatedData([]byte("row\x005")), secrets.WithAssociatedData([]byte("row\x006"))
	ciphertext := must(t)(key.Encrypt(background, []byte("data"), row))
	if got := reveal(t)(key.Decrypt(background, ciphertext, row)); got != "data" {
		t.Fatalf("got %q", got)
	}
	for _, options := range [][]secrets.TransitOption{nil, {other}} {
		_, err := key.Decrypt(background, ciphertext, options...)
		wantError(t, err, secrets.ErrInvalidArgument)
	}

	customer := secrets.WithDerivationContext([]byte("customer 7"))
	ofCustomer := must(t)(derived.Encrypt(background, []byte("data"), customer))
	if got := reveal(t)(derived.Decrypt(background, ofCustomer, customer)); got != "data" {
		t.Fatalf("got %q", got)
	}
	_, err := derived.Encrypt(background, []byte("data"))
	wantError(t, err, secrets.ErrInvalidArgument)

	mustPost(t, manager, mount+"/keys/aes/rotate", "")
	first := must(t)(key.Encrypt(background, []byte("data"), secrets.WithKeyVersion(1)))
	for text, prefix := range map[string]string{
		first: "vault:v1:",
		must(t)(key.Encrypt(background, []byte("data"))): "vault:v2:",
		must(t)(key.Rewrap(background, first)):           "vault:v2:",
		must(t)(key.Rewrap(background, ciphertext, row)): "vault:v2:",
	} {
		if !strings.HasPrefix(text, prefix) {
			t.Fatalf("%q does not start with %s", text, prefix)
		}
	}
	mustPost(t, manager, mount+"/keys/aes/config", `{"min_decryption_version": 2}`)
	_, err = key.Decrypt(background, first)
	wantError(t, err, secrets.ErrUnsupported)

	for _, option := range []secrets.TransitOption{secrets.WithBits(128), secrets.WithHashAlgorithm("\xff")} {
		_, err := key.Encrypt(background, []byte("data"), option)
		wantError(t, err, secrets.ErrInvalidArgument)
	}
}

func TestSignatureOfOtherDataIsErrMismatch(t *testing.T) {
	manager, _ := openTransit(t, "aes", "ed", "rsa", "ecdsa")
	digest := bytes.Repeat([]byte{7}, 64)
	for _, row := range []struct {
		key     string
		data    []byte
		options []secrets.TransitOption
	}{
		{"ed", []byte("document"), nil},
		{"rsa", []byte("document"), []secrets.TransitOption{
			secrets.WithHashAlgorithm("sha2-512"), secrets.WithSignatureAlgorithm("pkcs1v15"),
		}},
		{"rsa", digest, []secrets.TransitOption{secrets.WithHashAlgorithm("sha2-512"), secrets.WithPrehashed()}},
		{"ecdsa", []byte("document"), []secrets.TransitOption{secrets.WithMarshalingAlgorithm("jws")}},
	} {
		key := mustOpenKey(t, manager, row.key)
		signature := must(t)(key.Sign(background, row.data, row.options...))
		if !strings.HasPrefix(signature, "vault:v1:") {
			t.Fatalf("%s made %q", row.key, signature)
		}
		if err := key.Verify(background, row.data, signature, row.options...); err != nil {
			t.Fatalf("%s: %v", row.key, err)
		}
		another := bytes.Clone(row.data)
		another[0]++
		err := key.Verify(background, another, signature, row.options...)
		if wantError(t, err, secrets.ErrMismatch); errors.Is(err, secrets.ErrInvalidArgument) {
			t.Fatalf("%s: %v", row.key, err)
		}
	}

	key := mustOpenKey(t, manager, "aes")
	hash := secrets.WithHashAlgorithm("sha2-512")
	hmac := must(t)(key.HMAC(background, []byte("document"), hash))
	if err := key.Verify(background, []byte("document"), hmac, hash); err != nil {
		t.Fatal(err)
	}
	wantError(t, key.Verify(background, []byte("another"), hmac, hash), secrets.ErrMismatch)
	wantError(t, key.Verify(background, []byte("document"), "nonsense"), secrets.ErrInvalidArgument)
	wantError(t, key.Verify(background, []byte("document"), hmac+"\x00"), secrets.ErrInvalidArgument)
	_, err := key.Sign(background, []byte("document"))
	wantError(t, err, secrets.ErrUnsupported)
}

func TestDataKeyIsUnwrappedByDecrypt(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	row := secrets.WithAssociatedData([]byte("row 5"))
	for bits, options := range map[int][]secrets.TransitOption{256: {row}, 512: {row, secrets.WithBits(512)}} {
		plain, wrapped, err := key.DataKey(background, options...)
		if err != nil || plain.Len() != bits/8 {
			t.Fatalf("%d bytes, %v", plain.Len(), err)
		}
		if got := reveal(t)(key.Decrypt(background, wrapped, row)); got != plain.Reveal() {
			t.Fatal("it is another key")
		}
		plain.Wipe()
		wrapped = must(t)(key.WrappedDataKey(background, options...))
		if got := reveal(t)(key.Decrypt(background, wrapped, row)); len(got) != bits/8 {
			t.Fatalf("%d bytes", len(got))
		}
	}
	plain, wrapped, err := key.DataKey(background, secrets.WithBits(7))
	if wantError(t, err, secrets.ErrInvalidArgument); plain.Len() != 0 || wrapped != "" {
		t.Fatal("there is a key")
	}
}

func TestClosedTransitRefusesCalls(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	key := mustOpenKey(t, manager, "aes")
	ciphertext := must(t)(key.Encrypt(background, []byte("data")))
	calls := func(ctx context.Context, key *secrets.Transit) []error {
		_, encrypt := key.Encrypt(ctx, nil)
		_, decrypt := key.Decrypt(ctx, ciphertext)
		_, rewrap := key.Rewrap(ctx, ciphertext)
		_, sign := key.Sign(ctx, nil)
		_, hmac := key.HMAC(ctx, nil)
		_, _, dataKey := key.DataKey(ctx)
		_, wrapped := key.WrappedDataKey(ctx)
		_, encryptMany := key.EncryptMany(ctx, []secrets.TransitData{{}})
		_, decryptMany := key.DecryptMany(ctx, []secrets.TransitText{{}})
		_, rewrapMany := key.RewrapMany(ctx, []secrets.TransitText{{}})
		return []error{encrypt, decrypt, rewrap, sign, hmac, dataKey, wrapped, encryptMany, decryptMany, rewrapMany,
			key.Verify(ctx, nil, "x")}
	}
	cancelled, cancel := context.WithCancel(background)
	cancel()
	for _, err := range calls(cancelled, key) {
		wantError(t, err, secrets.ErrCancelled, context.Canceled)
	}
	second := mustOpenKey(t, manager, "aes")
	for range [2]int{} {
		if err := key.Close(); err != nil {
			t.Fatal(err)
		}
	}
	manager.Close()
	for _, closed := range []*secrets.Transit{key, second, new(secrets.Transit)} {
		for _, err := range calls(background, closed) {
			wantError(t, err, secrets.ErrClosed)
		}
	}
	_, err := manager.Transit(background, "aes")
	wantError(t, err, secrets.ErrClosed)
}

func TestTransitMayBeClosedWhileOthersUseIt(t *testing.T) {
	manager, _ := openTransit(t, "aes")
	for round := 0; round < 5; round++ {
		key := mustOpenKey(t, manager, "aes")
		var group sync.WaitGroup
		for worker := 0; worker < 4; worker++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for {
					_, err := key.Encrypt(background, []byte("data"))
					if errors.Is(err, secrets.ErrClosed) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			}()
		}
		key.Close()
		group.Wait()
	}
}

func TestEnvHasNoTransit(t *testing.T) {
	_, err := openEnv(t).Transit(background, "aes")
	wantError(t, err, secrets.ErrUnsupported)
}
