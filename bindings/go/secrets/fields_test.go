package secrets_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

func TestUpdateOfADocumentChangesWhatItNamesAndKeepsTheRest(t *testing.T) {
	manager := openVault(t)
	fields := secrets.NewFields().Set("a", []byte("1")).Set("b", []byte("2")).Set("c", []byte("3"))
	metadata := secrets.WithMetadata(map[string]string{"owner": "billing"})
	reference := mustStoreDocument(t, manager, "db", fields, metadata)

	changes := secrets.NewFields().Set("a", []byte("new")).Remove("b").Remove("never there").SetJSON("d", []byte("4"))
	defer changes.Wipe()
	version, err := manager.UpdateDocument(background, reference, changes)
	if err != nil || version != 2 {
		t.Fatalf("version %d, %v", version, err)
	}
	document := mustGetDocument(t, manager, reference)
	const want = `{"a":"new","c":"3","d":4,"metadata":{"owner":"billing"}}`
	if got := reveal(t)(document.Object()); got != want {
		t.Fatalf("got %s", got)
	}

	none := secrets.NewFields()
	defer none.Wipe()
	if _, err := manager.UpdateDocument(background, reference, none, secrets.WithMetadata(nil)); err != nil {
		t.Fatal(err)
	}
	document = mustGetDocument(t, manager, reference)
	if len(document.Metadata()) != 0 || document.Kind("c") != secrets.KindString {
		t.Fatalf("the names are %q", document.Names())
	}
	_, err = manager.UpdateDocument(background, "vault://missing", changes)
	wantError(t, err, secrets.ErrNotFound)
}

func TestStoreOfADocumentReplacesAllOfIt(t *testing.T) {
	manager := openVault(t)
	first := secrets.NewFields().Set("a", []byte("1"))
	mustStoreDocument(t, manager, "db", first, secrets.WithMetadata(map[string]string{"owner": "billing"}))
	second := secrets.NewFields().Set("b", []byte("2"))
	defer second.Wipe()
	reference, version, err := manager.StoreDocument(background, "db", second)
	if err != nil || reference != "vault://db" || version != 2 {
		t.Fatalf("%q, version %d, %v", reference, version, err)
	}
	if got := reveal(t)(mustGetDocument(t, manager, reference).Object()); got != `{"b":"2"}` {
		t.Fatalf("got %s", got)
	}
	if got := reveal(t)(mustGetDocument(t, manager, reference+"?version=1").Text("a")); got != "1" {
		t.Fatalf("got %s", got)
	}
}

func TestConditionalWriteOfAnotherVersionIsErrConflict(t *testing.T) {
	manager := openVault(t)
	fields := secrets.NewFields().Set("value", []byte("documents"))
	defer fields.Wipe()
	store := func(version int64) error {
		_, _, err := manager.StoreDocument(background, "db", fields, secrets.WithCAS(version))
		return err
	}
	update := func(version int64) error {
		_, err := manager.UpdateDocument(background, "vault://db", fields, secrets.WithCAS(version))
		return err
	}
	storeSecret := func(version int64) error {
		_, err := manager.Store(background, "db", []byte("x"), secrets.WithCAS(version))
		return err
	}
	updateSecret := func(version int64) error {
		return manager.Update(background, "vault://db", []byte("x"), secrets.WithCAS(version))
	}
	if err := store(0); err != nil {
		t.Fatal(err)
	}
	for latest, write := range []func(int64) error{store, update, storeSecret, updateSecret} {
		version := int64(latest + 1)
		wantError(t, write(0), secrets.ErrConflict)
		wantError(t, write(version+1), secrets.ErrConflict)
		wantError(t, write(-2), secrets.ErrInvalidArgument)
		if got := mustGetDocument(t, manager, "vault://db").Version(); got != version {
			t.Fatalf("version %d, want %d", got, version)
		}
		if err := write(version); err != nil {
			t.Fatal(err)
		}
	}
	if err := update(-1); err != nil { // no condition
		t.Fatal(err)
	}
}

func TestCancellingTheContextEndsAConditionalWriteThatWaits(t *testing.T) {
	manager, proxy := openStalled(t)
	fields := secrets.NewFields().Set("value", nil)
	defer fields.Wipe()
	ctx, cancel := context.WithCancel(background)
	failed := make(chan error)
	go func() {
		_, _, err := manager.StoreDocument(ctx, "key", fields, secrets.WithCAS(0))
		failed <- err
	}()
	eventually(t, "the request", func() bool { return proxy.held.Load() > 0 })
	cancel()
	wantError(t, <-failed, secrets.ErrCancelled, context.Canceled)
}

