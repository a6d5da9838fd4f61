package secrets_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// A vaultServer is a real server in dev mode, shared by the tests of this program.
type vaultServer struct {
	address, token string
	stop           func()
}

var (
	sharedServer vaultServer
	startServer  sync.Once
	nextMount    atomic.Int32
)

func TestMain(m *testing.M) {
	code := m.Run()
	if sharedServer.stop != nil {
		sharedServer.stop()
	}
	os.Exit(code)
}

// server starts the server with the first test that asks for it. scripts/with-server runs a shell that prints the
// address and ends when its standard input does; so the server ends with this program, however that ends.
func server(t testing.TB) vaultServer {
	t.Helper()
	startServer.Do(func() {
		command := exec.Command("../../../scripts/with-server", "sh", "-c", `echo "$VAULT_ADDR $VAULT_TOKEN"; cat`)
		command.Stderr = os.Stderr
		input, err := command.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(output).ReadString('\n')
		if err != nil {
			t.Fatalf("the server did not start: %v", err)
		}
		if _, err := fmt.Sscan(line, &sharedServer.address, &sharedServer.token); err != nil {
			t.Fatal(err)
		}
		sharedServer.stop = func() {
			input.Close()
			_ = command.Wait()
		}
	})
	if sharedServer.address == "" {
		t.Fatal("there is no server: see the first test that wanted one")
	}
	return sharedServer
}

// request asks the server around the library, as root, and gives the answer's "data".
func (s vaultServer) request(t testing.TB, method, path string, body any) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(method, s.address+"/v1/"+path, bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Vault-Token", s.token)
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s %v", method, path, answer.Status, content, err)
	}
	var decoded map[string]any
	if len(content) > 0 {
		if err := json.Unmarshal(content, &decoded); err != nil {
			t.Fatal(err)
		}
	}
	return decoded
}

// freshMount makes a KV version 2 mount of the test's own.
func (s vaultServer) freshMount(t testing.TB) string {
	t.Helper()
	mount := fmt.Sprintf("go%d", nextMount.Add(1))
	s.request(t, "POST", "sys/mounts/"+mount, map[string]any{"type": "kv", "options": map[string]string{"version": "2"}})
	return mount
}

// open opens a manager that hears of nothing but its options. Later options win.
func (s vaultServer) open(t testing.TB, options ...secrets.Option) *secrets.Manager {
	t.Helper()
	manager, err := secrets.Open(s.options(options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { manager.Close() })
	return manager
}

func (s vaultServer) options(options ...secrets.Option) []secrets.Option {
	first := append(common(), secrets.WithoutEnvironment(), secrets.WithVault(s.address), secrets.WithToken(s.token))
	return append(first, options...)
}

func TestVaultKeepsWhatWasStoredUntilItIsDeleted(t *testing.T) {
	s := server(t)
	mount := s.freshMount(t)
	manager := s.open(t, secrets.WithMount(mount))
	if kind := manager.Type(); kind != "vault" {
		t.Fatalf("type %q", kind)
	}
	value := strings.Repeat("gemischt ü 😀\n", 1000)
	reference := mustStore(t, manager, "github_token_user_123", value)
	if want := "vault://github_token_user_123"; reference != want {
		t.Fatalf("reference %q, want %q", reference, want)
	}
	if got := mustGet(t, manager, "vault://github.token/user_123"); got != value {
		t.Fatalf("got %d bytes, want %d", len(got), len(value))
	}
	if err := manager.Update(background, reference, []byte("second")); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, manager, reference); got != "second" {
		t.Fatalf("got %q after the update", got)
	}
	mustStore(t, manager, "github_tokens", "third")
	mustStore(t, manager, "slack", "fourth")
	listed, err := manager.List(background, "github_tok")
	want := []string{"vault://github/token/user/123", "vault://github/tokens"}
	if err != nil || !reflect.DeepEqual(listed, want) {
		t.Fatalf("list gave %q, %v", listed, err)
	}
	canonical, err := manager.CanonicalReference(reference)
	if err != nil || canonical != want[0] {
		t.Fatalf("canonical form %q, %v", canonical, err)
	}
	if err := manager.Delete(background, reference); err != nil {
		t.Fatal(err)
	}
	_, err = manager.Get(background, reference)
	wantError(t, err, secrets.ErrNotFound)
	wantError(t, manager.Update(background, reference, []byte("x")), secrets.ErrNotFound)
	wantError(t, manager.Delete(background, reference), secrets.ErrNotFound)
}

