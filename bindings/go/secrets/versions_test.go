package secrets_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// storeVersions stores numbered versions of a secret, from 1 on.
func storeVersions(t testing.TB, manager *secrets.Manager, count int) string {
	t.Helper()
	var reference string
	for number := 1; number <= count; number++ {
		reference = mustStore(t, manager, "db", fmt.Sprint("value ", number))
	}
	return reference
}

func states(t testing.TB, manager *secrets.Manager, reference string) string {
	t.Helper()
	history, err := manager.Versions(background, reference)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, version := range history.Versions {
		all = append(all, fmt.Sprint(version.Number, " ", version.State))
		if recent := time.Since(version.Created); recent > time.Hour || recent < -time.Hour {
			t.Fatalf("version %d was created at %v", version.Number, version.Created)
		}
		if deleted := !version.Deletion.IsZero(); deleted != (version.State == secrets.VersionDeleted) {
			t.Fatalf("version %d is %v, and was deleted at %v", version.Number, version.State, version.Deletion)
		}
	}
	return strings.Join(all, ", ")
}

func wantStates(t testing.TB, manager *secrets.Manager, reference, want string) {
	t.Helper()
	if got := states(t, manager, reference); got != want {
		t.Fatalf("the versions are %s, want %s", got, want)
	}
}

func TestVersionsAreDeletedUndeletedAndDestroyed(t *testing.T) {
	manager := openVault(t)
	reference := storeVersions(t, manager, 3)
	wantStates(t, manager, reference, "1 live, 2 live, 3 live")
	if err := manager.DeleteVersions(background, reference, 1, 0); err != nil {
		t.Fatal(err)
	}
	wantStates(t, manager, reference, "1 deleted, 2 live, 3 deleted")
	_, err := manager.Get(background, reference)
	wantError(t, err, secrets.ErrNotFound)
	if err := manager.UndeleteVersions(background, reference, 3); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, manager, reference); got != "value 3" {
		t.Fatalf("got %q", got)
	}
	if err := manager.DestroyVersions(background, reference, 2); err != nil {
		t.Fatal(err)
	}
	wantStates(t, manager, reference, "1 deleted, 2 destroyed, 3 live")
	wantError(t, manager.UndeleteVersions(background, reference, 2), secrets.ErrNotFound)
}

func TestChangeOfVersionsThatAreNotThereChangesNothing(t *testing.T) {
	manager := openVault(t)
	reference := storeVersions(t, manager, 1)
	changes := []func(string, ...int64) error{
		func(r string, v ...int64) error { return manager.DeleteVersions(background, r, v...) },
		func(r string, v ...int64) error { return manager.UndeleteVersions(background, r, v...) },
		func(r string, v ...int64) error { return manager.DestroyVersions(background, r, v...) },
	}
	for _, change := range changes {
		wantError(t, change(reference, 1, 99), secrets.ErrNotFound)
		wantError(t, change("vault://missing", 1), secrets.ErrNotFound)
		wantError(t, change(reference), secrets.ErrInvalidArgument)
		wantError(t, change(reference, -1), secrets.ErrInvalidArgument)
		wantError(t, change(reference+"?version=1", 1), secrets.ErrInvalidArgument)
		wantError(t, change("vault://\x00", 1), secrets.ErrInvalidArgument)
	}
	wantStates(t, manager, reference, "1 live")
	_, err := manager.Versions(background, "vault://missing")
	wantError(t, err, secrets.ErrNotFound)
}

func TestRollbackMakesAnOlderVersionTheLatest(t *testing.T) {
	manager := openVault(t)
	reference := storeVersions(t, manager, 2)
	version, err := manager.Rollback(background, reference, 1)
	if err != nil || version != 3 {
		t.Fatalf("version %d, %v", version, err)
	}
	if got := mustGet(t, manager, reference); got != "value 1" {
		t.Fatalf("got %q", got)
	}
	_, err = manager.Rollback(background, reference, 99)
	wantError(t, err, secrets.ErrNotFound)
	_, err = manager.Rollback(background, reference, 0)
	wantError(t, err, secrets.ErrInvalidArgument)
}

func TestCustomMetadataBelongToAllVersions(t *testing.T) {
	manager := openVault(t)
	reference := storeVersions(t, manager, 1)
	for _, want := range []map[string]string{{"owner": "billing", "team": "ü"}, {"owner": "sales"}, {}} {
		if err := manager.SetCustomMetadata(background, reference, want); err != nil {
			t.Fatal(err)
		}
		mustStore(t, manager, "db", "another")
		history, err := manager.Versions(background, reference)
		if err != nil || !reflect.DeepEqual(history.CustomMetadata, want) {
			t.Fatalf("custom metadata %v, %v", history.CustomMetadata, err)
		}
	}
	set := func(reference string, metadata map[string]string) error {
		return manager.SetCustomMetadata(background, reference, metadata)
	}
	wantError(t, set("vault://missing", nil), secrets.ErrNotFound)
	wantError(t, set(reference, map[string]string{"": "x"}), secrets.ErrInvalidArgument)
	wantError(t, set(reference, map[string]string{"a\x00": "x"}), secrets.ErrInvalidArgument)
}

