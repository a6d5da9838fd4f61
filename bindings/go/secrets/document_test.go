package secrets_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// openVault gives a manager on a KV version 2 mount of the test's own.
func openVault(t testing.TB, options ...secrets.Option) *secrets.Manager {
	t.Helper()
	s := server(t)
	return s.open(t, append(options, secrets.WithMount(s.freshMount(t)))...)
}

func mustStoreDocument(
	t testing.TB, manager *secrets.Manager, key string, fields *secrets.Fields, options ...secrets.WriteOption,
) string {
	t.Helper()
	defer fields.Wipe()
	reference, _, err := manager.StoreDocument(background, key, fields, options...)
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

func mustGetDocument(t testing.TB, manager *secrets.Manager, reference string) *secrets.Document {
	t.Helper()
	document, err := manager.GetDocument(background, reference)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(document.Wipe)
	return document
}

// reveal gives what a method of a Document has returned, as a string.
func reveal(t testing.TB) func(secrets.Secret, error) string {
	return func(secret secrets.Secret, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer secret.Wipe()
		return secret.Reveal()
	}
}

func TestDocumentHasAllFieldsOfOneVersion(t *testing.T) {
	manager := openVault(t)
	write := func(number int) {
		value := []byte(fmt.Sprint(number))
		fields := secrets.NewFields().Set("username", value).Set("password", value)
		defer fields.Wipe()
		if _, _, err := manager.StoreDocument(background, "db", fields); err != nil {
			t.Error(err)
		}
	}
	write(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for number := 1; ; number++ {
			select {
			case <-stop:
				return
			default:
				write(number)
			}
		}
	}()
	seen := map[string]bool{}
	eventually(t, "documents of several versions", func() bool {
		document := mustGetDocument(t, manager, "vault://db")
		username, password := reveal(t)(document.Text("username")), reveal(t)(document.Text("password"))
		if username != password {
			t.Fatalf("a document has %q and %q", username, password)
		}
		seen[username] = true
		return len(seen) == 20
	})
	close(stop)
	<-stopped
}

func TestDocumentTellsNamesKindsAndValues(t *testing.T) {
	manager := openVault(t)
	metadata := map[string]string{"owner": "billing", "": "ü"}
	fields := secrets.NewFields().
		SetObject([]byte(`{"number": 5432, "yes": true, "none": null, "object": {"a": [1]}, "array": []}`)).
		Set("string", []byte("gemischt ü 😀")).Set("empty", nil).
		SetJSON("nul", []byte(`"a\u0000b"`)).SetJSON("lone", []byte(`"\ud800"`)).
		Set("removed", []byte("x")).Remove("removed")
	before := time.Now().Add(-time.Hour)
	document := mustGetDocument(t, manager, mustStoreDocument(t, manager, "db", fields, secrets.WithMetadata(metadata)))

	want := []struct {
		name, text, json string
		kind             secrets.Kind
	}{
		{"array", "", `[]`, secrets.KindArray},
		{"empty", "", `""`, secrets.KindString},
		{"lone", "\ufffd", "\"\ufffd\"", secrets.KindString},
		{"metadata", "", `{"":"ü","owner":"billing"}`, secrets.KindObject},
		{"none", "", `null`, secrets.KindNull},
		{"nul", "a\x00b", `"a\u0000b"`, secrets.KindString},
		{"number", "5432", `5432`, secrets.KindNumber},
		{"object", "", `{"a":[1]}`, secrets.KindObject},
		{"string", "gemischt ü 😀", `"gemischt ü 😀"`, secrets.KindString},
		{"yes", "true", `true`, secrets.KindBoolean},
	}
	for index, name := range document.Names() {
		if index >= len(want) || name != want[index].name {
			t.Fatalf("the names are %q", document.Names())
		}
		field := want[index]
		if kind := document.Kind(name); kind != field.kind {
			t.Errorf("%s is a %v, want %v", name, kind, field.kind)
		}
		if got := reveal(t)(document.JSON(name)); got != field.json {
			t.Errorf("%s has the JSON %q, want %q", name, got, field.json)
		}
		text, err := document.Text(name)
		switch field.kind {
		case secrets.KindNull, secrets.KindObject, secrets.KindArray:
			wantError(t, err, secrets.ErrUnsupported)
		default:
			if got := reveal(t)(text, err); got != field.text {
				t.Errorf("%s has the text %q, want %q", name, got, field.text)
			}
		}
	}
	if got := len(document.Names()); got != len(want) {
		t.Errorf("%d fields, want %d", got, len(want))
	}

	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(reveal(t)(document.Object())), &object); err != nil || len(object) != len(want) {
		t.Errorf("%d members: %v", len(object), err)
	}
	if got := document.Metadata(); !reflect.DeepEqual(got, metadata) {
		t.Errorf("metadata %v", got)
	}
	if document.Version() != 1 || document.Age() != 0 || document.Created().Before(before) {
		t.Errorf("version %d, age %v, created %v", document.Version(), document.Age(), document.Created())
	}
}