func TestMetadataStayUnlessTheyAreReplaced(t *testing.T) {
	s := server(t)
	mount := s.freshMount(t)
	manager := s.open(t, secrets.WithMount(mount))
	stored := func() any {
		return s.request(t, "GET", mount+"/data/key", nil)["data"].(map[string]any)["data"].(map[string]any)["metadata"]
	}
	first := map[string]string{"scopes": "repo,user", "expires_at": "2026-12-31"}
	reference := mustStore(t, manager, "key", "value", secrets.WithMetadata(first))
	want := any(map[string]any{"scopes": "repo,user", "expires_at": "2026-12-31"})
	if got := stored(); !reflect.DeepEqual(got, want) {
		t.Fatalf("stored %v", got)
	}
	if err := manager.Update(background, reference, []byte("second")); err != nil {
		t.Fatal(err)
	}
	if got := stored(); !reflect.DeepEqual(got, want) {
		t.Fatalf("after an update without metadata: %v", got)
	}
	if err := manager.Update(background, reference, []byte("third"), secrets.WithMetadata(nil)); err != nil {
		t.Fatal(err)
	}
	if got, _ := stored().(map[string]any); len(got) != 0 {
		t.Fatalf("after an update with no metadata: %v", got)
	}
}

func TestFailuresCanBeToldApart(t *testing.T) {
	s := server(t)
	_, badToken := secrets.Open(s.options(secrets.WithToken("s.wrong-token"))...)
	wantError(t, badToken, secrets.ErrAuth)
	if strings.Contains(badToken.Error(), "s.wrong-token") {
		t.Fatalf("the message shows the token: %q", badToken)
	}
	_, refused := secrets.Open(s.options(secrets.WithVault("http://127.0.0.1:1"))...)
	wantError(t, refused, secrets.ErrConnection)

	mount := s.freshMount(t)
	s.request(t, "PUT", "sys/policies/acl/go-read", map[string]string{
		"policy": fmt.Sprintf("path %q { capabilities = [\"read\"] }", mount+"/data/*"),
	})
	created := s.request(t, "POST", "auth/token/create",
		map[string]any{"policies": []string{"go-read"}, "no_default_policy": true})
	token := created["auth"].(map[string]any)["client_token"].(string)
	manager := s.open(t, secrets.WithMount(mount), secrets.WithToken(token))
	_, denied := manager.Store(background, "key", []byte("value"))
	wantError(t, denied, secrets.ErrPermissionDenied)
	var failure *secrets.Error
	if !errors.As(denied, &failure) || failure.HTTPStatus != http.StatusForbidden {
		t.Fatalf("HTTP status of %+v", failure)
	}
	if !strings.HasPrefix(failure.Message, "Failed to store secret: ") {
		t.Fatalf("message %q", failure.Message)
	}
}

// A stallingProxy stands between a manager and its server, and can stop passing anything on.
type stallingProxy struct {
	address string
	stalled atomic.Bool
	held    atomic.Int64 // requests that it keeps to itself
}

func newStallingProxy(t testing.TB, s vaultServer) *stallingProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	proxy := &stallingProxy{address: "http://" + listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", strings.TrimPrefix(s.address, "http://"))
			if err != nil {
				client.Close()
				return
			}
			go proxy.forward(upstream, client)
			go func() {
				defer client.Close()
				_, _ = io.Copy(client, upstream)
			}()
		}
	}()
	return proxy
}