func TestRefusedChangeOfFieldsNamesTheFieldAndWritesNothing(t *testing.T) {
	manager := openEnv(t)
	wiped := secrets.NewFields().Set("value", nil)
	wiped.Wipe()
	wiped.Wipe()
	for names, fields := range map[string]*secrets.Fields{
		`the field "port"`:   secrets.NewFields().SetJSON("port", []byte(`{"s3cr3t`)),
		`the field "json"`:   secrets.NewFields().SetJSON("json", nil),
		`the field "text"`:   secrets.NewFields().Set("text", []byte("s3cr3t\x00")),
		`the field "latin1"`: secrets.NewFields().Set("latin1", []byte("s3cr3t\xff")),
		"U+0000":             secrets.NewFields().SetBytes("nul\x00", nil),
		"name":               secrets.NewFields().Set("", []byte("s3cr3t")),
		"object":             secrets.NewFields().SetObject([]byte(`["s3cr3t"]`)),
		"wiped":              wiped.Remove("value"),
	} {
		refused := fields.Err()
		wantError(t, refused, secrets.ErrInvalidArgument)
		fields.Set("value", []byte("written"))
		_, _, store := manager.StoreDocument(background, "go_fields_refused", fields)
		_, update := manager.UpdateDocument(background, "env://HANDSFREE_SECRET_GO_FIELDS_REFUSED", fields)
		if store != refused || update != refused {
			t.Fatalf("store: %v, update: %v, want %v", store, update, refused)
		}
		if text := refused.Error(); !strings.Contains(text, names) || strings.Contains(text, "s3cr3t") {
			t.Fatalf("the message is %q, want %q in it", text, names)
		}
		fields.Wipe()
	}
	_, _, err := manager.StoreDocument(background, "go_fields_refused", nil)
	wantError(t, err, secrets.ErrInvalidArgument)
	_, err = manager.Get(background, "env://HANDSFREE_SECRET_GO_FIELDS_REFUSED")
	wantError(t, err, secrets.ErrNotFound)
	var none *secrets.Fields
	none.Wipe()
}

func TestFieldsAreUsedByManyCallsAndWipedWhenTheyHaveEnded(t *testing.T) {
	manager, proxy := openStalled(t)
	fields := secrets.NewFields().Set("value", []byte("x"))
	ctx, cancel := context.WithCancel(background)
	failed := make(chan error)
	for call := 0; call < 2; call++ {
		go func() {
			_, err := manager.UpdateDocument(ctx, "vault://key", fields)
			failed <- err
		}()
	}
	eventually(t, "two calls to run", func() bool { return proxy.held.Load() == 2 })
	wiped := make(chan struct{})
	go func() {
		fields.Wipe()
		close(wiped)
	}()
	select {
	case <-wiped:
		t.Error("the fields were wiped while calls used them")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	for call := 0; call < 2; call++ {
		wantError(t, <-failed, secrets.ErrCancelled)
	}
	<-wiped
}

func TestEnvHasTheOneFieldValue(t *testing.T) {
	manager := openEnv(t)
	fields := secrets.NewFields().Set("value", []byte("first"))
	defer fields.Wipe()
	reference, version, err := manager.StoreDocument(background, "go_env_document", fields)
	if err != nil || reference != "env://HANDSFREE_SECRET_GO_ENV_DOCUMENT" || version != 0 {
		t.Fatalf("%q, version %d, %v", reference, version, err)
	}
	if _, err := manager.UpdateDocument(background, reference, fields.Set("value", []byte("second"))); err != nil {
		t.Fatal(err)
	}
	document := mustGetDocument(t, manager, reference)
	if names := document.Names(); len(names) != 1 || names[0] != "value" || document.Version() != 0 {
		t.Fatalf("the names are %q, version %d", names, document.Version())
	}
	var got struct{ Value string }
	if err := manager.GetInto(background, reference, &got); err != nil || got.Value != "second" {
		t.Fatalf("%q, %v", got.Value, err)
	}
	results, err := manager.GetDocuments(background, []string{reference, "env://HANDSFREE_SECRET_GO_NO_DOCUMENT"})
	if err != nil || results[0].Err != nil {
		t.Fatalf("%v, %v", results, err)
	}
	defer results[0].Document.Wipe()
	wantError(t, results[1].Err, secrets.ErrNotFound)

	_, _, err = manager.StoreDocument(background, "go_env_document", fields, secrets.WithCAS(0))
	wantError(t, err, secrets.ErrUnsupported)
	_, _, err = manager.StoreDocument(background, "go_env_document", fields.Set("other", nil))
	wantError(t, err, secrets.ErrUnsupported)
}

func TestBytesMayBePartOfAnObjectWithPointers(t *testing.T) {
	object := &struct {
		pointer *int
		digest  [4]byte
	}{pointer: new(int)}
	fields := secrets.NewFields().SetBytes("value", object.digest[:])
	defer fields.Wipe()
	if err := fields.Err(); err != nil {
		t.Fatal(err)
	}
}
