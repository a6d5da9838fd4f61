package secrets_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

func TestEachOfManyItemsHasAnErrorOfItsOwn(t *testing.T) {
	manager, mount := openTransit(t, "derived")
	key := mustOpenKey(t, manager, "derived")
	options := func(context string) []secrets.TransitOption {
		return []secrets.TransitOption{secrets.WithDerivationContext([]byte(context))}
	}
	common := options("customer 1")[0]
	items := []secrets.TransitData{
		{Data: []byte("first")},
		{Data: []byte("a\x00b"), Options: options("customer 2")},
		{Data: []byte("third"), Options: []secrets.TransitOption{secrets.WithKeyVersion(9)}},
		{Data: []byte("fourth"), Options: []secrets.TransitOption{secrets.WithHashAlgorithm("\xff")}},
		{},
	}
	encrypted, err := key.EncryptMany(background, items, common)
	if err != nil || len(encrypted) != len(items) {
		t.Fatalf("%d of %d: %v", len(encrypted), len(items), err)
	}
	texts := make([]secrets.TransitText, len(items))
	for index, result := range encrypted {
		if index == 2 || index == 3 {
			wantError(t, result.Err, secrets.ErrInvalidArgument)
		} else if result.Err != nil {
			t.Fatal(result.Err)
		}
		if (result.Err == nil) != strings.HasPrefix(result.Ciphertext, "vault:v1:") {
			t.Fatalf("%d: %q with the error %v", index, result.Ciphertext, result.Err)
		}
		texts[index] = secrets.TransitText{Ciphertext: result.Ciphertext}
	}
	texts[1].Options = options("customer 2")
	texts[2].Ciphertext, texts[3].Ciphertext = "vault:v1:nonsense", texts[0].Ciphertext+"\x00"
	wrong := secrets.TransitText{Ciphertext: texts[0].Ciphertext, Options: options("customer 3")}
	decryptAll := func(texts []secrets.TransitText) {
		t.Helper()
		results, err := key.DecryptMany(background, append(texts, wrong), common)
		if err != nil {
			t.Fatal(err)
		}
		for index, want := range []string{"first", "a\x00b", "", "", "", ""} {
			secret, err := results[index].Secret, results[index].Err
			if index == 2 || index == 3 || index == 5 {
				if wantError(t, err, secrets.ErrInvalidArgument); secret.Len() != 0 {
					t.Fatalf("%d has an error and data", index)
				}
				continue
			}
			if got := reveal(t)(secret, err); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
	decryptAll(texts)

	mustPost(t, manager, mount+"/keys/derived/rotate", "")
	rewrapped, err := key.RewrapMany(background, texts, common)
	if err != nil {
		t.Fatal(err)
	}
	for index, result := range rewrapped {
		if index == 2 || index == 3 {
			wantError(t, result.Err, secrets.ErrInvalidArgument)
			continue
		}
		if result.Err != nil || !strings.HasPrefix(result.Ciphertext, "vault:v2:") {
			t.Fatalf("%d: %q, %v", index, result.Ciphertext, result.Err)
		}
		texts[index].Ciphertext = result.Ciphertext
	}
	decryptAll(texts)
}

func TestThousandsOfItemsKeepTheirOrder(t *testing.T) {
	manager, _ := openTransit(t, "aes", "ed")
	key := mustOpenKey(t, manager, "aes")
	items := make([]secrets.TransitData, 3000)
	for index := range items {
		items[index].Data = []byte(fmt.Sprint("row ", index))
	}
	encrypted, err := key.EncryptMany(background, items)
	if err != nil {
		t.Fatal(err)
	}
	texts := make([]secrets.TransitText, len(encrypted))
	for index, result := range encrypted {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
		texts[index].Ciphertext = result.Ciphertext
	}
	decrypted, err := key.DecryptMany(background, texts)
	if err != nil {
		t.Fatal(err)
	}
	for index, result := range decrypted {
		if got := reveal(t)(result.Secret, result.Err); got != fmt.Sprint("row ", index) {
			t.Fatalf("%d is %q", index, got)
		}
	}

	if results, err := key.EncryptMany(background, nil); err != nil || len(results) != 0 {
		t.Fatalf("%v, %v", results, err)
	}
	if results, err := key.DecryptMany(background, nil); err != nil || len(results) != 0 {
		t.Fatalf("%v, %v", results, err)
	}
	_, err = mustOpenKey(t, manager, "ed").EncryptMany(background, items[:1])
	wantError(t, err, secrets.ErrUnsupported)
	_, err = key.EncryptMany(background, items[:1], secrets.WithBits(128))
	wantError(t, err, secrets.ErrInvalidArgument)
}