func TestMissingFieldIsErrNotFound(t *testing.T) {
	manager := openVault(t)
	document := mustGetDocument(t, manager, mustStoreDocument(t, manager, "db", secrets.NewFields().Set("a", nil)))
	for name, want := range map[string]error{"b": secrets.ErrNotFound, "a\x00": secrets.ErrInvalidArgument} {
		_, text := document.Text(name)
		_, json := document.JSON(name)
		_, bytes := document.Bytes(name)
		for _, err := range []error{text, json, bytes} {
			wantError(t, err, want)
		}
		if kind := document.Kind(name); kind != secrets.KindAbsent || kind.String() != "absent" {
			t.Fatalf("kind %v", kind)
		}
	}
	if len(document.Metadata()) != 0 {
		t.Fatalf("metadata %v", document.Metadata())
	}
}

func TestBytesOfAnyKindSurvive(t *testing.T) {
	manager := openVault(t)
	every := make([]byte, 256)
	for index := range every {
		every[index] = byte(index)
	}
	fields := secrets.NewFields().SetBytes("every", every).SetBytes("empty", nil).SetJSON("number", []byte("5")).
		Set("text", []byte("no base64!"))
	document := mustGetDocument(t, manager, mustStoreDocument(t, manager, "key", fields))
	if got := reveal(t)(document.Bytes("every")); got != string(every) {
		t.Fatalf("got %x", got)
	}
	if got := reveal(t)(document.Bytes("empty")); got != "" {
		t.Fatalf("got %x", got)
	}
	for _, name := range []string{"number", "text"} {
		_, err := document.Bytes(name)
		wantError(t, err, secrets.ErrUnsupported)
	}
	var decoded struct{ Every []byte }
	if err := document.Unmarshal(&decoded); err != nil || string(decoded.Every) != string(every) {
		t.Fatalf("%x, %v", decoded.Every, err)
	}
}

func TestGetIntoFillsAStructOfTheCaller(t *testing.T) {
	manager := openVault(t)
	fields := secrets.NewFields().Set("username", []byte("app")).Set("password", []byte("s3cr3t \"ü\"")).
		SetObject([]byte(`{"port": 5432, "tls": {"verify": true, "names": ["a", "b"]}}`))
	reference := mustStoreDocument(t, manager, "db", fields, secrets.WithMetadata(map[string]string{"owner": "billing"}))
	type database struct {
		Username string
		Password secrets.Secret `json:"password"`
		Port     int            `json:"port"`
		TLS      struct {
			Verify bool
			Names  []string
		} `json:"tls"`
		Metadata map[string]string
		Absent   *secrets.Secret
	}
	var got database
	if err := manager.GetInto(background, reference, &got); err != nil {
		t.Fatal(err)
	}
	if printed := fmt.Sprintf("%+v", got); strings.Contains(printed, "s3cr3t") {
		t.Fatalf("printed as %s", printed)
	}
	if password := got.Password.Reveal(); password != "s3cr3t \"ü\"" {
		t.Fatalf("password %q", password)
	}
	got.Password.Wipe()
	want := database{Username: "app", Port: 5432, Metadata: map[string]string{"owner": "billing"}}
	want.TLS.Verify, want.TLS.Names = true, []string{"a", "b"}
	got.Password = secrets.Secret{}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v", got)
	}
	wantError(t, manager.GetInto(background, "vault://missing", &got), secrets.ErrNotFound)
	wantError(t, manager.GetInto(background, reference+"#port", &got), secrets.ErrInvalidArgument)
}

