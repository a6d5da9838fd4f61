package secrets_test

import (
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

func TestCachedAnswersServeUntilTheyAreClearedOrTooOld(t *testing.T) {
	s := server(t)
	mount := s.freshMount(t)
	manager := s.open(t, secrets.WithMount(mount), secrets.WithCache(time.Hour, 0))
	other := s.open(t, secrets.WithMount(mount))
	reference := mustStore(t, manager, "cached", "first")
	if got := mustGet(t, manager, reference); got != "first" {
		t.Fatalf("got %q", got)
	}
	mustStore(t, other, "cached", "second")
	if got := mustGet(t, manager, reference); got != "first" {
		t.Fatalf("got %q although it is cached", got)
	}
	document, err := manager.GetDocument(background, reference)
	if err != nil || document.Age() <= 0 {
		t.Fatalf("age %v, %v", document.Age(), err)
	}
	value, err := manager.Get(secrets.ContextWithMaxAge(background, 0), reference)
	if err != nil || value.String() == "" || string(value.Bytes()) != "second" {
		t.Fatalf("%v", err)
	}
	mustStore(t, other, "cached", "third")
	if err := manager.ClearCache(reference); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, manager, reference); got != "third" {
		t.Fatalf("got %q after it was cleared", got)
	}
	mustStore(t, other, "cached", "fourth")
	if err := manager.ClearCache(""); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, manager, reference); got != "fourth" {
		t.Fatalf("got %q after all was cleared", got)
	}
	wantError(t, manager.ClearCache("nonsense"), secrets.ErrInvalidReference)
	wantError(t, manager.ClearCache("a\x00b"), secrets.ErrInvalidArgument)
	_, err = manager.Get(secrets.ContextWithMaxAge(background, -time.Second), reference)
	wantError(t, err, secrets.ErrInvalidArgument)
	manager.Close()
	wantError(t, manager.ClearCache(""), secrets.ErrClosed)
}
