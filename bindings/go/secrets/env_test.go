package secrets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

var background = context.Background()

// openEnv opens a manager on the env backend, whose writes stay in this process.
func openEnv(t testing.TB, options ...secrets.Option) *secrets.Manager {
	t.Helper()
	options = append(append(common(), options...), secrets.WithOption("SECRET_MANAGER_TYPE", "env"))
	manager, err := secrets.Open(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { manager.Close() })
	return manager
}

func mustStore(t testing.TB, manager *secrets.Manager, key, value string, options ...secrets.WriteOption) string {
	t.Helper()
	reference, err := manager.Store(background, key, []byte(value), options...)
	if err != nil {
		t.Fatal(err)
	}
	return reference
}

func mustGet(t testing.TB, manager *secrets.Manager, reference string) string {
	t.Helper()
	secret, err := manager.Get(background, reference)
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Wipe()
	return secret.Reveal()
}

// wantError fails unless err is all of the wanted ones.
func wantError(t testing.TB, err error, wanted ...error) {
	t.Helper()
	for _, want := range wanted {
		if !errors.Is(err, want) {
			t.Fatalf("got error %v, want %v", err, want)
		}
	}
}

// eventually waits until condition holds, and fails after a bound that only a hang reaches.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestEnvKeepsWhatWasStoredUntilItIsDeleted(t *testing.T) {
	manager := openEnv(t)
	if kind := manager.Type(); kind != "env" {
		t.Fatalf("type %q", kind)
	}
	reference := mustStore(t, manager, "go.five-operations", "first")
	if want := "env://HANDSFREE_SECRET_GO_FIVE_OPERATIONS"; reference != want {
		t.Fatalf("reference %q, want %q", reference, want)
	}
	if got := mustGet(t, manager, reference); got != "first" {
		t.Fatalf("got %q", got)
	}
	if err := manager.Update(background, reference, []byte("second")); err != nil {
		t.Fatal(err)
	}
	if got := mustGet(t, manager, reference); got != "second" {
		t.Fatalf("got %q after the update", got)
	}
	listed, err := manager.List(background, "go_five")
	if err != nil || len(listed) != 1 || listed[0] != reference {
		t.Fatalf("list gave %q, %v", listed, err)
	}
	if err := manager.Delete(background, reference); err != nil {
		t.Fatal(err)
	}
	_, err = manager.Get(background, reference)
	wantError(t, err, secrets.ErrNotFound)
}

func TestEnvReadsTheVariablesOfTheProcess(t *testing.T) {
	t.Setenv("HANDSFREE_SECRET_GO_FROM_OUTSIDE", "outside")
	if got := mustGet(t, openEnv(t), "env://HANDSFREE_SECRET_GO_FROM_OUTSIDE"); got != "outside" {
		t.Fatalf("got %q", got)
	}
}