func TestGetIntoNamesWhatDoesNotFitAndShowsNoValue(t *testing.T) {
	manager := openVault(t)
	fields := secrets.NewFields().SetObject([]byte(`{"outer": {"pin": 271828.5}, "when": "s3cr3t"}`))
	reference := mustStoreDocument(t, manager, "db", fields)
	var pin struct {
		Outer struct {
			Pin int `json:"pin"`
		}
	}
	var when struct{ When time.Time }
	var list []string
	for _, row := range []struct {
		into  any
		names string
		want  error
	}{
		{&pin, "pin", secrets.ErrUnsupported},
		{&when, "Time", secrets.ErrUnsupported},
		{&list, "[]string", secrets.ErrUnsupported},
		{pin, "struct", secrets.ErrInvalidArgument},
		{nil, "nil", secrets.ErrInvalidArgument},
	} {
		err := manager.GetInto(background, reference, row.into)
		wantError(t, err, row.want)
		for ; err != nil; err = errors.Unwrap(err) {
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			if !strings.Contains(text, row.names) || strings.Contains(text, "271828") || strings.Contains(text, "s3cr3t") {
				t.Fatalf("%T: the error is %s", row.into, text)
			}
		}
	}
}

func TestEachOfManyDocumentsHasAnErrorOfItsOwn(t *testing.T) {
	manager := openVault(t)
	first := mustStoreDocument(t, manager, "first", secrets.NewFields().Set("a", []byte("1")).Set("b", []byte("2")))
	references := []string{first, "vault://missing", "vault://\x00", "env://other", first + "#a", first + "?version=1"}
	results, err := manager.GetDocuments(background, references)
	if err != nil || len(results) != len(references) {
		t.Fatalf("%d of %d: %v", len(results), len(references), err)
	}
	for index, want := range []error{nil, secrets.ErrNotFound, secrets.ErrInvalidArgument, secrets.ErrInvalidReference,
		secrets.ErrInvalidArgument, nil} {
		defer results[index].Document.Wipe()
		if want != nil {
			wantError(t, results[index].Err, want)
			if results[index].Document != nil {
				t.Fatalf("%q has an error and a document", references[index])
			}
			continue
		}
		if got := reveal(t)(results[index].Document.Text("b")); got != "2" {
			t.Fatalf("got %q", got)
		}
	}
	if results, err := manager.GetDocuments(background, nil); err != nil || len(results) != 0 {
		t.Fatalf("%v, %v", results, err)
	}
}

func TestDocumentsAndFieldsNeverPrintThemselves(t *testing.T) {
	manager := openEnv(t)
	fields := secrets.NewFields().Set("value", []byte("s3cr3t"))
	defer fields.Wipe()
	reference, _, err := manager.StoreDocument(background, "go_document_printed", fields)
	if err != nil {
		t.Fatal(err)
	}
	document := mustGetDocument(t, manager, reference)
	for _, thing := range []any{document, fields} {
		encoded, err := json.Marshal(thing)
		if err != nil || string(encoded) != `"[redacted]"` {
			t.Fatalf("%T is the JSON %s, %v", thing, encoded, err)
		}
		var lines strings.Builder
		slog.New(slog.NewTextHandler(&lines, nil)).Info("line", "thing", thing)
		for _, printed := range []string{fmt.Sprintf("%v %+v %#v %x", thing, thing, thing, thing), lines.String()} {
			if strings.Contains(printed, "s3cr3t") || !strings.Contains(printed, "[redacted]") {
				t.Fatalf("%T prints %s", thing, printed)
			}
		}
	}
}

func TestWipedDocumentHasNothing(t *testing.T) {
	manager := openEnv(t)
	document := mustGetDocument(t, manager, mustStore(t, manager, "go_document_wiped", "value"))
	copied := reveal(t)(document.Text("value"))
	for range [2]int{} {
		document.Wipe()
	}
	_, text := document.Text("value")
	_, json := document.JSON("value")
	_, bytes := document.Bytes("value")
	_, object := document.Object()
	for _, err := range []error{text, json, bytes, object, document.Unmarshal(new(any))} {
		wantError(t, err, secrets.ErrInvalidArgument)
	}
	if copied != "value" || len(document.Names()) != 0 || document.Kind("value") != secrets.KindAbsent ||
		len(document.Metadata()) != 0 || document.Version() != 0 || !document.Created().IsZero() || document.Age() != 0 {
		t.Fatal("something is left")
	}
	var none *secrets.Document
	none.Wipe()
}

func TestDocumentMayBeWipedWhileOthersReadIt(t *testing.T) {
	manager := openEnv(t)
	reference := mustStore(t, manager, "go_document_shared", "value")
	for round := 0; round < 20; round++ {
		document := mustGetDocument(t, manager, reference)
		var group sync.WaitGroup
		for worker := 0; worker < 8; worker++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for {
					secret, err := document.Text("value")
					if errors.Is(err, secrets.ErrInvalidArgument) {
						return
					}
					if err != nil || secret.Reveal() != "value" {
						t.Errorf("%v", err)
						return
					}
				}
			}()
		}
		document.Wipe()
		group.Wait()
	}
}
