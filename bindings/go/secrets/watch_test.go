package secrets_test

import (
	"context"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

func TestAWatchTellsWhatHasChanged(t *testing.T) {
	s := server(t)
	mount := s.freshMount(t)
	manager := s.open(t, secrets.WithMount(mount), secrets.WithOption("VAULT_WATCH_INTERVAL", "50ms"))
	reference := mustStore(t, manager, "watched", "first")
	watch, err := manager.NewWatch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	if err := watch.Add(reference, secrets.KnowNothing); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(background, time.Minute)
	defer cancel()
	change, err := watch.Next(ctx)
	want := secrets.Change{Reference: reference, Kind: secrets.ChangeWritten, Version: 1}
	if err != nil || change != want {
		t.Fatalf("%+v, %v", change, err)
	}
	changes := watch.Changes(ctx)
	mustStore(t, manager, "watched", "second")
	if change := <-changes; change.Version != 2 {
		t.Fatalf("%+v", change)
	}
	if err := manager.Delete(background, reference); err != nil {
		t.Fatal(err)
	}
	if change := <-changes; change.Kind != secrets.ChangeDeleted || change.Kind.String() != "deleted" {
		t.Fatalf("%+v", change)
	}
	cancel()
	for range changes {
	}
	short, done := context.WithTimeout(background, 200*time.Millisecond)
	defer done()
	if change, err := watch.Next(short); err == nil {
		t.Fatalf("%+v", change)
	}
	if err := watch.Remove(reference); err != nil {
		t.Fatal(err)
	}
	wantError(t, watch.Remove(reference), secrets.ErrNotFound)
	wantError(t, watch.Add("nonsense", 0), secrets.ErrInvalidReference)
	wantError(t, watch.Add(reference, -2), secrets.ErrInvalidArgument)
	ended := make(chan error)
	go func() {
		_, err := watch.Next(background)
		ended <- err
	}()
	time.Sleep(100 * time.Millisecond) // so that most runs find it waiting
	watch.Close()
	wantError(t, <-ended, secrets.ErrClosed)
	wantError(t, watch.Add(reference, 0), secrets.ErrClosed)
	_, err = openEnv(t).NewWatch()
	wantError(t, err, secrets.ErrUnsupported)
}

func TestAChannelOfChangesTellsNothingAtTheDeadlineOfItsContext(t *testing.T) {
	watch, err := server(t).open(t).NewWatch()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	channel := func(number int) {
		ctx, cancel := context.WithTimeout(background, time.Duration(number)*100*time.Microsecond)
		defer cancel()
		for change := range watch.Changes(ctx) {
			t.Errorf("%+v", change)
		}
	}
	for number := 0; number < 300; number++ {
		channel(number % 30)
	}
}