func TestEmptyValueIsAValue(t *testing.T) {
	manager := openEnv(t)
	for _, empty := range [][]byte{nil, {}} {
		reference, err := manager.Store(background, "go_empty", empty)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustGet(t, manager, reference); got != "" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestMissingSecretIsErrNotFound(t *testing.T) {
	manager := openEnv(t)
	const missing = "env://HANDSFREE_SECRET_GO_MISSING"
	_, err := manager.Get(background, missing)
	wantError(t, err, secrets.ErrNotFound)
	wantError(t, manager.Update(background, missing, []byte("x")), secrets.ErrNotFound)
	wantError(t, manager.Delete(background, missing), secrets.ErrNotFound)
	if errors.Is(err, secrets.ErrAuth) {
		t.Fatal("a missing secret counts as something else, too")
	}
}

func TestErrorCarriesStatusAndMessage(t *testing.T) {
	_, err := openEnv(t).Get(background, "vault://of_another_manager")
	wantError(t, err, secrets.ErrInvalidReference)
	var failure *secrets.Error
	if !errors.As(fmt.Errorf("wrapped: %w", err), &failure) {
		t.Fatalf("%T is no *secrets.Error", err)
	}
	if failure.Status != secrets.StatusInvalidReference || failure.Status.String() != "HF_ERR_INVALID_REFERENCE" {
		t.Fatalf("status %v", failure.Status)
	}
	if failure.Message == "" || failure.HTTPStatus != 0 {
		t.Fatalf("message %q, HTTP status %d", failure.Message, failure.HTTPStatus)
	}
}

func TestUnknownStatusHasAName(t *testing.T) {
	if got := secrets.Status(math.MinInt32).String(); got != "HF_UNKNOWN" {
		t.Fatalf("got %q", got)
	}
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	_, err := secrets.Open(secrets.WithOption("VALUT_ADDR", "http://127.0.0.1:1"))
	wantError(t, err, secrets.ErrInvalidArgument)
	_, err = secrets.Open(secrets.WithMaxCalls(0))
	wantError(t, err, secrets.ErrInvalidArgument)
	_, err = secrets.Open(secrets.WithoutEnvironment(), secrets.WithOption("SECRET_MANAGER_TYPE", "vault"))
	wantError(t, err, secrets.ErrConfig)
	if want := "VAULT_ADDR environment variable or vault_addr parameter is required"; !strings.Contains(err.Error(), want) {
		t.Fatalf("the message is %q", err)
	}
}

func TestTextsWithNULAreRefusedAndNotCut(t *testing.T) {
	manager := openEnv(t)
	const nul = "go_nul\x00tail"
	_, storeKey := manager.Store(background, nul, []byte("value"))
	_, storeValue := manager.Store(background, "go_nul", []byte("front\x00tail"))
	_, storeMetadata := manager.Store(background, "go_nul", nil, secrets.WithMetadata(map[string]string{"a": nul}))
	_, get := manager.Get(background, "env://"+nul)
	_, list := manager.List(background, nul)
	_, canonical := manager.CanonicalReference("env://" + nul)
	_, open := secrets.Open(secrets.WithToken("front\x00tail"))
	for _, err := range []error{storeKey, storeValue, storeMetadata, get, list, canonical, open,
		manager.Update(background, "env://HANDSFREE_SECRET_GO_NUL", []byte("front\x00tail")),
		manager.Delete(background, "env://"+nul)} {
		wantError(t, err, secrets.ErrInvalidArgument)
		if strings.Contains(err.Error(), "tail") {
			t.Fatalf("the message shows the value: %q", err)
		}
	}
}

func TestClosedManagerGivesErrClosed(t *testing.T) {
	manager := openEnv(t)
	reference := mustStore(t, manager, "go_closed", "value")
	for range [2]int{} {
		if err := manager.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var zero secrets.Manager
	zero.Close()
	for _, closed := range []*secrets.Manager{manager, &zero} {
		_, store := closed.Store(background, "go_closed", []byte("value"))
		_, get := closed.Get(background, reference)
		_, list := closed.List(background, "")
		_, canonical := closed.CanonicalReference(reference)
		for _, err := range []error{store, get, list, canonical,
			closed.Update(background, reference, []byte("value")), closed.Delete(background, reference)} {
			wantError(t, err, secrets.ErrClosed)
		}
	}
	if kind := manager.Type(); kind != "env" {
		t.Fatalf("type %q after Close", kind)
	}
}

func TestCancelledContextStopsACallBeforeItBegins(t *testing.T) {
	manager := openEnv(t)
	cancelled, cancel := context.WithCancel(background)
	cancel()
	_, err := manager.Store(cancelled, "go_never_stored", []byte("value"))
	wantError(t, err, secrets.ErrCancelled, context.Canceled)
	late, stop := context.WithDeadline(background, time.Now().Add(-time.Second))
	defer stop()
	_, err = manager.Store(late, "go_never_stored", []byte("value"))
	wantError(t, err, secrets.ErrTimeout, context.DeadlineExceeded)
	_, err = manager.Get(background, "env://HANDSFREE_SECRET_GO_NEVER_STORED")
	wantError(t, err, secrets.ErrNotFound)
	_, err = secrets.OpenContext(cancelled, secrets.WithOption("SECRET_MANAGER_TYPE", "env"))
	wantError(t, err, secrets.ErrCancelled, context.Canceled)
}

func TestSecretNeverPrintsItself(t *testing.T) {
	manager := openEnv(t)
	const value = "s3cr3t-v4lu3"
	secret, err := manager.Get(background, mustStore(t, manager, "go_printed", value))
	if err != nil {
		t.Fatal(err)
	}
	nested := struct {
		Exported secrets.Secret
		hidden   secrets.Secret
		Pointer  *secrets.Secret
	}{secret, secret, &secret}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T"} {
		fmt.Fprintf(&printed, verb+" "+verb+" "+verb+"\n", secret, &secret, nested)
	}
	fmt.Fprintln(&printed, secret, secret.String(), secret.GoString(), nested.hidden)
	for _, handler := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
		slog.New(handler).Info("line", "secret", secret, "pointer", &secret, "nested", nested)
	}
	if err := json.NewEncoder(&printed).Encode(map[string]any{"secret": secret, "nested": nested}); err != nil {
		t.Fatal(err)
	}
	if err := xml.NewEncoder(&printed).Encode(secret); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), fmt.Sprint([]byte(value))} {
		if strings.Contains(printed.String(), form) {
			t.Fatalf("printed as %q:\n%s", form, printed.String())
		}
	}
	if got := fmt.Sprintf("%v|%x|%#v", secret, secret, &secret); got != "[redacted]|[redacted]|[redacted]" {
		t.Fatalf("printed as %q", got)
	}
}