func TestRotateGivesOneFieldANewValue(t *testing.T) {
	s := server(t)
	manager := openVault(t)
	fields := secrets.NewFields().Set("username", []byte("app")).Set("password", []byte("old"))
	reference := mustStoreDocument(t, manager, "db", fields)
	value, version, err := manager.Rotate(background, reference+"#password", "")
	if err != nil || version != 2 || value.Len() != 32 {
		t.Fatalf("%d bytes, version %d, %v", value.Len(), version, err)
	}
	document := mustGetDocument(t, manager, reference)
	if got := reveal(t)(document.Text("password")); got != value.Reveal() {
		t.Fatalf("stored %q, returned %q", got, value.Reveal())
	}
	if got := reveal(t)(document.Text("username")); got != "app" {
		t.Fatalf("got %q", got)
	}
	if got := mustGet(t, manager, reference+"?version=1#password"); got != "old" {
		t.Fatalf("got %q", got)
	}

	const policy = `length = 12 rule "charset" { charset = "ab" }`
	s.request(t, "PUT", "sys/policies/password/go-rotate", map[string]string{"policy": policy})
	value, version, err = manager.Rotate(background, reference+"#password", "go-rotate")
	if err != nil || version != 3 || value.Len() != 12 || strings.Trim(value.Reveal(), "ab") != "" {
		t.Fatalf("%q, version %d, %v", value.Reveal(), version, err)
	}
	for _, row := range []struct {
		reference, policy string
		want              error
	}{
		{reference + "#password", "no-such-policy", secrets.ErrConfig},
		{reference + "#password", "nul\x00", secrets.ErrInvalidArgument},
		{reference + "#missing", "", secrets.ErrNotFound},
		{reference, "", secrets.ErrNotFound}, // there is no field "value"
		{"vault://missing", "", secrets.ErrNotFound},
		{reference + "?version=1", "", secrets.ErrInvalidArgument},
	} {
		_, _, err := manager.Rotate(background, row.reference, row.policy)
		wantError(t, err, row.want)
	}
}

// checkNoVersions checks a manager on a store that keeps no versions, with a secret that is there.
func checkNoVersions(t *testing.T, manager *secrets.Manager, reference string) {
	t.Helper()
	_, versions := manager.Versions(background, reference)
	_, rollback := manager.Rollback(background, reference, 1)
	_, _, rotate := manager.Rotate(background, reference, "")
	for _, err := range []error{versions, rollback, rotate,
		manager.DeleteVersions(background, reference, 1), manager.UndeleteVersions(background, reference, 1),
		manager.DestroyVersions(background, reference, 1), manager.SetCustomMetadata(background, reference, nil),
		manager.Update(background, reference, []byte("x"), secrets.WithCAS(1))} {
		wantError(t, err, secrets.ErrUnsupported)
	}
}

func TestEnvHasNoVersions(t *testing.T) {
	manager := openEnv(t)
	checkNoVersions(t, manager, mustStore(t, manager, "go_no_versions", "value"))
}

func TestKVVersion1HasDocumentsAndNoVersions(t *testing.T) {
	s := server(t)
	mount := fmt.Sprintf("go%d", nextMount.Add(1))
	s.request(t, "POST", "sys/mounts/"+mount, map[string]any{"type": "kv", "options": map[string]string{"version": "1"}})
	manager := s.open(t, secrets.WithMount(mount))
	fields := secrets.NewFields().Set("value", []byte("a")).SetJSON("port", []byte("5432"))
	defer fields.Wipe()
	metadata := secrets.WithMetadata(map[string]string{"owner": "billing"})
	reference, version, err := manager.StoreDocument(background, "db", fields, metadata)
	if err != nil || version != 0 {
		t.Fatalf("version %d, %v", version, err)
	}
	version, err = manager.UpdateDocument(background, reference, fields.Set("value", []byte("b")))
	if err != nil || version != 0 {
		t.Fatalf("version %d, %v", version, err)
	}
	document := mustGetDocument(t, manager, reference)
	const want = `{"metadata":{"owner":"billing"},"port":5432,"value":"b"}`
	if got := reveal(t)(document.Object()); got != want || document.Version() != 0 || !document.Created().IsZero() {
		t.Fatalf("%s, version %d, created %v", got, document.Version(), document.Created())
	}
	if err := manager.Update(background, reference, []byte("c")); err != nil || mustGet(t, manager, reference) != "c" {
		t.Fatal(err)
	}
	_, err = manager.GetDocument(background, reference+"?version=1")
	wantError(t, err, secrets.ErrUnsupported)
	checkNoVersions(t, manager, reference)
	if err := manager.Delete(background, reference); err != nil {
		t.Fatal(err)
	}
	wantError(t, manager.GetInto(background, reference, new(any)), secrets.ErrNotFound)
}
