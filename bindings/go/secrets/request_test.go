package secrets_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// decode decodes a body and wipes it.
func decode(t testing.TB, body secrets.Secret, into any) {
	t.Helper()
	defer body.Wipe()
	if err := json.Unmarshal(body.Bytes(), into); err != nil {
		t.Fatalf("%q: %v", body.Reveal(), err)
	}
}

func TestRequestReachesEveryEndpoint(t *testing.T) {
	s := server(t)
	mount := s.freshMount(t)
	manager := s.open(t, secrets.WithMount(mount))
	response, err := manager.Request(background, http.MethodGet, "sys/health", nil)
	if err != nil || response.Status != http.StatusOK {
		t.Fatalf("status %d, %v", response.Status, err)
	}
	var health struct{ Initialized, Sealed bool }
	if decode(t, response.Body, &health); !health.Initialized || health.Sealed {
		t.Fatalf("%+v", health)
	}

	response, err = manager.Request(background, http.MethodPost, mount+"/data/a", []byte(`{"data": {"value": "ü"}}`))
	if err != nil || response.Status != http.StatusOK {
		t.Fatalf("status %d, %v", response.Status, err)
	}
	if got := mustGet(t, manager, "vault://a"); got != "ü" {
		t.Fatalf("got %q", got)
	}
	response, err = manager.Request(background, "LIST", mount+"/metadata/", nil)
	if err != nil {
		t.Fatal(err)
	}
	var listed struct{ Data struct{ Keys []string } }
	if decode(t, response.Body, &listed); len(listed.Data.Keys) != 1 || listed.Data.Keys[0] != "a" {
		t.Fatalf("%+v", listed)
	}
	response, err = manager.Request(background, http.MethodDelete, mount+"/metadata/a", nil)
	if err != nil || response.Status != http.StatusNoContent || response.Body.Len() != 0 {
		t.Fatalf("status %d with %d bytes, %v", response.Status, response.Body.Len(), err)
	}
}

func TestFailedRequestIsAnError(t *testing.T) {
	s := server(t)
	mount := s.freshMount(t)
	manager := s.open(t, secrets.WithMount(mount))
	for _, row := range []struct {
		method, path, body string
		want               error
	}{
		{"GET", mount + "/data/missing", "", secrets.ErrNotFound},
		{"GET", "no-such-mount/a", "", secrets.ErrConfig},
		{"POST", mount + "/data/a", `{}`, secrets.ErrInvalidArgument},
		{"POST", mount + "/data/a", `{"data"`, secrets.ErrInvalidArgument},
		{"GET", "sys/health", `{}`, secrets.ErrInvalidArgument},
		{"BREW", "sys/health", "", secrets.ErrInvalidArgument},
		{"GET", "sys/../health", "", secrets.ErrInvalidArgument},
		{"G\x00ET", "sys/health", "", secrets.ErrInvalidArgument},
		{"GET", "sys/health\x00", "", secrets.ErrInvalidArgument},
		{"POST", mount + "/data/a", "{}\x00", secrets.ErrInvalidArgument},
	} {
		response, err := manager.Request(background, row.method, row.path, []byte(row.body))
		wantError(t, err, row.want)
		if response.Status != 0 || response.Body.Len() != 0 {
			t.Fatalf("%s %s: %+v", row.method, row.path, response)
		}
	}
	_, err := manager.Request(background, "GET", "no-such-mount/a", nil)
	var failure *secrets.Error
	if !errors.As(err, &failure) || failure.HTTPStatus != http.StatusNotFound {
		t.Fatalf("%+v", failure)
	}
}