func (p *stallingProxy) forward(upstream, client net.Conn) {
	defer upstream.Close()
	buffer := make([]byte, 1<<16)
	for {
		length, err := client.Read(buffer)
		if err != nil {
			return
		}
		if p.stalled.Load() {
			p.held.Add(1)
			continue
		}
		if _, err := upstream.Write(buffer[:length]); err != nil {
			return
		}
	}
}

// openStalled gives a manager whose server has stopped answering.
func openStalled(t *testing.T, options ...secrets.Option) (*secrets.Manager, *stallingProxy) {
	t.Helper()
	s := server(t)
	proxy := newStallingProxy(t, s)
	manager := s.open(t, append(options, secrets.WithVault(proxy.address))...)
	proxy.stalled.Store(true)
	return manager, proxy
}

func TestDeadlineOfTheContextEndsACallThatWaits(t *testing.T) {
	manager, _ := openStalled(t)
	ctx, cancel := context.WithTimeout(background, 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := manager.Get(ctx, "vault://key")
	wantError(t, err, secrets.ErrTimeout, context.DeadlineExceeded)
	if took := time.Since(start); took < 190*time.Millisecond || took > 10*time.Second {
		t.Fatalf("it took %v: %v", took, err)
	}
}

func TestCancellingTheContextEndsACallThatWaits(t *testing.T) {
	manager, proxy := openStalled(t)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(background)
	failed := make(chan error)
	go func() {
		_, err := manager.Store(ctx, "key", []byte("value"))
		failed <- err
	}()
	eventually(t, "the request", func() bool { return proxy.held.Load() > 0 })
	start := time.Now()
	cancel()
	wantError(t, <-failed, secrets.ErrCancelled, context.Canceled)
	if took := time.Since(start); took > 10*time.Second {
		t.Fatalf("it took %v", took)
	}
	// The proxy's two for the one connection may still be there.
	eventually(t, "the call's goroutines to end", func() bool { return runtime.NumGoroutine() <= before+2 })
}

func TestCancellingTheContextEndsOpen(t *testing.T) {
	s := server(t)
	proxy := newStallingProxy(t, s)
	proxy.stalled.Store(true)
	ctx, cancel := context.WithCancel(background)
	failed := make(chan error)
	go func() {
		_, err := secrets.OpenContext(ctx, s.options(secrets.WithVault(proxy.address))...)
		failed <- err
	}()
	eventually(t, "the request", func() bool { return proxy.held.Load() > 0 })
	cancel()
	wantError(t, <-failed, secrets.ErrCancelled, context.Canceled)
}

func TestCallsOverTheLimitWaitAndRespectTheirContext(t *testing.T) {
	if *inQueue > 0 {
		t.Skip("a queue has no limit for the calls that wait")
	}
	manager, proxy := openStalled(t, secrets.WithMaxCalls(2))
	running, cancel := context.WithCancel(background)
	failed := make(chan error)
	for call := 0; call < 2; call++ {
		go func() {
			_, err := manager.Get(running, "vault://key")
			failed <- err
		}()
	}
	eventually(t, "two calls to run", func() bool { return proxy.held.Load() == 2 })
	short, stop := context.WithTimeout(background, 20*time.Millisecond)
	defer stop()
	_, err := manager.Get(short, "vault://key")
	wantError(t, err, secrets.ErrTimeout, context.DeadlineExceeded)
	if held := proxy.held.Load(); held != 2 {
		t.Fatalf("%d requests were sent", held)
	}
	waiting := make(chan error)
	go func() {
		_, err := manager.Get(background, "vault://key")
		waiting <- err
	}()
	manager.Close()
	wantError(t, <-waiting, secrets.ErrClosed)
	cancel()
	for call := 0; call < 2; call++ {
		wantError(t, <-failed, secrets.ErrCancelled)
	}
}