func TestWipeEmptiesEveryCopyOfASecret(t *testing.T) {
	manager := openEnv(t)
	secret, err := manager.Get(background, mustStore(t, manager, "go_wiped", "value"))
	if err != nil {
		t.Fatal(err)
	}
	second, bytesBefore := secret, secret.Bytes()
	if secret.Len() != 5 || string(bytesBefore) != "value" {
		t.Fatalf("%d bytes, %q", secret.Len(), bytesBefore)
	}
	second.Wipe()
	if !bytes.Equal(bytesBefore, make([]byte, 5)) || secret.Len() != 0 || secret.Reveal() != "" {
		t.Fatalf("%q is left, and %d bytes", bytesBefore, secret.Len())
	}
	second.Wipe()
	var zero secrets.Secret
	zero.Wipe()
	if zero.Len() != 0 || zero.Bytes() != nil || zero.String() != "[redacted]" {
		t.Fatal("the zero Secret is not empty")
	}
}

func TestManyGoroutinesShareAManagerWhileItIsClosed(t *testing.T) {
	manager := openEnv(t, limited(4))
	reference := mustStore(t, manager, "go_shared", "value")
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	var calls atomic.Int64
	var group sync.WaitGroup
	for worker := 0; worker < 32; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				secret, err := manager.Get(ctx, reference)
				if errors.Is(err, secrets.ErrClosed) {
					return
				}
				if err != nil || secret.Reveal() != "value" {
					t.Errorf("got %v, %v", secret.Len(), err)
					return
				}
				secret.Wipe()
				calls.Add(1)
			}
		}()
	}
	eventually(t, "calls", func() bool { return calls.Load() > 1000 })
	manager.Close()
	group.Wait()
}

func TestFinishedCallsLeaveNoGoroutineBehind(t *testing.T) {
	manager := openEnv(t)
	reference := mustStore(t, manager, "go_leak", "value")
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(background, time.Hour)
	defer cancel()
	for call := 0; call < 200; call++ {
		if _, err := manager.Get(ctx, reference); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestForgottenManagerIsFreedByTheCollector(t *testing.T) {
	logger, freed := observedLogger(slog.LevelInfo, io.Discard)
	open := func() {
		if _, err := secrets.Open(secrets.WithOption("SECRET_MANAGER_TYPE", "env"), secrets.WithLogger(logger)); err != nil {
			t.Fatal(err)
		}
	}
	open()
	logger = nil
	eventually(t, "the manager and its logger to be freed", func() bool {
		runtime.GC()
		return freed.Load()
	})
}

// An observedHandler is what observedLogger's logger writes to.
type observedHandler struct{ slog.Handler }

// observedLogger makes a logger, and a flag that becomes true once nobody holds the logger any more.
func observedLogger(level slog.Level, output io.Writer) (*slog.Logger, *atomic.Bool) {
	freed := new(atomic.Bool)
	handler := &observedHandler{slog.NewTextHandler(output, &slog.HandlerOptions{Level: level})}
	runtime.SetFinalizer(handler, func(*observedHandler) { freed.Store(true) })
	return slog.New(handler), freed
}

func TestLoggerGetsTheLinesUntilTheManagerIsClosed(t *testing.T) {
	var lines lockedBuffer
	logger, freed := observedLogger(slog.LevelWarn, &lines)
	manager := openEnv(t, secrets.WithLogger(logger))
	_, err := manager.Get(background, "invalid://reference")
	wantError(t, err, secrets.ErrInvalidReference)
	if text := lines.String(); !strings.Contains(text, "level=WARN") {
		t.Fatalf("no warning in %q", text)
	}
	manager.Close()
	logger = nil
	eventually(t, "the logger to be freed", func() bool {
		runtime.GC()
		return freed.Load()
	})
}

func TestLevelOfTheLoggerDecidesWhatIsLogged(t *testing.T) {
	var lines lockedBuffer
	logger, _ := observedLogger(slog.LevelError, &lines)
	_, err := openEnv(t, secrets.WithLogger(logger)).Get(background, "invalid://reference")
	wantError(t, err, secrets.ErrInvalidReference)
	if text := lines.String(); text != "" {
		t.Fatalf("a logger for errors got %q", text)
	}
}

// A panickingHandler fails whenever it is asked to write a line.
type panickingHandler struct{ slog.Handler }

func (panickingHandler) Handle(context.Context, slog.Record) error { panic("no room") }

func TestPanicOfALogHandlerEndsInTheCallback(t *testing.T) {
	logger := slog.New(panickingHandler{slog.NewTextHandler(io.Discard, nil)})
	_, err := openEnv(t, secrets.WithLogger(logger)).Get(background, "invalid://reference")
	wantError(t, err, secrets.ErrInvalidReference)
}

// A lockedBuffer may be written to from any thread.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(line)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
