package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// mustStoreMany stores count numbered values, and gives their references.
func mustStoreMany(t testing.TB, manager *secrets.Manager, key string, count int) []string {
	t.Helper()
	items := make([]secrets.Item, count)
	for number := range items {
		items[number] = secrets.Item{Key: fmt.Sprint(key, number), Value: []byte(fmt.Sprint("value ", number))}
	}
	stored, err := manager.StoreMany(background, items)
	if err != nil || len(stored) != count {
		t.Fatalf("%d of %d: %v", len(stored), count, err)
	}
	references := make([]string, count)
	for number, one := range stored {
		if one.Err != nil {
			t.Fatal(one.Err)
		}
		references[number] = one.Reference
	}
	return references
}

func checkManyKeepTheirOrder(t *testing.T, manager *secrets.Manager, count int, lastReference string) {
	t.Helper()
	references := mustStoreMany(t, manager, "go/many/", count)
	if last := references[count-1]; last != lastReference {
		t.Fatalf("the last reference is %q, want %q", last, lastReference)
	}
	results, err := manager.GetMany(background, references)
	if err != nil || len(results) != count {
		t.Fatalf("%d of %d: %v", len(results), count, err)
	}
	for number, result := range results {
		if want := fmt.Sprint("value ", number); result.Err != nil || result.Secret.Reveal() != want {
			t.Fatalf("got %q, %v; want %q", result.Secret.Reveal(), result.Err, want)
		}
		result.Secret.Wipe()
	}
}

func TestManyKeepTheirOrderOnEnv(t *testing.T) {
	checkManyKeepTheirOrder(t, openEnv(t), 40, "env://HANDSFREE_SECRET_GO_MANY_39")
}

func TestManyKeepTheirOrderOnVault(t *testing.T) {
	s := server(t)
	checkManyKeepTheirOrder(t, s.open(t, secrets.WithMount(s.freshMount(t))), 300, "vault://go/many/299")
}

func TestEachOfManyHasAnErrorOfItsOwn(t *testing.T) {
	manager := openEnv(t)
	stored, err := manager.StoreMany(background, []secrets.Item{
		{Key: "go_own_errors", Value: []byte("here")},
		{Key: "no key\x00", Value: []byte("x")},
		{Key: "go_own_nul", Value: []byte("front\x00tail")},
		{Key: "gö", Value: []byte("x")},
		{Key: "go_own_empty"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for index, one := range stored {
		if (one.Err == nil) != (one.Reference != "") {
			t.Fatalf("item %d has both or neither: %q, %v", index, one.Reference, one.Err)
		}
		switch index {
		case 0, 4:
			wantError(t, one.Err, nil)
		default:
			wantError(t, one.Err, secrets.ErrInvalidArgument)
		}
	}
	if message := stored[2].Err.Error(); !strings.Contains(message, "U+0000") || strings.Contains(message, "tail") {
		t.Fatalf("message %q", message)
	}

	const missing = "env://HANDSFREE_SECRET_GO_OWN_NUL" // was refused above, and not cut
	results, err := manager.GetMany(background,
		[]string{missing, stored[4].Reference, "vault://of_another", "env://\x00", stored[0].Reference})
	if err != nil {
		t.Fatal(err)
	}
	for index, want := range []error{secrets.ErrNotFound, nil, secrets.ErrInvalidReference, secrets.ErrInvalidArgument, nil} {
		wantError(t, results[index].Err, want)
	}
	if first, last := results[1].Secret.Reveal(), results[4].Secret.Reveal(); first != "" || last != "here" {
		t.Fatalf("got %q and %q", first, last)
	}
	if results[0].Secret.Len() != 0 {
		t.Fatal("a missing secret has a value")
	}
}

func TestEachOfManyIsDeniedByItself(t *testing.T) {
	s := server(t)
	mount := s.freshMount(t)
	s.request(t, "PUT", "sys/policies/acl/go-many", map[string]string{
		"policy": fmt.Sprintf("path %q { capabilities = [\"create\", \"update\", \"read\"] }", mount+"/data/mine/*"),
	})
	created := s.request(t, "POST", "auth/token/create",
		map[string]any{"policies": []string{"go-many"}, "no_default_policy": true})
	token := created["auth"].(map[string]any)["client_token"].(string)
	manager := s.open(t, secrets.WithMount(mount), secrets.WithToken(token))
	stored, err := manager.StoreMany(background, []secrets.Item{
		{Key: "theirs/a", Value: []byte("x")}, {Key: "mine/a", Value: []byte("x")}})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, stored[0].Err, secrets.ErrPermissionDenied)
	var failure *secrets.Error
	if !errors.As(stored[0].Err, &failure) || failure.HTTPStatus != http.StatusForbidden {
		t.Fatalf("%+v", failure)
	}
	wantError(t, stored[1].Err, nil)
}

func TestNoneOfManyIsNoError(t *testing.T) {
	manager := openEnv(t)
	for _, references := range [][]string{nil, {}} {
		if results, err := manager.GetMany(background, references); err != nil || len(results) != 0 {
			t.Fatalf("%v, %v", results, err)
		}
	}
	if stored, err := manager.StoreMany(background, nil); err != nil || len(stored) != 0 {
		t.Fatalf("%v, %v", stored, err)
	}
}

func TestManyAtOnceRespectCloseAndTheContext(t *testing.T) {
	manager := openEnv(t)
	cancelled, cancel := context.WithCancel(background)
	cancel()
	items := []secrets.Item{{Key: "go_many_never", Value: []byte("x")}}
	_, err := manager.StoreMany(cancelled, items)
	wantError(t, err, secrets.ErrCancelled, context.Canceled)
	references := []string{"env://HANDSFREE_SECRET_GO_MANY_NEVER"}
	results, err := manager.GetMany(background, references)
	wantError(t, err, nil)
	wantError(t, results[0].Err, secrets.ErrNotFound)
	manager.Close()
	_, err = manager.StoreMany(background, items)
	wantError(t, err, secrets.ErrClosed)
	_, err = manager.GetMany(background, references)
	wantError(t, err, secrets.ErrClosed)
}

func TestDeadlineOfTheContextEndsAllOfMany(t *testing.T) {
	manager, _ := openStalled(t)
	ctx, cancel := context.WithTimeout(background, 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	results, err := manager.GetMany(ctx, []string{"vault://a", "nonsense", "vault://b", "vault://c"})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Fatalf("it took %v", took)
	}
	for index, result := range results {
		if index == 1 {
			wantError(t, result.Err, secrets.ErrInvalidReference)
			continue
		}
		wantError(t, result.Err, secrets.ErrTimeout, context.DeadlineExceeded)
	}
}

func TestCancellingTheContextEndsAllOfMany(t *testing.T) {
	manager, proxy := openStalled(t)
	ctx, cancel := context.WithCancel(background)
	done := make(chan []secrets.Stored)
	go func() {
		stored, _ := manager.StoreMany(ctx, []secrets.Item{{Key: "a"}, {Key: "b"}})
		done <- stored
	}()
	eventually(t, "the requests", func() bool { return proxy.held.Load() > 0 })
	cancel()
	stored := <-done
	if len(stored) != 2 {
		t.Fatalf("%d outcomes", len(stored))
	}
	for _, one := range stored {
		wantError(t, one.Err, secrets.ErrCancelled, context.Canceled)
	}
}
