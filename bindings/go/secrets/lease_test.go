package secrets_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// openPKI gives a manager with a pki mount of the test's own, whose certificates have leases, and the path that issues
// them.
func openPKI(t testing.TB) (*secrets.Manager, string) {
	t.Helper()
	manager := server(t).open(t)
	mount := strings.ToLower(t.Name())
	mustPost(t, manager, "sys/mounts/"+mount, `{"type": "pki"}`)
	mustPost(t, manager, mount+"/root/generate/internal", `{"common_name": "ca", "key_type": "ec"}`)
	mustPost(t, manager, mount+"/roles/web",
		`{"allow_any_name": true, "key_type": "ec", "generate_lease": true, "ttl": "1h"}`)
	return manager, mount + "/issue/web"
}

func TestLeaseTellsItsTimeAndIsRevoked(t *testing.T) {
	manager, path := openPKI(t)
	name := secrets.NewFields().Set("common_name", []byte("a.test"))
	lease, err := manager.Lease(background, path, name)
	if err != nil {
		t.Fatal(err)
	}
	left, ends := lease.Remaining()
	if !ends || left < 59*time.Minute || lease.Generation() != 0 || !strings.HasPrefix(lease.ID(), path) {
		t.Errorf("%v left, generation %d, id %q", left, lease.Generation(), lease.ID())
	}
	if lease.Fields().Kind("private_key") != secrets.KindString || strings.Contains(fmt.Sprint(lease), "PRIVATE") {
		t.Error("the fields")
	}
	if err := lease.Renew(background); !errors.Is(err, secrets.ErrUnsupported) {
		t.Errorf("renew: %v", err)
	}
	if err := lease.Revoke(background); err != nil {
		t.Fatal(err)
	}
	if left, _ := lease.Remaining(); left != 0 {
		t.Errorf("%v left after the revocation", left)
	}
	lease.Close()
	if err := lease.Revoke(background); !errors.Is(err, secrets.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestCredentialsGiveTheSameUntilTheyAreRefusedOrRevoked(t *testing.T) {
	manager, path := openPKI(t)
	name := secrets.NewFields().Set("common_name", []byte("a.test"))
	credentials, err := manager.Credentials(background, path, name)
	if err != nil {
		t.Fatal(err)
	}
	get := func() *secrets.Lease {
		t.Helper()
		lease, err := credentials.Get(background)
		if err != nil {
			t.Fatal(err)
		}
		return lease
	}
	first := get()
	if get().ID() != first.ID() || first.Generation() != 1 {
		t.Error("another lease without a reason")
	}
	if err := first.Renew(background); !errors.Is(err, secrets.ErrInvalidArgument) {
		t.Errorf("renew of a generation: %v", err)
	}
	if err := credentials.Refused(first); err != nil || get().Generation() != 2 {
		t.Errorf("refused: %v, generation %d", err, get().Generation())
	}
	if next, err := manager.Maintain(background); err != nil || next < 30*time.Minute || next > time.Hour {
		t.Errorf("maintain: %v, %v", next, err)
	}
	if err := credentials.Revoke(background); err != nil || get().Generation() != 3 {
		t.Errorf("revoke: %v", err)
	}
	credentials.Close()
	if _, err := credentials.Get(background); !errors.Is(err, secrets.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestWhatIsNotThereGivesNoLease(t *testing.T) {
	manager, path := openPKI(t)
	for where, expected := range map[string]error{
		"nowhere/creds/app": secrets.ErrConfig, "vault://nothing": secrets.ErrNotFound, "": secrets.ErrInvalidArgument,
		path: secrets.ErrUnsupported, "a\x00b": secrets.ErrInvalidArgument,
	} {
		if _, err := manager.Lease(background, where, nil); !errors.Is(err, expected) {
			t.Errorf("%q: %v", where, err)
		}
		if _, err := manager.Credentials(background, where, nil); !errors.Is(err, expected) {
			t.Errorf("%q: %v", where, err)
		}
	}
}