func TestWrappedAnswerIsUnwrappedOnce(t *testing.T) {
	manager := openVault(t)
	reference := mustStore(t, manager, "a", "s3cr3t")
	path := "sys/mounts"
	response, err := manager.Request(background, "GET", path, nil, secrets.WithWrapTTL(time.Minute))
	if err != nil || response.Status != http.StatusOK {
		t.Fatalf("status %d, %v", response.Status, err)
	}
	var wrapped struct {
		Data     any
		WrapInfo struct {
			Token string
			TTL   int
		} `json:"wrap_info"`
	}
	if decode(t, response.Body, &wrapped); wrapped.Data != nil || wrapped.WrapInfo.TTL != 60 {
		t.Fatalf("%v, %d s", wrapped.Data, wrapped.WrapInfo.TTL)
	}
	token := wrapped.WrapInfo.Token
	answer, err := manager.Unwrap(background, token)
	if err != nil {
		t.Fatal(err)
	}
	var mounts struct{ Data map[string]any }
	if decode(t, answer, &mounts); mounts.Data["sys/"] == nil {
		t.Fatalf("%+v", mounts)
	}
	for _, spent := range []string{token, "hvs.unknown-token"} {
		_, err = manager.Unwrap(background, spent)
		wantError(t, err, secrets.ErrAuth)
		if strings.Contains(err.Error(), spent) {
			t.Fatalf("the message shows the token: %q", err)
		}
	}
	_, err = manager.Unwrap(background, token+"\x00")
	wantError(t, err, secrets.ErrInvalidArgument)
	for _, ttl := range []time.Duration{0, -time.Second} {
		_, err = manager.Request(background, "GET", path, nil, secrets.WithWrapTTL(ttl))
		wantError(t, err, secrets.ErrInvalidArgument)
	}
	if got := mustGet(t, manager, reference); got != "s3cr3t" {
		t.Fatalf("got %q", got)
	}
}

func TestCheckTellsWhetherTheManagerCanBeUsed(t *testing.T) {
	s := server(t)
	created := s.request(t, "POST", "auth/token/create", map[string]any{"policies": []string{"default"}})
	token := created["auth"].(map[string]any)["client_token"].(string)
	manager := s.open(t, secrets.WithToken(token))
	if err := manager.Check(background); err != nil {
		t.Fatal(err)
	}
	s.request(t, "POST", "auth/token/revoke", map[string]string{"token": token})
	wantError(t, manager.Check(background), secrets.ErrAuth)

	stalled, _ := openStalled(t)
	ctx, cancel := context.WithTimeout(background, 100*time.Millisecond)
	defer cancel()
	wantError(t, stalled.Check(ctx), secrets.ErrTimeout, context.DeadlineExceeded)
}

func TestEnvHasNoServerAndIsAlwaysReady(t *testing.T) {
	manager := openEnv(t)
	if err := manager.Check(background); err != nil {
		t.Fatal(err)
	}
	_, err := manager.Request(background, "GET", "sys/health", nil)
	wantError(t, err, secrets.ErrUnsupported)
	_, err = manager.Unwrap(background, "hvs.token")
	wantError(t, err, secrets.ErrUnsupported)
}

func TestEveryOtherCallRespectsCloseAndTheContext(t *testing.T) {
	const reference = "env://HANDSFREE_SECRET_GO_CLOSED"
	manager := openEnv(t)
	fields := secrets.NewFields().Set("value", nil)
	defer fields.Wipe()
	calls := func(ctx context.Context) []error {
		_, get := manager.GetDocument(ctx, reference)
		_, many := manager.GetDocuments(ctx, []string{reference})
		_, _, store := manager.StoreDocument(ctx, "go_closed", fields)
		_, update := manager.UpdateDocument(ctx, reference, fields, secrets.WithCAS(1))
		_, versions := manager.Versions(ctx, reference)
		_, rollback := manager.Rollback(ctx, reference, 1)
		_, _, rotate := manager.Rotate(ctx, reference, "")
		_, request := manager.Request(ctx, "GET", "sys/health", nil)
		_, unwrap := manager.Unwrap(ctx, "hvs.token")
		return []error{get, many, store, update, versions, rollback, rotate, request, unwrap,
			manager.GetInto(ctx, reference, new(any)), manager.DeleteVersions(ctx, reference, 1),
			manager.UndeleteVersions(ctx, reference, 1), manager.DestroyVersions(ctx, reference, 1),
			manager.SetCustomMetadata(ctx, reference, nil), manager.Check(ctx)}
	}
	cancelled, cancel := context.WithCancel(background)
	cancel()
	for _, err := range calls(cancelled) {
		wantError(t, err, secrets.ErrCancelled, context.Canceled)
	}
	manager.Close()
	for _, err := range calls(background) {
		wantError(t, err, secrets.ErrClosed)
	}
}
